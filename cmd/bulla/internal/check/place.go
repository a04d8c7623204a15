package check

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/written"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/blame"
)

// place names the file and line where a value of a built object was written: the
// file that has it as it is in the build, the object's own or a patch, else where
// the object begins; else the placement's file. An empty pointer asks for the
// object, a nil value for whatever stands there.
func (c objects) place(build *kustomize.Build, o kustomize.Object, pointer string, value any) (file string, line int) {
	if o.Stub != nil {
		return o.Stub.Path, 0
	}
	own, first := blame.Origin(c.tree, build.Files, o.ID(), "")
	if pointer != "" {
		for _, name := range append([]string{own}, build.Files...) {
			if at := c.written(name, o.ID(), pointer, value); at > 0 {
				return name, at
			}
		}
	}
	if own == "" {
		return c.placementFile(build.Placement), 0
	}
	return own, first
}

// written is the line of a value in a document about an object, 0 for none.
func (c objects) written(file string, id kustomize.ObjectID, pointer string, value any) int {
	for _, document := range c.documents(file) {
		name := scalar(child(child(document, "metadata"), "name"))
		if name == "" || !strings.Contains(id.Name, name) || scalar(child(document, "kind")) != id.Kind {
			continue
		}
		if node := follow(document, pointer); node != nil && says(node, value) {
			return node.Line
		}
	}
	return 0
}

// documents are the objects in a file, as far as it is YAML.
func (c objects) documents(file string) []*yaml.Node {
	if known, ok := c.parsed[file]; ok {
		return known
	}
	var all []*yaml.Node
	if data, err := c.tree.ReadFile(file); err == nil {
		all = written.Documents(data)
	}
	c.parsed[file] = all
	return all
}

// follow walks along a JSON pointer; the key of what is not there is nil. For a
// field that has no business there it is enough that it stands there.
func follow(node *yaml.Node, pointer string) *yaml.Node {
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		node = child(node, unescape.Replace(step))
	}
	return node
}

func child(node *yaml.Node, step string) *yaml.Node {
	if node != nil && node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node == nil {
		return nil
	}
	if i, err := strconv.Atoi(step); err == nil && node.Kind == yaml.SequenceNode {
		if i < 0 || i >= len(node.Content) {
			return nil
		}
		return node.Content[i]
	}
	for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == step {
			return node.Content[i+1]
		}
	}
	return nil
}

func scalar(node *yaml.Node) string {
	if node == nil || node.Kind != yaml.ScalarNode {
		return ""
	}
	return node.Value
}

// says compares scalars; of mappings and lists a patch may have written a part.
func says(node *yaml.Node, value any) bool {
	if value == nil || node.Kind != yaml.ScalarNode {
		return true
	}
	var written any
	if node.Decode(&written) != nil {
		return false
	}
	a, errA := json.Marshal(written)
	b, errB := json.Marshal(value)
	return errA == nil && errB == nil && slices.Equal(a, b)
}
