package exposure

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// Kept is where the stubs of references are.
type Kept struct {
	// Fleet is the id that contents are bound to.
	Fleet string
	// Stub takes the stub of the reference in a file; nil where it cannot be had.
	Stub func(path string, r *api.SealedReference) *api.SealedManifest
}

// values are those of a stub by the hash of their payload, so that what was taken from a
// store is not held. They are nil where nobody knows them.
func (k Kept) values(s Stub) map[string][]string {
	manifest := s.Manifest
	if s.Reference != nil {
		if k.Stub == nil {
			return nil
		}
		if manifest = k.Stub(s.Path, s.Reference); manifest == nil {
			return nil
		}
	}
	all := map[string][]string{}
	for _, block := range manifest.Spec.Blocks {
		hash := sha256.Sum256([]byte(block.Payload))
		all[hex.EncodeToString(hash[:])] = block.Fields
	}
	return all
}

// carries gives the fields whose sealed value is one of an older version, and takes those
// of the older version out of rest.
//
// Where the payloads of one of the two are not known, equal contents are the same values,
// and of an object of the same name every field that both have may be: to make a value
// anew that was new already harms nobody.
func (s Stub) carries(old Stub, fleet string, rest map[string]bool) (fields []string) {
	if s.values != nil && old.values != nil {
		for value, of := range s.values {
			if was, is := old.values[value]; is {
				fields = append(fields, of...)
				for _, field := range was {
					delete(rest, field)
				}
			}
		}
		slices.Sort(fields)
		return fields
	}
	is, was := reference.Sealed{Stub: s.Manifest, Reference: s.Reference},
		reference.Sealed{Stub: old.Manifest, Reference: old.Reference}
	if reference.SameContent(fleet, is, was) {
		clear(rest)
		return is.Fields()
	}
	if !s.named(old.Manifest.Metadata.Namespace + "/" + old.Manifest.Metadata.Name) {
		return nil
	}
	for _, field := range is.Fields() {
		if slices.Contains(was.Fields(), field) {
			delete(rest, field)
			fields = append(fields, field)
		}
	}
	return fields
}
