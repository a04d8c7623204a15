package haul

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"
)

// Document is one object of a file of manifests.
type Document struct {
	// At says where it stands: "secrets.yaml:12", and in a list which item.
	At string
	// Data is the object, with the lines before it left empty, so that what a parser
	// says of lines is said of the file.
	Data             []byte
	APIVersion, Kind string
	// Encrypted says that SOPS wrote it.
	Encrypted bool
	// Bad says that it is no YAML and no JSON, or no object.
	Bad bool
}

// Documents parts a file into its objects; lists are taken apart. Empty documents
// are passed over.
func Documents(path string, data []byte) []Document {
	var all []Document
	for _, part := range split(data) {
		text := bytes.TrimSpace(part.text)
		if len(text) == 0 {
			continue
		}
		lines := strings.Repeat("\n", part.line)
		doc := Document{
			At:   fmt.Sprintf("%s:%d", Name(path), part.line+1+leading(part.text)),
			Data: append([]byte(lines), part.text...),
		}
		all = append(all, doc.parted()...)
	}
	return all
}

type part struct {
	line int // before it
	text []byte
}

// split cuts where a line begins a document, or ends one: the next needs no line that
// begins it then, and a parser that is asked for one document passes it over. No such line stands within
// a text: YAML reads it as the end of the document there too.
func split(data []byte) []part {
	var parts []part
	var text []byte
	begin, at := 0, 0
	for line := range bytes.Lines(bytes.TrimPrefix(data, []byte("\uFEFF"))) {
		rest, ok := bytes.CutPrefix(line, []byte("---"))
		if !ok {
			rest, ok = bytes.CutPrefix(line, []byte("..."))
		}
		if at++; ok && (len(bytes.TrimSpace(rest)) == 0 || rest[0] == ' ' || rest[0] == '\t') {
			parts = append(parts, part{begin, text})
			begin, text = at-1, append([]byte("   "), rest...)
			continue
		}
		text = append(text, line...)
	}
	return append(parts, part{begin, text})
}

// leading counts lines before the first that says something.
func leading(text []byte) int {
	n := 0
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return n
		}
		n++
	}
	return 0
}

// parted are the items of a list, or the object itself; a comment alone is none.
func (d Document) parted() []Document {
	raw, err := yaml.YAMLToJSON(d.Data)
	if err == nil && string(raw) == "null" {
		return nil
	}
	var object struct {
		APIVersion any               `json:"apiVersion"`
		Kind       any               `json:"kind"`
		SOPS       any               `json:"sops"`
		Items      []json.RawMessage `json:"items"`
	}
	if err != nil || json.Unmarshal(raw, &object) != nil {
		d.Bad = true
		return []Document{d}
	}
	d.APIVersion, _ = object.APIVersion.(string)
	d.Kind, _ = object.Kind.(string)
	d.Encrypted = object.SOPS != nil
	ofList, isList := strings.CutSuffix(d.Kind, "List")
	if !isList || d.Encrypted {
		return []Document{d}
	}
	var all []Document
	for i, item := range object.Items {
		one := Document{At: fmt.Sprintf("%s, item %d", d.At, i+1), Data: item}
		for _, part := range one.parted() {
			if part.Kind == "" && ofList != "" && !part.Bad {
				part.named(d.APIVersion, ofList) // as the API server answers
			}
			all = append(all, part)
		}
	}
	return all
}

// named gives an item of a typed list the kind that its list says.
func (d *Document) named(version, kind string) {
	var object map[string]json.RawMessage
	if json.Unmarshal(d.Data, &object) != nil {
		return
	}
	object["apiVersion"], _ = json.Marshal(version)
	object["kind"], _ = json.Marshal(kind)
	if data, err := json.Marshal(object); err == nil {
		d.Data, d.APIVersion, d.Kind = data, version, kind
	}
}
