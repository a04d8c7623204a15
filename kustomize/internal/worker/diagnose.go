package worker

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/types"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// diagnose says why a build failed, in words for the author of its files: which
// file, which line, what to do. kustomize's own texts name Go types, print whole
// objects and often the wrong file, so they are never passed on. The files are
// read again, here in the child, since they are a stranger's.
func diagnose(f *remoteFS, err error) *Failure {
	d := &diagnosis{fs: f}
	for _, file := range f.order {
		data, readErr := f.again(file)
		if readErr != nil {
			continue
		}
		var failure *Failure
		if isKustomization(file) {
			failure = d.kustomization(file, data)
		} else if d.listed(file) {
			failure = d.manifest(file, data)
		}
		if failure != nil {
			return failure
		}
	}
	return d.words(plain(err.Error()))
}

type diagnosis struct {
	fs *remoteFS
	// resources are the paths that kustomizations list as manifests.
	resources map[string]bool
	documents []document
	// kustomizations in the order in which they were read, with their text.
	kustomizations []string
	texts          map[string][]byte
}

// document is one object of a manifest.
type document struct {
	file                  string
	line                  int
	kind, namespace, name string
	// stub: it is sealed, and came as its template.
	stub bool
}

func (d *diagnosis) listed(file string) bool { return d.resources[file] }

// kustomization looks through one, and notes what it lists.
func (d *diagnosis) kustomization(file string, data []byte) *Failure {
	if d.resources == nil {
		d.resources, d.texts = map[string]bool{}, map[string][]byte{}
	}
	d.kustomizations = append(d.kustomizations, file)
	d.texts[file] = data
	for _, other := range d.kustomizations {
		if other != file && path.Dir(other) == path.Dir(file) {
			return &Failure{File: file,
				Problem: fmt.Sprintf("there are multiple kustomizations in this folder: %s and %s; hint: keep one",
					path.Base(other), path.Base(file))}
		}
	}
	if failure := syntax(file, data); failure != nil {
		return failure
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return &Failure{File: file,
			Problem: "is empty; hint: list files under resources, or remove it, so that every manifest in the folder is built"}
	}
	var k types.Kustomization
	if err := k.Unmarshal(data); err != nil {
		return unreadable(file, data, err)
	}
	for _, resource := range slices.Concat(k.Resources,
		k.Bases) { //nolint:staticcheck // deprecated fields are loaded all the same
		d.resources[path.Join(path.Dir(file), resource)] = true
	}
	return d.references(file, data, &k)
}

// references looks whether what a kustomization names is there.
func (d *diagnosis) references(file string, data []byte, k *types.Kustomization) *Failure {
	for _, r := range references(k) {
		if strings.ContainsAny(r.value, "\n{[") {
			continue
		}
		at := path.Join(Root, path.Dir(file), r.value)
		folder := strings.HasPrefix(r.field, "resources") || strings.HasPrefix(r.field, "bases") ||
			strings.HasPrefix(r.field, "components")
		problem := ""
		switch kind := d.fs.stat(at); {
		case kind == None:
			problem = fmt.Sprintf("%s: %q does not exist", r.field, r.value)
		case kind == Dir && !folder:
			problem = fmt.Sprintf("%s: %q is a folder, not a file", r.field, r.value)
		case kind == Dir && !d.hasKustomization(at):
			problem = fmt.Sprintf("%s: folder %q has no kustomization.yaml; hint: write one there, or list its files", r.field,
				r.value)
		case kind == File && strings.HasPrefix(r.field, "components"):
			problem = fmt.Sprintf("%s: %q is a file; a component is a folder with a kustomization.yaml of kind Component",
				r.field, r.value)
		}
		if problem != "" {
			return &Failure{File: file, Line: lineOf(data, r.value), Problem: problem}
		}
	}
	return nil
}

func (d *diagnosis) hasKustomization(dir string) bool {
	names, _ := d.fs.ReadDir(dir)
	return slices.ContainsFunc(names, isKustomization)
}

// manifest looks through the documents of a file that is listed as objects.
func (d *diagnosis) manifest(file string, data []byte) *Failure {
	if failure := syntax(file, data); failure != nil {
		return failure
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var node yaml.Node
		if err := decoder.Decode(&node); err != nil || len(node.Content) == 0 {
			return nil
		}
		if failure := d.object(file, node.Content[0]); failure != nil {
			return failure
		}
	}
}

