package kustomize

import (
	"encoding/json"
	"path"
	"slices"

	"sigs.k8s.io/kustomize/api/konfig"

	"github.com/bulla-dev/bulla/kustomize/internal/worker"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

const kustomizationFile = "kustomization.yaml"

func isKustomizationName(name string) bool {
	return slices.Contains(konfig.RecognizedKustomizationFileNames(), name)
}

func hasKustomization(stat func(string) (worker.Kind, error), dir string) bool {
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		if kind, err := stat(path.Join(dir, name)); err != nil || kind != worker.None {
			return true // an error is found again by the build, which names it
		}
	}
	return false
}

// generate writes the kustomization of a folder that has none, as Flux does:
// every YAML and JSON file below it, in order, whatever the case of its ending; a
// folder below it with a kustomization of its own is taken as a base and not
// looked into. A link among them is listed too, so that the build refuses it by
// its name. What holds no object is left out when it is read, see [view.leaves].
// nil means that there is nothing to build.
func generate(t *tree.Tree, root string) []byte {
	n, err := t.Find(root)
	if err != nil || n == nil || n.Kind != tree.Folder {
		return nil
	}
	resources := []string{}
	collectResources(n.Dir, "", &resources)
	data, err := json.Marshal(map[string]any{
		"apiVersion": "kustomize.config.k8s.io/v1beta1",
		"kind":       "Kustomization",
		"resources":  resources,
	})
	if err != nil {
		return nil
	}
	return data
}

// isBase says whether a folder has a kustomization of its own.
func isBase(d *tree.Dir) bool {
	return slices.ContainsFunc(d.Entries(), func(n tree.Node) bool { return isKustomizationName(n.Name) })
}

func collectResources(d *tree.Dir, at string, resources *[]string) {
	for e := range d.ByPath() {
		p := tree.Join(at, e.Name)
		switch {
		case e.Kind == tree.Folder && isBase(e.Dir):
			*resources = append(*resources, "./"+p)
		case e.Kind == tree.Folder:
			collectResources(e.Dir, p, resources)
		case e.Kind == tree.Link, model.ManifestEnding(e.Name):
			*resources = append(*resources, "./"+p)
		}
	}
}

// charted finds what is no folder of manifests: files for a program that makes
// them. "" when there is nothing to say.
func charted(t *tree.Tree, root string) (file, problem string) {
	n, err := t.Find(root)
	if err != nil || n == nil || n.Kind != tree.Folder {
		return "", ""
	}
	return chartIn(n.Dir, root)
}

func chartIn(d *tree.Dir, at string) (file, problem string) {
	if slices.ContainsFunc(d.Entries(), func(n tree.Node) bool { return isKustomizationName(n.Name) }) {
		return "", ""
	}
	if slices.ContainsFunc(d.Entries(), func(n tree.Node) bool { return n.Name == "Chart.yaml" }) {
		return tree.Join(at, "Chart.yaml"), "this folder is a Helm chart, and Helm is not run; " +
			"hint: render it (helm template) into a folder of the repository, and place that one"
	}
	for _, e := range d.Entries() {
		if e.Kind == tree.Folder {
			if file, problem = chartIn(e.Dir, tree.Join(at, e.Name)); problem != "" {
				return file, problem
			}
		}
	}
	return "", ""
}

// leaves reports whether a file of a folder without kustomization is left out of
// the build: it holds no object. Whether it does is read off its bytes, so that
// nothing else decides it.
func (v *view) leaves(p string, data []byte) bool {
	if v.generated == nil || !v.listed[p] || isStub(data) {
		return false
	}
	keys := KeysOf(p, data)
	if isJSON(p) {
		return !keys.APIVersion || !keys.Kind
	}
	if first, _ := contentLines(string(data)); first == "" {
		return false // nothing but comments
	}
	return !keys.APIVersion && !keys.Kind
}

// empty reports whether a generated kustomization builds nothing: kustomize
// calls that an error, and no process is needed to know it.
func (v *view) empty() bool {
	if v.generated == nil {
		return false
	}
	return len(v.listed) == 0
}

// resourcesOf lists the files and folders of a generated kustomization.
func resourcesOf(root string, generated []byte) map[string]bool {
	var k struct{ Resources []string }
	if json.Unmarshal(generated, &k) != nil {
		return nil
	}
	listed := map[string]bool{}
	for _, p := range k.Resources {
		listed[path.Join(root, p)] = true
	}
	return listed
}

// flawBelow looks for a flaw where a kustomization is generated: in a folder
// and those below it, but for bases, which are read by themselves.
func flawBelow(t *tree.Tree, p string) error {
	n, err := t.Find(p)
	if err != nil || n == nil || n.Kind != tree.Folder {
		return err
	}
	if p == "." {
		p = ""
	}
	if flawed := firstFlaw(n.Dir, p); flawed != nil {
		return flawed
	}
	return nil
}

func firstFlaw(d *tree.Dir, at string) *tree.Error {
	if flawed := d.Flaw(at); flawed != nil {
		return flawed
	}
	for _, e := range d.Entries() {
		if e.Kind != tree.Folder || isBase(e.Dir) {
			continue
		}
		if flawed := firstFlaw(e.Dir, tree.Join(at, e.Name)); flawed != nil {
			return flawed
		}
	}
	return nil
}
