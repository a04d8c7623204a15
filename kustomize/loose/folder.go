package loose

import (
	"encoding/json"
	"path"
	"slices"

	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Folder is a folder without a kustomization, with the one that it is given.
type Folder struct {
	// Kustomization is a file's text; nil means that there is nothing to build.
	Kustomization []byte
	path          string
	// listed are the files and folders of the kustomization.
	listed map[string]bool
}

// Open looks at a folder. The error is a [tree.Error] when it cannot be built.
func Open(t *tree.Tree, root string) (*Folder, error) {
	if err := Flaw(t, root); err != nil {
		return nil, err
	}
	if chart := charted(t, root); chart != nil {
		return nil, chart
	}
	f := &Folder{Kustomization: Generate(t, root), path: root}
	f.listed = resourcesOf(root, f.Kustomization)
	return f, nil
}

// IsKustomization reports whether a path is that of the kustomization that nobody
// wrote.
func (f *Folder) IsKustomization(p string) bool {
	return f != nil && f.Kustomization != nil && p == path.Join(f.path, KustomizationFile)
}

// At reports whether the folder has a path and its kustomization is made.
func (f *Folder) At(p string) bool { return f != nil && f.Kustomization != nil && p == f.path }

// Lists reports whether a file is in the folder's kustomization.
func (f *Folder) Lists(p string) bool { return f != nil && f.listed[p] }

// Empty reports whether the kustomization builds nothing: kustomize calls that an
// error, and no process is needed to know it.
func (f *Folder) Empty() bool { return f != nil && f.Kustomization != nil && len(f.listed) == 0 }

// Leaves reports whether a file is left out of the build: it holds no object.
// Whether it does is read off its bytes, so that nothing else decides it.
func (f *Folder) Leaves(p string, data []byte) bool {
	if f == nil || f.Kustomization == nil || !f.listed[p] || built.IsSealed(data) {
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

// charted finds what is no folder of manifests: files for a program that makes
// them. nil when there is nothing to say.
func charted(t *tree.Tree, root string) *tree.Error {
	n, err := t.Find(root)
	if err != nil || n == nil || n.Kind != tree.Folder {
		return nil
	}
	return chartIn(n.Dir, root)
}

func chartIn(d *tree.Dir, at string) *tree.Error {
	if isBase(d) {
		return nil
	}
	if slices.ContainsFunc(d.Entries(), func(n tree.Node) bool { return n.Name == "Chart.yaml" }) {
		return &tree.Error{Path: tree.Join(at, "Chart.yaml"), Problem: "this folder is a Helm chart, and Helm is not run; " +
			"hint: render it (helm template) into a folder of the repository, and place that one"}
	}
	for _, e := range d.Entries() {
		if e.Kind == tree.Folder {
			if chart := chartIn(e.Dir, tree.Join(at, e.Name)); chart != nil {
				return chart
			}
		}
	}
	return nil
}
