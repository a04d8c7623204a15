package worker

import (
	"bytes"
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/types"
)

// textWalk looks at the documents of one file.
type textWalk struct {
	file string
	// patch: a null takes away, and names beginning with $ say how to merge.
	patch bool
	// around is the kustomization that a patch is written out in.
	around []byte
	// target is what a patch is for, nil where it says so itself.
	target *types.Selector
	// id names the object that is looked at.
	id string
	// hint ends what is said of a value that is no text.
	hint    string
	carried []*carried
	found   []*Failure
}

const inQuotes = "; hint: put it in quotes"

// Of a text map. Annotations come out as the text that a file has, so a number
// there is no loss.
const (
	strictly = false
	loosely  = true
)

func (w *textWalk) document(node *yaml.Node) {
	node = followed(node)
	switch node.Kind {
	case yaml.SequenceNode:
		for _, operation := range node.Content {
			w.operation(operation)
		}
	case yaml.MappingNode:
		w.object(node)
	}
}

func (w *textWalk) object(node *yaml.Node) {
	kind, metadata := textOf(valueOf(node, "kind")), valueOf(node, "metadata")
	if items := itemsOf(valueOf(node, "items")); strings.HasSuffix(kind, "List") && items != nil {
		for _, item := range items {
			w.object(item)
		}
		return
	}
	w.id = strings.TrimSpace(kind+" "+textOf(valueOf(metadata, "name"))) + ": "
	if items := followed(valueOf(node, "items")); strings.HasSuffix(kind, "List") && items != nil && !isNull(items) &&
		items.Kind != yaml.SequenceNode {
		w.wrong(items, "items", "items is "+typeOf(items)+", not a list")
	}
	if valueOf(node, "items") == nil && strings.HasSuffix(kind, "List") && textOf(valueOf(metadata, "name")) == "" &&
		!w.patch {
		w.noItems(node)
	}
	w.metadata(metadata)
	if textOf(valueOf(node, "apiVersion")) == "v1" && (kind == "ConfigMap" || kind == "Secret") {
		for _, field := range []string{"data", "stringData", "binaryData"} {
			w.texts(field, valueOf(node, field), strictly)
		}
	}
}

// noItems is about a list of objects without them: a custom kind may be called a
// list, and has a name.
func (w *textWalk) noItems(list *yaml.Node) {
	for i := 0; list.Kind == yaml.MappingNode && i+1 < len(list.Content); i += 2 {
		if key := list.Content[i]; strings.HasPrefix(strings.ToLower(key.Value), "item") {
			w.wrong(key, key.Value, key.Value+" is no field of a list; hint: did you mean items?")
			return
		}
	}
	w.wrong(list, "List", "it has no items; hint: a list holds its objects under items, or is no list")
}

func (w *textWalk) metadata(node *yaml.Node) {
	w.texts("metadata.labels", valueOf(node, "labels"), strictly)
	w.texts("metadata.annotations", valueOf(node, "annotations"), loosely)
}

// operation is one of a JSON patch.
func (w *textWalk) operation(node *yaml.Node) {
	value := valueOf(node, "value")
	op, pointer := textOf(valueOf(node, "op")), textOf(valueOf(node, "path"))
	if op == "copy" || op == "move" {
		c := &carried{file: w.file, what: "patch " + op + " to " + pointer + ": ", to: pointed(pointer),
			from: pointed(textOf(valueOf(node, "from"))), regexp: true}
		if w.target != nil {
			c.kind, c.name = w.target.Kind, w.target.Name
		}
		w.carried = append(w.carried, c)
	}
	if value == nil || op != "add" && op != "replace" {
		return
	}
	w.id = "patch " + op + " " + pointer + ": "
	patch := w.patch
	w.patch = false // a null is written, not taken for a removal
	parts := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	switch {
	case pointer == "":
		w.object(value)
	case pointer == "/metadata":
		w.metadata(value)
	case len(parts) == 2 && parts[0] == "metadata" && isTextMap(parts[1]):
		w.texts("metadata."+parts[1], value, parts[1] == "annotations")
	case len(parts) == 3 && parts[0] == "metadata" && isTextMap(parts[1]):
		w.text("metadata."+parts[1], unpoint.Replace(parts[2]), value, parts[1] == "annotations")
	}
	w.patch = patch
}

