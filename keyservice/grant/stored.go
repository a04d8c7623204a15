package grant

import (
	"errors"
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// ErrStored says that what a digest stands for has its blocks in a store, and nobody took
// them from there: see [Take].
var ErrStored = errors.New("the stub is in the key service's store")

// Referred is the reference that the candidates of a digest were built from; nil for a
// stub that is in the tree.
func Referred(placed []Candidate) *api.SealedReference {
	if len(placed) == 0 {
		return nil
	}
	return placed[0].Reference
}

// Take gives the candidates of a digest the stub that their reference names, from the
// bytes that a store gave for it. The error is a *[reference.Mismatch]. It changes
// nothing of placed.
func Take(fleet string, placed []Candidate, data []byte) ([]Candidate, error) {
	stub, err := reference.Open(fleet, Referred(placed), data)
	if err != nil {
		return nil, err
	}
	had := slices.Clone(placed)
	for i := range had {
		had[i].Manifest, had[i].Reference = stub, nil
	}
	return had, nil
}
