package wire

import (
	"strconv"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/bulla-dev/bulla/kustomize/workload"
)

// at walks from a node along a path; a number goes into a list. nil for what is not
// there.
func at(node *yaml.Node, path ...string) *yaml.Node {
	for _, step := range path {
		if node = followed(node); node == nil {
			return nil
		}
		switch node.Kind {
		case yaml.MappingNode:
			node = entry(node, step)
		case yaml.SequenceNode:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(node.Content) {
				return nil
			}
			node = node.Content[i]
		default:
			return nil
		}
	}
	return followed(node)
}

func followed(node *yaml.Node) *yaml.Node {
	if node != nil && node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

func entry(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

func text(node *yaml.Node, path ...string) string {
	if node = at(node, path...); node == nil || node.Kind != yaml.ScalarNode {
		return ""
	}
	return node.Value
}

func items(node *yaml.Node, path ...string) []*yaml.Node {
	if node = at(node, path...); node == nil || node.Kind != yaml.SequenceNode {
		return nil
	}
	return node.Content
}

// list is the list under a key, made where there is none. nil where something else
// stands there.
func list(mapping *yaml.Node, key string) *yaml.Node {
	node := entry(mapping, key)
	switch {
	case node == nil:
		node = &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		mapping.Content = append(mapping.Content, scalar(key), node)
	case node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null":
		*node = yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: node.Line}
	case node.Kind != yaml.SequenceNode:
		return nil
	}
	return node
}

func scalar(value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value, Style: yaml.DoubleQuotedStyle}
}

// nodeOf writes what an object of Kubernetes has: mappings in the order of keys.
func nodeOf(value any) *yaml.Node {
	node := new(yaml.Node)
	if node.Encode(value) != nil {
		panic("wire: a value that YAML does not have") // of ours alone
	}
	return node
}

// templates are the paths of a document's pod templates.
func templates(document *yaml.Node) [][]string {
	var object map[string]any
	if document.Decode(&object) != nil {
		return nil
	}
	var paths [][]string
	for _, t := range workload.Templates(object) {
		paths = append(paths, t.Path)
	}
	return paths
}
