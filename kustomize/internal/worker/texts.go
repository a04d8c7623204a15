package worker

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/types"
)

// texts looks through the files of a build for labels, annotations and data that
// are not text. kustomize writes these maps anew, by getters that answer a wrong
// type as if there were nothing: where a build comes out, the mistake is gone, and
// with it what stood there.
type texts struct {
	// resources and patches are what kustomizations list, by path.
	resources, patches map[string]bool
	// transformers are listed by the kustomization that is the value.
	transformers map[string]string
	found        []*Failure
}

func newTexts() *texts {
	return &texts{resources: map[string]bool{}, patches: map[string]bool{}, transformers: map[string]string{}}
}

// lists notes what a kustomization lists, and looks through the patches that are
// written out in it.
func (t *texts) lists(file string, data []byte, k *types.Kustomization) {
	at := func(p string) string { return path.Join(path.Dir(file), p) }
	for _, resource := range slices.Concat(k.Resources, k.Bases) { //nolint:staticcheck // deprecated fields are loaded all the same
		t.resources[at(resource)] = true
	}
	written := []string{}
	for _, p := range slices.Concat(k.Patches, k.PatchesJson6902) { //nolint:staticcheck // likewise
		t.patches[at(p.Path)] = p.Path != ""
		written = append(written, p.Patch)
	}
	for _, p := range k.PatchesStrategicMerge { //nolint:staticcheck // likewise
		t.patches[at(string(p))] = true
		written = append(written, string(p))
	}
	for _, transformer := range k.Transformers {
		if strings.Contains(transformer, "\n") {
			t.transform(file, file, []byte(transformer), data)
		} else {
			t.transformers[at(transformer)] = file
		}
	}
	for _, patch := range written {
		if strings.ContainsAny(patch, "\n{[") {
			t.add(&textWalk{file: file, patch: true, around: data}, []byte(patch))
		}
	}
}

// look looks through a file that was read.
func (t *texts) look(file string, data []byte) {
	if patch := t.patches[file]; patch || t.resources[file] {
		t.add(&textWalk{file: file, patch: patch && !t.resources[file]}, data)
	}
	if by := t.transformers[file]; by != "" {
		t.transform(file, by, data, data)
	}
}

// transform looks through the patches of transformers that are written out; their
// paths start at the kustomization that lists them.
func (t *texts) transform(file, by string, data, around []byte) {
	for _, node := range documentsOf(data) {
		for _, field := range []string{"patch", "jsonOp", "patches"} {
			if text := textOf(valueOf(node, field)); text != "" {
				t.add(&textWalk{file: file, patch: true, around: around}, []byte(text))
			}
		}
		for _, item := range append(itemsOf(valueOf(node, "paths")), valueOf(node, "path")) {
			if name := textOf(item); name != "" {
				t.patches[path.Join(path.Dir(by), name)] = true
			}
		}
	}
}

func (t *texts) add(w *textWalk, data []byte) {
	for _, document := range documentsOf(data) {
		w.document(document)
	}
	for _, failure := range w.found {
		if !slices.ContainsFunc(t.found, func(f *Failure) bool { return f.File == failure.File && f.Problem == failure.Problem }) {
			t.found = append(t.found, failure)
		}
	}
}

// failure is all that was found, nil for nothing.
func (t *texts) failure() *Failure {
	const most = 10
	if len(t.found) == 0 {
		return nil
	}
	all := t.found[:min(len(t.found), most)]
	if len(t.found) > most {
		all[most-1].Problem += fmt.Sprintf("; and %d more", len(t.found)-most)
	}
	all[0].More = all[1:]
	return all[0]
}

// documentsOf parses a file as far as it is YAML; what is none, kustomize refuses.
func documentsOf(data []byte) []*yaml.Node {
	decoder := yaml.NewDecoder(strings.NewReader(string(data)))
	var all []*yaml.Node
	for {
		var node yaml.Node
		if err := decoder.Decode(&node); err != nil || len(node.Content) == 0 {
			return all
		}
		all = append(all, node.Content[0])
	}
}

// mistyped looks through the maps of text that a kustomization itself has.
func mistyped(file string, data []byte) *Failure {
	t := newTexts()
	w := &textWalk{file: file}
	for _, node := range documentsOf(data) {
		w.texts("commonLabels", valueOf(node, "commonLabels"), strictly)
		w.texts("commonAnnotations", valueOf(node, "commonAnnotations"), strictly)
		w.options("generatorOptions", valueOf(node, "generatorOptions"))
		for i, item := range itemsOf(valueOf(node, "labels")) {
			w.texts(fmt.Sprintf("labels[%d].pairs", i), valueOf(item, "pairs"), strictly)
		}
		for _, field := range []string{"configMapGenerator", "secretGenerator"} {
			for i, item := range itemsOf(valueOf(node, field)) {
				w.options(fmt.Sprintf("%s[%d].options", field, i), valueOf(item, "options"))
			}
		}
	}
	t.found = w.found
	return t.failure()
}

func (w *textWalk) options(field string, node *yaml.Node) {
	w.texts(field+".labels", valueOf(node, "labels"), strictly)
	w.texts(field+".annotations", valueOf(node, "annotations"), strictly)
}

func itemsOf(node *yaml.Node) []*yaml.Node {
	if node = followed(node); node == nil || node.Kind != yaml.SequenceNode {
		return nil
	}
	return node.Content
}
