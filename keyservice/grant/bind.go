package grant

import (
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"
)

// Bound is one block of a stub, with the context that it is sealed for.
type Bound struct {
	Block   *api.Block
	Payload *sealing.Payload
	Context sealing.Context
}

// BindAll returns the candidates that a digest is sealed for, and the blocks of
// the first: all have the same bytes. An error comes with those before it.
func BindAll(fleet string, placed []Candidate) (stands []*Candidate, bound []Bound, err error) {
	for i := range placed {
		blocks, err := bind(fleet, &placed[i])
		if err != nil {
			return stands, bound, err
		}
		if blocks == nil {
			continue
		}
		if stands = append(stands, &placed[i]); len(stands) == 1 {
			bound = blocks
		}
	}
	return stands, bound, nil
}

// bind returns the blocks of a candidate with their contexts, or nil when a
// payload is bound elsewhere. Scope, kind and fields come from the context only.
func bind(fleet string, c *Candidate) ([]Bound, error) {
	if c.Reference != nil {
		return nil, ErrStored // it has no blocks: it would be bound, and open, for nothing
	}
	blocks := make([]Bound, len(c.Manifest.Spec.Blocks))
	for i := range c.Manifest.Spec.Blocks {
		block := &c.Manifest.Spec.Blocks[i]
		payload, err := sealing.ParsePayload(block.Payload)
		if err != nil {
			return nil, err
		}
		where, err := sealing.ContextOf(fleet, c.Manifest, i, c.Object.Namespace, c.Object.Name)
		if err != nil {
			return nil, err
		}
		if payload.ContextDigest() != where.Digest() {
			return nil, nil
		}
		blocks[i] = Bound{Block: block, Payload: payload, Context: where}
	}
	return blocks, nil
}
