package model

import (
	"path"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// StubFile is one stub of a tree, or a reference to one, whether a placement builds it or
// not. Of a reference the blocks are not here: see [built.Stub].
type StubFile struct {
	built.Stub

	Data []byte
}

// Unreadable is a file that says that it is a stub, or that may be one, and that
// cannot be read. Nobody knows whose values it has: who counts stubs reports it.
type Unreadable struct {
	Path string
	Err  error
}

// Stubs returns every stub of a tree and every reference to one, in the order of paths,
// and what could not be read. All who go through the stubs of a tree do it here: a file that one
// takes for a stub and another passes over is a value that nobody moves, or
// rotates, or recovers.
func Stubs(t *tree.Tree) (stubs []StubFile, unreadable []Unreadable) { return StubsBut(t, nil) }

// StubsBut is [Stubs] without the files that known has: a build of this very tree has
// read them already, as stubs, and reading is most of the work.
func StubsBut(t *tree.Tree, known map[string]bool) (stubs []StubFile, unreadable []Unreadable) {
	for _, entry := range t.Files("") {
		if known[entry.Path] {
			continue
		}
		stub, err := stubAt(t, entry.Path)
		switch {
		case err != nil:
			unreadable = append(unreadable, Unreadable{Path: entry.Path, Err: err})
		case stub != nil:
			stubs = append(stubs, *stub)
		}
	}
	return stubs, unreadable
}

// stubAt returns nil for a file that is none.
func stubAt(t *tree.Tree, file string) (*StubFile, error) {
	if !ManifestEnding(file) {
		return nil, nil
	}
	data, err := t.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return ParseStub(file, data)
}

// ParseStub reads a file that is a stub or a reference to one, or that says so. A file of another kind
// is neither a stub nor an error: the result is nil.
func ParseStub(file string, data []byte) (*StubFile, error) {
	if !api.ClaimsStub(data) {
		return nil, nil
	}
	stub, err := built.ParseStub(file, data)
	if err != nil {
		return nil, err
	}
	return &StubFile{Stub: *stub, Data: data}, nil
}

// StubReader reads the stubs of several trees, each file's bytes once. It is not safe
// for concurrent use.
type StubReader struct{ blobs map[string]stubOrErr }

type stubOrErr struct {
	stub *StubFile
	err  error
}

// Read is [Stubs] for one more tree.
func (r *StubReader) Read(t *tree.Tree) (stubs []StubFile, unreadable []Unreadable) {
	if r.blobs == nil {
		r.blobs = map[string]stubOrErr{}
	}
	for _, entry := range t.Files("") {
		if !ManifestEnding(entry.Path) {
			continue
		}
		found, ok := r.blobs[entry.Blob]
		if !ok {
			found.stub, found.err = stubAt(t, entry.Path)
			if found.stub != nil {
				found.stub.Data = nil // several trees of them are not worth the memory
			}
			r.blobs[entry.Blob] = found
		}
		switch {
		case found.err != nil:
			unreadable = append(unreadable, Unreadable{Path: entry.Path, Err: found.err})
		case found.stub != nil:
			stub := *found.stub
			stub.Path = entry.Path
			stubs = append(stubs, stub)
		}
	}
	return stubs, unreadable
}

// ManifestEnding reports whether a file's name is that of a manifest, in any
// case: a file that is renamed from a.yaml to A.YAML holds what it held, and what
// is no longer read is deleted.
func ManifestEnding(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}
