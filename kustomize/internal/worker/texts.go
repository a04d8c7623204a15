package worker

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/types"
	sigsyaml "sigs.k8s.io/yaml"
)

// texts looks through the files of a build for labels, annotations and data that
// are not text. kustomize writes these maps anew, by getters that answer a wrong
// type as if there were nothing: where a build comes out, the mistake is gone, and
// with it what stood there.
type texts struct {
	// resources, patches and replacements are what kustomizations list, by path.
	resources, patches, replacements map[string]bool
	// targets are those of patches in files of their own.
	targets map[string]*types.Selector
	// transformers are listed by the kustomization that is the value.
	transformers map[string]string
	// carried are looked at when all documents of objects and patches are known.
	carried   []*carried
	documents []*yaml.Node
	found     []*Failure
}

func newTexts() *texts {
	return &texts{
		resources: map[string]bool{}, patches: map[string]bool{}, replacements: map[string]bool{},
		targets: map[string]*types.Selector{}, transformers: map[string]string{},
	}
}

// lists notes what a kustomization lists, and looks through the patches that are
// written out in it.
func (t *texts) lists(file string, data []byte, k *types.Kustomization) {
	at := func(p string) string { return path.Join(path.Dir(file), p) }
	for _, resource := range slices.Concat(k.Resources,
		k.Bases) { //nolint:staticcheck // deprecated fields are loaded all the same
		t.resources[at(resource)] = true
	}
	for _, p := range slices.Concat(k.Patches, k.PatchesJson6902) { //nolint:staticcheck // likewise
		t.patches[at(p.Path)], t.targets[at(p.Path)] = p.Path != "", p.Target
		t.written(file, p.Patch, data, p.Target)
	}
	for _, p := range k.PatchesStrategicMerge { //nolint:staticcheck // likewise
		t.patches[at(string(p))] = true
		t.written(file, string(p), data, nil)
	}
	for _, r := range k.Replacements {
		t.replacements[at(r.Path)] = r.Path != ""
		t.replaced(file, data, []types.Replacement{r.Replacement})
	}
	for _, transformer := range k.Transformers {
		if strings.Contains(transformer, "\n") {
			t.transform(file, file, []byte(transformer), data)
		} else {
			t.transformers[at(transformer)] = file
		}
	}
}

// written looks through a patch that is written out in a kustomization.
func (t *texts) written(file, patch string, around []byte, target *types.Selector) {
	if strings.ContainsAny(patch, "\n{[") {
		t.add(&textWalk{file: file, patch: true, around: around, target: target}, []byte(patch))
	}
}

// look looks through a file that was read.
func (t *texts) look(file string, data []byte) {
	if patch := t.patches[file]; patch || t.resources[file] {
		t.add(&textWalk{file: file, patch: patch && !t.resources[file], target: t.targets[file]}, data)
	}
	if t.replacements[file] {
		t.replaced(file, data, replacementsOf(data))
	}
	if by := t.transformers[file]; by != "" {
		t.transform(file, by, data, data)
	}
}

// transform looks through the patches of transformers that are written out; their
// paths start at the kustomization that lists them.
func (t *texts) transform(file, by string, data, around []byte) {
	for _, node := range documentsOf(data) {
		var transformer struct {
			Target       *types.Selector
			Replacements []types.ReplacementField
		}
		if text, err := yaml.Marshal(node); err == nil && sigsyaml.Unmarshal(text, &transformer) == nil {
			for _, r := range transformer.Replacements {
				t.replacements[path.Join(path.Dir(by), r.Path)] = r.Path != ""
				t.replaced(file, around, []types.Replacement{r.Replacement})
			}
		}
		for _, field := range []string{"patch", "jsonOp", "patches"} {
			if text := textOf(valueOf(node, field)); text != "" {
				t.add(&textWalk{file: file, patch: true, around: around, target: transformer.Target}, []byte(text))
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
		t.documents = append(t.documents, document)
	}
	for _, c := range w.carried {
		if c.text = w.around; c.text == nil {
			c.text = data
		}
		t.carry(c)
	}
	t.keep(w.found)
}

func (t *texts) keep(found []*Failure) {
	for _, failure := range found {
		if !slices.ContainsFunc(t.found,
			func(f *Failure) bool { return f.File == failure.File && f.Problem == failure.Problem }) {
			t.found = append(t.found, failure)
		}
	}
}

// failure is all that was found, nil for nothing.
func (t *texts) failure() *Failure {
	const most = 10
	t.arrive()
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
