package reach

import (
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Finder finds what builds of one tree can ask for. What placements share is read once.
// It is not safe for concurrent use.
type Finder struct {
	tree *tree.Tree
	// known are the paths outside that a folder, or what is in it, names.
	known map[string]named
}

type named struct {
	paths []string
	ok    bool
}

// In returns a finder for a tree.
func In(t *tree.Tree) *Finder { return &Finder{tree: t, known: map[string]named{}} }

// Of are the files and folders, each with all that is in it, beyond which no build of a
// placement asks the tree for anything, in any variant. ok is false where nobody can tell.
func (f *Finder) Of(p *api.Placement) (paths []string, ok bool) {
	var next []string
	for _, variant := range p.InVariants() {
		next = append(next, variant.Spec.Path)
		for _, component := range variant.Spec.Components {
			next = append(next, path.Join(variant.Spec.Path, component))
		}
	}
	for len(next) > 0 {
		at := next[0]
		next = next[1:]
		if slices.Contains(paths, at) {
			continue
		}
		paths = append(paths, at)
		found, known := f.known[at]
		if !known {
			found = f.namedIn(at)
			f.known[at] = found
		}
		if !found.ok {
			return nil, false
		}
		next = append(next, found.paths...)
	}
	return paths, true
}

// namedIn are the paths outside of one that its kustomizations name, all of them: which
// of them is built is for kustomize to say.
func (f *Finder) namedIn(at string) named {
	n, err := f.tree.Find(at)
	if err != nil || n == nil || n.Kind != tree.File && n.Kind != tree.Folder {
		return named{}
	}
	found := named{ok: n.Kind == tree.File || n.Dir.Flaw(at) == nil}
	if n.Kind == tree.File {
		return found
	}
	f.tree.Walk(at, func(file string, n *tree.Node) {
		switch {
		case n.Kind == tree.Folder:
			found.ok = found.ok && n.Dir.Flaw(file) == nil
		case slices.Contains(konfig.RecognizedKustomizationFileNames(), path.Base(file)):
			paths, ok := f.namedBy(file, n)
			found.ok = found.ok && ok
			for _, p := range paths {
				if !Within(p, at) {
					found.paths = append(found.paths, p)
				}
			}
		}
	})
	return found
}

func (f *Finder) namedBy(file string, n *tree.Node) (paths []string, ok bool) {
	if n.Kind != tree.File {
		return nil, false
	}
	data, err := f.tree.ReadFile(file)
	if err != nil {
		return nil, false
	}
	return names(path.Dir(file), data)
}

// Within says whether a path is a folder's, or in it; "." is the root.
func Within(p, folder string) bool {
	return folder == "." || folder == "" || p == folder || strings.HasPrefix(p, folder+"/")
}

// Touched says whether one of some changes is at, in or above one of the paths.
func Touched(paths, changes []string) bool {
	return slices.ContainsFunc(paths, func(p string) bool {
		return slices.ContainsFunc(changes, func(change string) bool { return Within(change, p) || Within(p, change) })
	})
}