func (d *diagnosis) object(file string, node *yaml.Node) *Failure {
	fail := func(line int, format string, args ...any) *Failure {
		return &Failure{File: file, Line: line, Problem: fmt.Sprintf(format, args...)}
	}
	if node.Kind == yaml.ScalarNode && node.Tag == "!!null" {
		return nil
	}
	if node.Kind != yaml.MappingNode {
		return fail(node.Line, "is no Kubernetes object: a mapping with apiVersion, kind and metadata belongs here")
	}
	kind := valueOf(node, "kind")
	metadata := valueOf(node, "metadata")
	name := valueOf(metadata, "name")
	if field, value, want := mistypedIdentity(node); want != "" {
		return fail(value.Line, "%s is %s, not %s", field, typeOf(value), want)
	}
	switch {
	case valueOf(node, "apiVersion") == nil && kind == nil:
		return fail(node.Line, "is no Kubernetes object: it has neither apiVersion nor kind")
	case valueOf(node, "apiVersion") == nil:
		return fail(node.Line, "apiVersion is missing")
	case kind == nil:
		return fail(node.Line, "kind is missing")
	case strings.HasSuffix(kind.Value, "List"):
		return d.items(file, valueOf(node, "items"))
	case name == nil && valueOf(metadata, "generateName") != nil:
		return fail(valueOf(metadata, "generateName").Line,
			"metadata.generateName is refused: an object without a name of its own cannot be tracked; hint: write metadata.name")
	case name == nil || name.Value == "":
		return fail(node.Line, "metadata.name is missing")
	}
	doc := document{file: file, line: node.Line, kind: kind.Value, name: name.Value}
	if namespace := valueOf(metadata, "namespace"); namespace != nil {
		doc.namespace = namespace.Value
	}
	doc.stub = valueOf(valueOf(metadata, "annotations"), api.StubAnnotation) != nil
	d.documents = append(d.documents, doc)
	return nil
}

// items are objects as well.
func (d *diagnosis) items(file string, list *yaml.Node) *Failure {
	if list == nil || list.Kind != yaml.SequenceNode {
		return nil
	}
	for _, item := range list.Content {
		if failure := d.object(file, item); failure != nil {
			return failure
		}
	}
	return nil
}

// mistypedIdentity finds what names an object and is no text; want is "" for nothing.
func mistypedIdentity(node *yaml.Node) (field string, value *yaml.Node, want string) {
	metadata := followed(valueOf(node, "metadata"))
	if metadata != nil && metadata.Kind != yaml.MappingNode && !isNull(metadata) {
		return "metadata", metadata, "a mapping"
	}
	for _, named := range []struct {
		field string
		value *yaml.Node
	}{{"apiVersion", valueOf(node, "apiVersion")}, {"kind", valueOf(node, "kind")},
		{"metadata.name", valueOf(metadata, "name")}, {"metadata.namespace", valueOf(metadata, "namespace")}} {
		if value := followed(named.value); value != nil && value.Kind != yaml.ScalarNode {
			return named.field, value, "text"
		}
	}
	return "", nil, ""
}

func valueOf(node *yaml.Node, key string) *yaml.Node {
	if node != nil && node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

var yamlLine = regexp.MustCompile(`line (\d+): `)

// syntax finds what is no YAML, and keys that stand twice.
func syntax(file string, data []byte) *Failure {
	if failure := unreadableRune(file, data); failure != nil {
		return failure
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var node yaml.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			line, text := 0, strings.TrimPrefix(err.Error(), "yaml: ")
			if m := yamlLine.FindStringSubmatchIndex(text); m != nil {
				line, _ = strconv.Atoi(text[m[2]:m[3]])
				text = text[:m[0]] + text[m[1]:]
			}
			if indentedWithTab(data, line) {
				text += "; hint: indent with spaces, not with tabs"
			}
			return &Failure{File: file, Line: line, Problem: "is not YAML: " + text}
		}
		if key := composite(&node); key != nil {
			return &Failure{File: file, Line: key.Line,
				Problem: "has braces or brackets for a key, as {{ … }} of a template reads; hint: bulla fills in no templates: " +
					"render them first, or put the text in quotes"}
		}
		if first, second := twice(&node); second != nil {
			return &Failure{File: file, Line: second.Line,
				Problem: fmt.Sprintf("%q stands twice in one mapping, in line %d too; hint: keep one; "+
					"where a merge kept both sides, begin it again (git checkout --merge FILE)", second.Value, first.Line)}
		}
	}
}

