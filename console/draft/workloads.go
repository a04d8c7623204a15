package draft

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// mostFiles bounds what is read for one page.
const mostFiles = 5000

// Workloads are the names in the files of a tree, by their kind. Wires are made before
// kustomize renames, so that these are the right ones.
func Workloads(t *tree.Tree) map[string][]string {
	all := map[string][]string{}
	read := 0
	t.Walk("", func(file string, n *tree.Node) {
		ext := path.Ext(file)
		if n.Kind != tree.File || ext != ".yaml" && ext != ".yml" || read == mostFiles {
			return
		}
		data, err := t.ReadFile(file)
		if read++; err != nil || api.ClaimsStub(data) {
			return
		}
		decoder := yaml.NewDecoder(bytes.NewReader(data))
		for {
			var o struct {
				Kind     string
				Metadata struct{ Name string }
			}
			if decoder.Decode(&o) != nil {
				return // the rest of a file that is broken is for `bulla validate`
			}
			if o.Metadata.Name != "" && !slices.Contains(all[o.Kind], o.Metadata.Name) {
				all[o.Kind] = append(all[o.Kind], o.Metadata.Name)
			}
		}
	})
	return all
}

// Written is how the files name what is built by a name: the longest that is in it, since
// kustomize puts texts before and behind.
func Written(workloads map[string][]string, kind, built string) string {
	best := ""
	for _, name := range workloads[kind] {
		if strings.Contains(built, name) && len(name) > len(best) {
			best = name
		}
	}
	if best == "" {
		return built
	}
	return best
}

// Wrong is an error about one field of a page.
func Wrong(field string, err error) error { return &FieldError{field, err} }
