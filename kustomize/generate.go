package kustomize

import (
	"encoding/json"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"

	"github.com/bulla-dev/bulla/kustomize/internal/worker"
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
// every YAML file below it, in order; a folder below it with a kustomization of
// its own is taken as a base and not looked into. A link among them is listed
// too, so that the build refuses it by its name. nil means that there is
// nothing to build.
func generate(t *Tree, root string) []byte {
	n, err := t.lookup(root)
	if err != nil || n == nil || n.kind != dirNode {
		return nil
	}
	resources := []string{}
	collectResources(n.dir, "", &resources)
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
func isBase(d *dir) bool {
	return slices.ContainsFunc(d.entries, func(n node) bool { return isKustomizationName(n.name) })
}

func collectResources(d *dir, at string, resources *[]string) {
	for _, i := range pathOrder(d) {
		e := &d.entries[i]
		p := join(at, e.name)
		switch {
		case e.kind == dirNode && isBase(e.dir):
			*resources = append(*resources, "./"+p)
		case e.kind == dirNode:
			collectResources(e.dir, p, resources)
		case e.kind == linkNode, strings.HasSuffix(e.name, ".yaml"), strings.HasSuffix(e.name, ".yml"):
			*resources = append(*resources, "./"+p)
		}
	}
}

// empty reports whether a generated kustomization builds nothing: kustomize
// calls that an error, and no process is needed to know it.
func (v *view) empty() bool {
	if v.generated == nil {
		return false
	}
	var k struct{ Resources []string }
	return json.Unmarshal(v.generated, &k) == nil && len(k.Resources) == 0
}
