// Package sealed is what pages tell of sealed objects: where they are, for whom they open,
// how old their values are. Never a value: nobody here has one.
//
// What a commit says is from Git, what a cluster has is that cluster's word, and no page
// mixes the two.
package sealed

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/bulla-dev/bulla/desk/built"
	kbuilt "github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Ref names a sealed object as a placement builds it.
type Ref struct{ Placement, Namespace, Name string }

// Object is namespace/name.
func (r Ref) Object() string { return r.Namespace + "/" + r.Name }

// Path is where its page is.
func (r Ref) Path() string {
	return "/secrets/" + url.PathEscape(r.Placement) + "/" + url.PathEscape(r.Namespace) + "/" + url.PathEscape(r.Name)
}

func (r Ref) compare(o Ref) int {
	return cmp.Or(cmp.Compare(r.Placement, o.Placement), cmp.Compare(r.Namespace, o.Namespace),
		cmp.Compare(r.Name, o.Name))
}

// Part is the file that an object is built from, in one variant of its placement.
type Part struct {
	// Variant is "" for the placement's own.
	Variant string
	// Immutable: a cluster that has the object takes no new value.
	Immutable bool
	kbuilt.Stub
}

// Secret is one sealed object.
type Secret struct {
	Ref
	// Parts are one for each variant; most have one.
	Parts []Part
	// Readers are the objects that name it: "Deployment payments/api".
	Readers []string
}

// Files are the paths that it is built from, each once.
func (s Secret) Files() []string {
	var all []string
	for _, p := range s.Parts {
		if !slices.Contains(all, p.Path) {
			all = append(all, p.Path)
		}
	}
	return all
}

// Keys are its keys, sealed and public, sorted.
func (s Secret) Keys() []string {
	var all []string
	for _, p := range s.Parts {
		all = append(all, p.Keys()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// SealedKeys are the keys of its values that are sealed, sorted.
func (s Secret) SealedKeys() []string {
	var all []string
	for _, p := range s.Parts {
		all = append(all, p.SealedKeys()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Stored says that ciphertext of it is in the key service's store, and a reference in Git.
func (s Secret) Stored() bool {
	return slices.ContainsFunc(s.Parts, func(p Part) bool { return p.Reference != nil })
}

// Matches says whether any word of it has a text, in any case.
func (s Secret) Matches(text string) bool {
	text = strings.ToLower(text)
	words := append(slices.Concat(s.Keys(), s.Files(), s.Readers), s.Placement+"/"+s.Namespace+"/"+s.Name)
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(strings.ToLower(w), text) })
}

// Stubs reads the sealed files of trees, the newest one once. It is safe for concurrent
// use.
type Stubs struct {
	mu         sync.Mutex
	commit     string
	stubs      []model.StubFile
	unreadable []model.Unreadable
}

// Of are the files of a commit's tree, and those that cannot be read.
func (s *Stubs) Of(commit string, t *tree.Tree) ([]model.StubFile, []model.Unreadable) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.commit != commit {
		s.stubs, s.unreadable = model.Stubs(t)
		for i := range s.stubs {
			s.stubs[i].Data = nil // parsed, it is not needed
		}
		s.commit = commit
	}
	return s.stubs, s.unreadable
}

// All are the sealed objects that placements build, sorted.
func All(stubs []model.StubFile, index *built.Index) []Secret {
	at := map[string]model.StubFile{}
	for _, s := range stubs {
		at[s.Path] = s
	}
	all := map[Ref]*Secret{}
	for path, uses := range index.Uses {
		file, ok := at[path]
		if !ok {
			continue // a build has read it, and the tree has not: the next commit says
		}
		for _, use := range uses {
			ref := Ref{use.Placement, use.Namespace, use.Name}
			secret, known := all[ref]
			if !known {
				secret = &Secret{Ref: ref, Readers: index.Readers[ref.Object()]}
				all[ref] = secret
			}
			secret.Parts = append(secret.Parts, Part{Variant: use.Variant, Immutable: use.Immutable, Stub: file.Stub})
		}
	}
	list := make([]Secret, 0, len(all))
	for _, secret := range all {
		slices.SortFunc(secret.Parts, func(a, b Part) int {
			return cmp.Or(cmp.Compare(a.Variant, b.Variant), cmp.Compare(a.Path, b.Path))
		})
		list = append(list, *secret)
	}
	slices.SortFunc(list, func(a, b Secret) int { return a.compare(b.Ref) })
	return list
}

// Find is one of them.
func Find(all []Secret, ref Ref) (Secret, bool) {
	i, ok := slices.BinarySearchFunc(all, ref, func(s Secret, r Ref) int { return s.compare(r) })
	if !ok {
		return Secret{}, false
	}
	return all[i], true
}
