// Package keyuse counts what the stubs of a tree need sealing keys for.
//
// It reads every stub file of the tree, also those that no placement builds: a
// key may be taken away when nothing needs it, so what might count does.
package keyuse

import (
	"path"
	"slices"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/kustomize"
)

// Stub is one stub file and the keys of its locks.
type Stub struct {
	Path   string
	Digest string
	// Locks counts locks by key.
	Locks map[string]int

	// only has, for each block and target, the keys of its locks.
	only [][]string
}

// Needs reports whether some target of some block opens under this key and no
// other that opens. opens says which keys do.
func (s *Stub) Needs(key string, opens func(key string) bool) bool {
	return slices.ContainsFunc(s.only, func(keys []string) bool {
		return slices.Contains(keys, key) &&
			!slices.ContainsFunc(keys, func(other string) bool { return other != key && opens(other) })
	})
}

// Opens says which keys of a fleet open: all but the retired ones.
func Opens(spec *v1alpha1.FleetSpec) func(key string) bool {
	return func(id string) bool {
		key, ok := spec.Key(id)
		return ok && key.Status != v1alpha1.KeyRetired
	}
}

// Reader reads the stubs of several trees, each blob once. It is not safe for
// concurrent use.
type Reader struct {
	blobs map[string]*read
}

// read is what stands in one blob: a stub, an unreadable one, or neither.
type read struct {
	stub   *Stub
	broken bool
}

// Read returns the stubs of a tree in the order of paths, and the paths of those
// that cannot be read: nobody knows what they need, and nothing opens them.
func (r *Reader) Read(tree *kustomize.Tree) (stubs []Stub, broken []string) {
	if r.blobs == nil {
		r.blobs = map[string]*read{}
	}
	for _, entry := range tree.Files("") {
		if ext := path.Ext(entry.Path); ext != ".yaml" && ext != ".yml" {
			continue
		}
		found, ok := r.blobs[entry.Blob]
		if !ok {
			found = readStub(tree, entry.Path)
			r.blobs[entry.Blob] = found
		}
		switch {
		case found.broken:
			broken = append(broken, entry.Path)
		case found.stub != nil:
			stub := *found.stub
			stub.Path = entry.Path
			stubs = append(stubs, stub)
		}
	}
	return stubs, broken
}

// Parse reads a file that is a stub, or that says so. A file of another kind is
// neither a stub nor an error.
func Parse(file string, data []byte) (*v1alpha1.SealedManifest, error) {
	if !v1alpha1.ClaimsStub(data) {
		return nil, nil
	}
	return v1alpha1.ParseSealedManifest(file, data)
}

func readStub(tree *kustomize.Tree, file string) *read {
	data, err := tree.ReadFile(file)
	if err != nil {
		return &read{broken: true}
	}
	parsed, err := Parse(file, data)
	if err != nil {
		return &read{broken: true}
	}
	if parsed == nil {
		return &read{}
	}
	stub := &Stub{Digest: v1alpha1.StubDigest(data), Locks: map[string]int{}}
	for _, block := range parsed.Spec.Blocks {
		byTarget := map[string][]string{}
		for _, lock := range block.Locks {
			stub.Locks[lock.Key]++
			byTarget[lock.Target] = append(byTarget[lock.Target], lock.Key)
		}
		for _, keys := range byTarget {
			stub.only = append(stub.only, keys)
		}
	}
	return &read{stub: stub}
}