var unpoint = strings.NewReplacer("~1", "/", "~0", "~")

func isTextMap(field string) bool { return field == "labels" || field == "annotations" }

// texts checks a mapping of text to text.
func (w *textWalk) texts(field string, node *yaml.Node, loose bool) {
	node = followed(node)
	switch {
	case node == nil, isNull(node):
		return
	case node.Kind != yaml.MappingNode:
		w.wrong(node, field[strings.LastIndex(field, ".")+1:], field+" is "+typeOf(node)+", not a mapping")
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		switch {
		case key.Tag == "!!merge": // what it brings is looked at as it stands elsewhere
			w.merged(field, value, loose)
		case w.patch && strings.HasPrefix(key.Value, "$"):
		case key.Kind == yaml.ScalarNode && key.ShortTag() != "!!str":
			w.wrong(key, key.Value, fmt.Sprintf("%s has %s for a key, not text; hint: put it in quotes", field, typeOf(key)))
		default:
			w.text(field, key.Value, value, loose)
		}
	}
}

// merged looks at what "<<" brings, one level deep: more may go round in circles.
func (w *textWalk) merged(field string, node *yaml.Node, loose bool) {
	node = followed(node)
	sources := []*yaml.Node{node}
	if node.Kind == yaml.SequenceNode {
		sources = node.Content
	}
	for _, source := range sources {
		source = followed(source)
		for i := 0; source.Kind == yaml.MappingNode && i+1 < len(source.Content); i += 2 {
			if key := source.Content[i]; key.Tag != "!!merge" {
				w.text(field, key.Value, source.Content[i+1], loose)
			}
		}
	}
}

func (w *textWalk) text(field, key string, node *yaml.Node, loose bool) {
	node = followed(node)
	switch {
	case isNull(node) && (w.patch || node.Value == ""): // removed, or an empty text as in Kubernetes
	case node.Kind != yaml.ScalarNode, isNull(node), !loose && node.ShortTag() != "!!str" && node.ShortTag() != "!!binary":
		w.wrong(node, key, fmt.Sprintf("%s.%s is %s, not text%s", field, key, typeOf(node), cmp.Or(w.hint, inQuotes)))
	}
}

func (w *textWalk) wrong(node *yaml.Node, word, problem string) {
	line := node.Line
	if w.around != nil {
		line = 0
		if before, _, ok := bytes.Cut(w.around, []byte(word)); ok {
			line = 1 + bytes.Count(before, []byte("\n"))
		}
	}
	const longest = 400
	if problem = w.id + problem; len(problem) > longest {
		problem = strings.ToValidUTF8(problem[:longest], "") + " …"
	}
	w.found = append(w.found, &Failure{File: w.file, Line: line, Problem: problem})
}

// followed is what an alias stands for.
func followed(node *yaml.Node) *yaml.Node {
	if node != nil && node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

func textOf(node *yaml.Node) string {
	if node = followed(node); node == nil || node.Kind != yaml.ScalarNode {
		return ""
	}
	return node.Value
}

func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null" }

func typeOf(node *yaml.Node) string {
	switch node.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a mapping"
	}
	const longest = 40
	switch node.ShortTag() {
	case "!!int", "!!float":
		// As the places behind kustomize write it, where they can.
		if number, err := strconv.ParseFloat(node.Value, 64); err == nil {
			return fmt.Sprintf("the number %v", number)
		}
		return "the number " + node.Value[:min(len(node.Value), longest)]
	case "!!bool":
		return "true or false"
	case "!!null":
		return "null"
	case "!!timestamp":
		return "a date"
	}
	return "text"
}
