package model

import (
	"errors"
	"maps"
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// StoredReader finds which stubs of a store the references of trees name, whether a
// placement builds them or not. It reads each file's bytes once over the trees that
// follow each other. The zero value is ready; it is not safe for concurrent use.
type StoredReader struct{ known map[string]string }

// Read returns the digests of the stubs, sorted. A file that does not parse, or that no
// build could read, names nothing; any other failure to read is an error: what is not
// known to be named is collected one day.
func (r *StoredReader) Read(t *tree.Tree) ([]string, error) {
	known, named := map[string]string{}, map[string]bool{}
	for _, entry := range t.Files("") {
		if !ManifestEnding(entry.Path) {
			continue
		}
		digest, ok := r.known[entry.Blob]
		if !ok {
			var err error
			if digest, err = storedIn(t, entry.Path); err != nil {
				return nil, err
			}
		}
		if known[entry.Blob] = digest; digest != "" {
			named[digest] = true
		}
	}
	r.known = known
	return slices.Sorted(maps.Keys(named)), nil
}

// storedIn is the digest that a file names as a reference, or "".
func storedIn(t *tree.Tree, file string) (string, error) {
	data, err := t.ReadFile(file)
	if refused := new(tree.Error); errors.As(err, &refused) || errors.Is(err, tree.ErrTooLarge) {
		return "", nil
	}
	if err != nil || !built.IsReference(data) {
		return "", err
	}
	reference, err := api.ParseSealedReference(file, data)
	if err != nil {
		return "", nil //nolint:nilerr // no placement builds it
	}
	return reference.Spec.Stub.Digest, nil
}
