package reach

import (
	"bytes"
	"errors"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// fields of a kustomization that name files by nothing but their own texts, or none.
// Not here are those that have other files, or what is built, say which files are read
// (generators, transformers, validators), charts and what is deprecated.
var fields = []string{
	"apiVersion", "kind", "metadata", "resources", "bases", "components", "namespace", "namePrefix", "nameSuffix",
	"labels", "commonLabels", "commonAnnotations", "images", "replicas", "patches", "patchesStrategicMerge",
	"patchesJson6902", "configMapGenerator", "secretGenerator", "generatorOptions", "replacements", "vars",
	"sortOptions", "buildMetadata",
}

// maxKustomization is far beyond what people write, in bytes.
const maxKustomization = 256 << 10

// Plain says whether a kustomization has nothing but fields of which it is known what they
// do, in a text that every reader takes for the same.
func Plain(file string, data []byte) bool {
	_, ok := names(path.Dir(file), data)
	return ok
}

// names are the paths outside of a folder that its kustomization names; ok is false
// where it has anything of which that is not known.
func names(folder string, data []byte) (paths []string, ok bool) {
	// An escape may spell ".." otherwise, and what is no UTF-8 is another text to others.
	if len(data) > maxKustomization || !utf8.Valid(data) || bytes.ContainsAny(data, "\\\x00\ufeff") {
		return nil, false
	}
	documents := yaml.NewDecoder(bytes.NewReader(data))
	var document, another yaml.Node
	switch err := documents.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, true // nothing but comments
	case err != nil || !errors.Is(documents.Decode(&another), io.EOF) || len(document.Content) != 1:
		return nil, false
	}
	top := document.Content[0]
	if top.Kind != yaml.MappingNode {
		return nil, false
	}
	for i := 0; i < len(top.Content); i += 2 {
		if !slices.Contains(fields, top.Content[i].Value) {
			return nil, false
		}
	}
	r := reading{folder: folder, ok: true}
	r.node(top)
	return r.paths, r.ok
}

// reading collects what one kustomization names.
type reading struct {
	folder string
	paths  []string
	ok     bool
}

// node looks at every text there is: which of them are paths is for kustomize to say.
func (r *reading) node(n *yaml.Node) {
	switch {
	case n.Kind == yaml.AliasNode, n.Style&yaml.TaggedStyle != 0:
		r.ok = false // a text that is read elsewhere, or as something else
	case n.Kind == yaml.ScalarNode:
		r.text(n.Value)
	case n.Kind == yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			r.node(n.Content[i])
			if n.Content[i].Value == "literals" && n.Content[i+1].Kind == yaml.SequenceNode {
				r.literals(n.Content[i+1])
				continue
			}
			r.node(n.Content[i+1])
		}
	default:
		for _, one := range n.Content {
			r.node(one)
		}
	}
}

// literals are texts of a generator that are no paths, whatever they say.
func (r *reading) literals(list *yaml.Node) {
	for _, n := range list.Content {
		if n.Kind != yaml.ScalarNode || n.Style&yaml.TaggedStyle != 0 {
			r.ok = false
		}
	}
}

// plain is a path that every reader takes for the same.
var plain = regexp.MustCompile(`^[A-Za-z0-9._/@+-]+$`)

// ascends says whether a text may lead out of a folder, as a path.
func ascends(s string) bool {
	return slices.ContainsFunc(strings.Split(s, "/"), func(step string) bool {
		return strings.HasPrefix(strings.TrimSpace(step), "..")
	})
}

// text takes one text for a path, and what stands behind each "=" in it: generators name
// files as KEY=FILE.
func (r *reading) text(s string) {
	key, behind, pair := strings.Cut(s, "=")
	if pair {
		r.text(behind)
	}
	switch {
	case strings.HasPrefix(s, "/"):
		r.ok = false // from the root of what a build sees, and not of the folder
	case !ascends(s), pair && !ascends(key): // stays below, or what is behind was looked at
	case !plain.MatchString(s):
		r.ok = false
	default:
		p := path.Join(r.folder, s)
		r.ok = r.ok && p != ".." && !strings.HasPrefix(p, "../")
		r.paths = append(r.paths, p)
	}
}