// unreadableRune finds what YAML does not allow as a character. Its parsers say so
// without a line.
func unreadableRune(file string, data []byte) *Failure {
	for i, size := 0, 0; i < len(data); i += size {
		var r rune
		r, size = utf8.DecodeRune(data[i:])
		problem := ""
		switch {
		case r == utf8.RuneError && size == 1:
			problem = "is not UTF-8; hint: save it as UTF-8"
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r >= 0x7F && r < 0xA0 && r != 0x85:
			problem = fmt.Sprintf("has the control character %U, which YAML does not allow; "+
				"hint: take it out, or write it as \"\\x%02X\" in double quotes", r, r)
		default:
			continue
		}
		return &Failure{File: file, Line: 1 + bytes.Count(data[:i], []byte("\n")), Problem: problem}
	}
	return nil
}

// indentedWithTab looks at one line, counted from 1.
func indentedWithTab(data []byte, line int) bool {
	lines := bytes.SplitN(data, []byte("\n"), line+1)
	if line < 1 || line > len(lines) {
		return false
	}
	text := lines[line-1]
	return bytes.IndexByte(text[:len(text)-len(bytes.TrimLeft(text, " \t"))], '\t') >= 0
}

// composite finds a key that is a mapping or a list. YAML has such keys and JSON
// has none, so kustomize reports them without file and line.
func composite(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(node.Content); i += 2 {
			if kind := node.Content[i].Kind; kind == yaml.MappingNode || kind == yaml.SequenceNode {
				return node.Content[i]
			}
		}
	}
	for _, item := range node.Content {
		if key := composite(item); key != nil {
			return key
		}
	}
	return nil
}

// twice finds the first key that a mapping has twice.
func twice(node *yaml.Node) (first, second *yaml.Node) {
	if node.Kind == yaml.MappingNode {
		seen := map[string]*yaml.Node{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := node.Content[i]
			if key.Kind == yaml.ScalarNode && seen[key.Value] != nil {
				return seen[key.Value], key
			}
			seen[key.Value] = key
		}
	}
	for _, item := range node.Content {
		if first, second := twice(item); second != nil {
			return first, second
		}
	}
	return nil, nil
}

var (
	unknownField = regexp.MustCompile(`unknown field "([^"]+)"`)
	wrongType    = regexp.MustCompile(`cannot unmarshal (\w+) into Go struct field \w+\.(\S+) of type`)
)

// unreadable is about a kustomization that is YAML and no kustomization.
func unreadable(file string, data []byte, err error) *Failure {
	failure := &Failure{File: file, Problem: "is not a kustomization; hint: kubectl explains its fields"}
	if m := unknownField.FindStringSubmatch(err.Error()); m != nil {
		failure.Line, failure.Problem = keyLine(data, m[1]), fmt.Sprintf("%q is not a field of a kustomization", m[1])
		if near := nearField(m[1]); near != "" {
			failure.Problem += "; hint: did you mean " + near + "?"
		}
	} else if wrong := mistyped(file, data); wrong != nil {
		return wrong
	} else if m := wrongType.FindStringSubmatch(err.Error()); m != nil {
		field := m[2][strings.LastIndex(m[2], ".")+1:]
		failure.Line, failure.Problem = keyLine(data, field), fmt.Sprintf("%s has the wrong type: %s", m[2], m[1])
	}
	return failure
}

// kustomizationFields are those that are mistyped.
var kustomizationFields = []string{
	"resources", "components", "patches", "namePrefix", "nameSuffix", "namespace", "labels", "commonLabels",
	"commonAnnotations", "images",
	"replicas", "configMapGenerator", "secretGenerator", "generatorOptions", "replacements", "transformers", "generators",
	"configurations",
}

// nearField is the field that differs in one character, or in case.
func nearField(name string) string {
	for _, field := range kustomizationFields {
		a, b := strings.ToLower(name), strings.ToLower(field)
		if a == b || a+"s" == b || a == b+"s" || len(a) == len(b) && differing(a, b) <= 2 {
			return field
		}
	}
	return ""
}

func differing(a, b string) int {
	n := 0
	for i := range len(a) {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

func keyLine(data []byte, key string) int {
	return matchLine(data, regexp.MustCompile(`(?:^|[\s{,"'-])`+regexp.QuoteMeta(key)+`["']?\s*:`))
}

func lineOf(data []byte, value string) int {
	return matchLine(data, regexp.MustCompile(`(?:^|[\s\["',=-])`+regexp.QuoteMeta(value)+`(?:$|[\s\]"',])`))
}

// matchLine is the first line that matches, 0 for none.
func matchLine(data []byte, re *regexp.Regexp) int {
	for i, line := range strings.Split(string(data), "\n") {
		if text, _, _ := strings.Cut(line, " #"); re.MatchString(text) {
			return i + 1
		}
	}
	return 0
}
