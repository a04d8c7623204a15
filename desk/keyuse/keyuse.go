// Package keyuse counts what the stubs of a tree need sealing keys for.
//
// It reads every stub file of the tree, also those that no placement builds: a
// key may be taken away when nothing needs it, so what might count does.
package keyuse

import (
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Stub is one stub file and the keys of its locks.
type Stub struct {
	Path   string
	Digest string
	// Locks counts locks by key.
	Locks map[string]int

	// Err is set for a reference whose stub could not be had: nobody knows what it needs.
	Err error

	// only has, for each block and target, the keys of its locks.
	only [][]string
}

// Needs reports whether some target of some block opens under this key and no
// other that opens. opens says which keys do. A stub that could not be had may need any.
func (s *Stub) Needs(key string, opens func(key string) bool) bool {
	return s.Err != nil || slices.ContainsFunc(s.only, func(keys []string) bool {
		return slices.Contains(keys, key) &&
			!slices.ContainsFunc(keys, func(other string) bool { return other != key && opens(other) })
	})
}

// Opens says which keys of a fleet open: all but the retired ones.
func Opens(spec *api.FleetSpec) func(key string) bool {
	return func(id string) bool {
		key, ok := spec.Key(id)
		return ok && key.Status != api.KeyRetired
	}
}

// Reader reads the stubs of several trees, each blob once. It is not safe for
// concurrent use.
type Reader struct {
	// Kept takes the stub of the reference in a file from the store.
	Kept func(path string, r *api.SealedReference) (*api.SealedManifest, error)

	stubs model.StubReader
	// kept are what was found of references, by the digest of their files.
	kept map[string]Stub
}

// Read returns the stubs of a tree in the order of paths, and the paths of those
// that cannot be read: nobody knows what they need, and nothing opens them.
func (r *Reader) Read(tree *tree.Tree) (stubs []Stub, broken []string) {
	found, unreadable := r.stubs.Read(tree)
	for _, u := range unreadable {
		broken = append(broken, u.Path)
	}
	return r.Of(found), broken
}

// Of is the same for files that were read already.
func (r *Reader) Of(files []model.StubFile) []Stub {
	stubs := make([]Stub, len(files))
	for i, file := range files {
		stubs[i] = r.needs(file)
	}
	return stubs
}

func (r *Reader) needs(file model.StubFile) Stub {
	if file.Reference == nil {
		return needsOf(file, file.Manifest)
	}
	stub, known := r.kept[file.Digest]
	if !known {
		if r.kept == nil {
			r.kept = map[string]Stub{}
		}
		manifest, err := r.Kept(file.Path, file.Reference)
		if err != nil {
			stub = Stub{Digest: file.Digest, Err: err}
		} else {
			stub = needsOf(file, manifest)
		}
		r.kept[file.Digest] = stub
	}
	stub.Path = file.Path
	return stub
}

func needsOf(file model.StubFile, manifest *api.SealedManifest) Stub {
	stub := Stub{Path: file.Path, Digest: file.Digest, Locks: map[string]int{}}
	for _, block := range manifest.Spec.Blocks {
		byTarget := map[string][]string{}
		for _, lock := range block.Locks {
			stub.Locks[lock.Key]++
			byTarget[lock.Target] = append(byTarget[lock.Target], lock.Key)
		}
		for _, keys := range byTarget {
			stub.only = append(stub.only, keys)
		}
	}
	return stub
}
