// Package avp finds the placeholders of argocd-vault-plugin. It reports and changes
// nothing: the values are in somebody's Vault, and which Secret they become a person
// decides.
package avp

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Placeholder is one, and where it stands.
type Placeholder struct {
	File string
	// Line and Column of the value count from 1, columns in characters.
	Line, Column int
	// Object is the kind and the name, with a namespace where the file says one.
	Object string
	// Secret says that the object is a v1 Secret.
	Secret bool
	// Field is where in the object: "data.password", "spec.containers[0].image".
	Field string
	// Path and Key are whence the plugin takes the value; Version is "" for the newest.
	Path, Key, Version string
}

// Annotations of an object that the plugin reads.
const (
	pathAnnotation    = "avp.kubernetes.io/path"
	versionAnnotation = "avp.kubernetes.io/secret-version"
	ignoreAnnotation  = "avp.kubernetes.io/ignore"
)

var (
	// inline is a whole placeholder, <path:PATH#KEY#VERSION | MODIFIER>: the plugin's
	// own grammar (its docs/howitworks.md).
	inline = regexp.MustCompile(`<path:([^#<>\n]+)#([^#<>|\n]+)(?:#([^#<>|\n]+))?(?:\|[^<>\n]*)?>`)
	// byPath is <KEY | MODIFIER>, of an object whose annotation names the path.
	byPath = regexp.MustCompile(`<([^<>|\n:]+)(?:\|[^<>\n]*)?>`)
)

// In finds the placeholders of a file of manifests, YAML or JSON. A file that is neither
// has those that its lines have, as far as they say their path.
func In(file string, data []byte) []Placeholder {
	var all []Placeholder
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var node yaml.Node
		err := decoder.Decode(&node)
		if err == nil && len(node.Content) == 1 {
			d := document{file: file, root: node.Content[0]}
			d.begin()
			if !d.ignored {
				d.walk(d.root, "")
			}
			all = append(all, d.found...)
		}
		if err != nil {
			if err.Error() != "EOF" {
				return inLines(file, data) // a template of Helm, most likely
			}
			return all
		}
	}
}

type document struct {
	file string
	root *yaml.Node
	// object, path and version are what it says of itself.
	object, path, version string
	secret, ignored       bool
	found                 []Placeholder
}

func (d *document) begin() {
	metadata := child(d.root, "metadata")
	name, namespace := text(child(metadata, "name")), text(child(metadata, "namespace"))
	if namespace != "" {
		name = namespace + "/" + name
	}
	kind := text(child(d.root, "kind"))
	d.object = strings.TrimSpace(kind + " " + name)
	d.secret = kind == "Secret" && text(child(d.root, "apiVersion")) == "v1"
	annotations := child(metadata, "annotations")
	d.path = text(child(annotations, pathAnnotation))
	d.version = text(child(annotations, versionAnnotation))
	d.ignored = text(child(annotations, ignoreAnnotation)) == "true"
}

func (d *document) walk(node *yaml.Node, field string) {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := node.Content[i].Value
			if field == "metadata.annotations" && strings.HasPrefix(key, "avp.kubernetes.io/") {
				continue
			}
			d.walk(node.Content[i+1], strings.TrimPrefix(field+"."+key, "."))
		}
	case yaml.SequenceNode:
		for i, item := range node.Content {
			d.walk(item, fmt.Sprintf("%s[%d]", field, i))
		}
	case yaml.ScalarNode:
		d.scalar(node, field)
	}
}

func (d *document) scalar(node *yaml.Node, field string) {
	value := node.Value
	if d.secret && strings.HasPrefix(field, "data.") {
		// The plugin decodes a Secret's data before it looks.
		if plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value)); err == nil {
			value = string(plain)
		}
	}
	at := Placeholder{
		File: d.file, Line: node.Line, Column: node.Column, Object: d.object, Secret: d.secret, Field: field,
	}
	for _, match := range inline.FindAllStringSubmatch(value, -1) {
		one := at
		one.Path, one.Key, one.Version = strings.TrimSpace(match[1]), strings.TrimSpace(match[2]), strings.TrimSpace(match[3])
		d.found = append(d.found, one)
	}
	if d.path == "" {
		return // <KEY> is anybody's
	}
	for _, match := range byPath.FindAllStringSubmatch(inline.ReplaceAllString(value, ""), -1) {
		one := at
		one.Path, one.Key, one.Version = d.path, strings.TrimSpace(match[1]), d.version
		d.found = append(d.found, one)
	}
}

// inLines finds placeholders in what is no YAML.
func inLines(file string, data []byte) []Placeholder {
	var all []Placeholder
	for i, line := range strings.Split(string(data), "\n") {
		for _, at := range inline.FindAllStringSubmatchIndex(line, -1) {
			match := inline.FindStringSubmatch(line[at[0]:at[1]])
			all = append(all, Placeholder{
				File: file, Line: i + 1, Column: len([]rune(line[:at[0]])) + 1,
				Path: strings.TrimSpace(match[1]), Key: strings.TrimSpace(match[2]), Version: strings.TrimSpace(match[3]),
			})
		}
	}
	return all
}

func child(node *yaml.Node, key string) *yaml.Node {
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

func text(node *yaml.Node) string {
	if node == nil || node.Kind != yaml.ScalarNode {
		return ""
	}
	return node.Value
}

// Entry is the entry of Vault's KV engine that a path names, as `vault kv get` takes it:
// the API's path has data/ after the mount in version 2.
func (p Placeholder) Entry() string {
	mount, rest, ok := strings.Cut(p.Path, "/")
	if entry, v2 := strings.CutPrefix(rest, "data/"); ok && v2 {
		return mount + "/" + entry
	}
	return p.Path
}
