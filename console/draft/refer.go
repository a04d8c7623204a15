package draft

import (
	"context"
	"maps"
	"slices"

	"github.com/bulla-dev/bulla/desk/stored"
	"github.com/bulla-dev/bulla/kustomize/built"
)

// Large is how many bytes of a stub stand in Git that should stand in the store; 0 where
// that is no matter.
func (d Draft) Large() int {
	if !d.Kind.Seals() || d.Many != nil {
		return 0
	}
	for _, data := range d.Files {
		if len(data) >= stored.Large && built.IsStub(data) {
			return len(data)
		}
	}
	return 0
}

// Kept is how many bytes go to the store.
func (d Draft) Kept() (size int) {
	for _, data := range d.Keep {
		size += len(data)
	}
	return size
}

// Refer has the ciphertext of a draft, which was sealed, go to the store, and a reference
// stand in Git; or the stub stand there again. What was a reference before stays one. The
// errors are those of [Desk.Current] too.
func (d *Desk) Refer(ctx context.Context, draft Draft, store bool) (Draft, error) {
	draft, err := d.Current(ctx, draft, false)
	if err != nil || !draft.Kind.Seals() || draft.Blocks == nil {
		return draft, err
	}
	draft.Stored = store
	return d.Take(ctx, draft, draft.Blocks)
}

// Put puts what a draft keeps into the store, and returns when it is there for good. Put
// again it is the same.
func (d *Desk) Put(ctx context.Context, draft Draft) error {
	s, err := d.Clone.At(draft.Base)
	if err != nil {
		return err
	}
	store := d.on(ctx, s).store
	for _, file := range slices.Sorted(maps.Keys(draft.Keep)) {
		if _, err := store.Keep(ctx, file, draft.Keep[file]); err != nil {
			return err
		}
	}
	return nil
}
