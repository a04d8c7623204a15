// Package loose is about folders of manifests that have no kustomization: what is
// built of them.
package loose

import (
	"encoding/json"
	"slices"

	"sigs.k8s.io/kustomize/api/konfig"

	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// KustomizationFile is what the kustomization of such a folder is called.
const KustomizationFile = "kustomization.yaml"

// IsKustomization reports whether kustomize takes a file of this name for one.
func IsKustomization(name string) bool {
	return slices.Contains(konfig.RecognizedKustomizationFileNames(), name)
}

// Generate writes the kustomization of a folder that has none, as Flux does:
// every YAML and JSON file below it, in order, whatever the case of its ending; a
// folder below it with a kustomization of its own is taken as a base and not
// looked into. A link among them is listed too, so that the build refuses it by
// its name. What holds no object is left out when it is read, see [Folder.Leaves].
// nil means that there is nothing to build.
func Generate(t *tree.Tree, root string) []byte {
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
	return slices.ContainsFunc(d.Entries(), func(n tree.Node) bool { return IsKustomization(n.Name) })
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

// Flaw looks for a flaw where a kustomization is generated: in a folder
// and those below it, but for bases, which are read by themselves.
func Flaw(t *tree.Tree, p string) error {
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
