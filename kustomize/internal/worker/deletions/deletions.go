// Package deletions finds the patches that take whole objects out of a build.
package deletions

import (
	"bytes"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Deletion is a patch that takes a whole object out of a build: a document that
// says `$patch: delete`.
type Deletion struct {
	File string
	// Kind and Name are those of the patch, or of its target.
	Kind, Name string `json:",omitempty"`
	// Pattern: Kind and Name are a target's, which are regular expressions, and
	// may be empty.
	Pattern bool `json:",omitempty"`
}

// deleteMark is how a patch says that it deletes.
const deleteMark = "$patch"

// target is what a patch is for, where it does not say so itself.
type target struct{ Kind, Name string }

// Patches keeps the files of a build that may delete objects. They are read
// again only after a build that worked, here in the child: they are a
// stranger's.
type Patches map[string][]byte

// Keep keeps a file that may delete; isKustomization says that it is one.
func (p Patches) Keep(file string, data []byte, isKustomization bool) {
	// YAML may write the mark with escapes: such a file is not looked at, so what
	// it deletes counts as lost.
	if marked(data) || isKustomization {
		p[file] = data
	}
}

func marked(data []byte) bool { return bytes.Contains(data, []byte(deleteMark)) }

// Find lists what the files delete.
func (p Patches) Find() []Deletion {
	if !slices.ContainsFunc(slices.Collect(maps.Values(p)), marked) {
		return nil
	}
	l := &lister{files: p}
	for file := range p {
		l.file = file
		l.text(p[file], nil)
	}
	slices.SortFunc(l.found, func(a, b Deletion) int {
		return strings.Compare(a.File+"\x00"+a.Kind+"\x00"+a.Name, b.File+"\x00"+b.Kind+"\x00"+b.Name)
	})
	return slices.Compact(l.found)
}

type lister struct {
	files Patches
	file  string
	found []Deletion
	depth int
}

// text looks through the documents of a file, or of a patch that is written out
// inside of one.
func (l *lister) text(data []byte, t *target) {
	const deepest = 4 // a patch in a transformer in a kustomization
	if l.depth >= deepest || !marked(data) && l.depth > 0 {
		return
	}
	l.depth++
	defer func() { l.depth-- }()
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var document map[string]any
		if err := decoder.Decode(&document); err != nil {
			return
		}
		if document[deleteMark] == "delete" {
			l.add(document, t)
		}
		l.inside(document)
	}
}

func (l *lister) add(document map[string]any, t *target) {
	if t != nil {
		l.found = append(l.found, Deletion{File: l.file, Kind: t.Kind, Name: t.Name, Pattern: true})
		return
	}
	metadata, _ := document["metadata"].(map[string]any)
	kind, _ := document["kind"].(string)
	name, _ := metadata["name"].(string)
	if kind != "" && name != "" {
		l.found = append(l.found, Deletion{File: l.file, Kind: kind, Name: name})
	}
}

// inside looks for patches that are written out, and for those in files that
// have a target here.
func (l *lister) inside(value any) {
	switch value := value.(type) {
	case map[string]any:
		t := targetOf(value["target"])
		if text, ok := value["patch"].(string); ok {
			l.text([]byte(text), t)
		}
		if file, ok := value["path"].(string); ok && t != nil {
			l.text(l.files[path.Join(path.Dir(l.file), file)], t)
		}
		for key, item := range value {
			if key != "patch" {
				l.inside(item)
			}
		}
	case []any:
		for _, item := range value {
			l.inside(item)
		}
	case string:
		if strings.Contains(value, deleteMark) {
			l.text([]byte(value), nil)
		}
	}
}

func targetOf(value any) *target {
	m, ok := value.(map[string]any)
	if !ok {
		return nil
	}
	t := &target{}
	t.Kind, _ = m["kind"].(string)
	t.Name, _ = m["name"].(string)
	return t
}
