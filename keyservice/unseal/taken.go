package unseal

import (
	"context"
	"errors"
	"log/slog"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/grant"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// taken takes the stub of a reference from the store, and holds it against the reference
// that the head has. The caller has no say in which stub that is. What finds no room in
// this answer (protocol.MaxStubBytes) is asked for again, without what this one grants;
// its size stands in Git, so that it is not read to learn that.
func taken(ctx context.Context, g *grounds, d decided) (decided, keyservicev1.Refusal) {
	d.placed = g.index.Stubs[d.digest]
	r := grant.Referred(d.placed)
	if r == nil {
		return d, granted
	}
	if r.Spec.Stub.Size > g.room {
		return d, unavailable
	}
	t := taking{g.rows, g.who.Fleet, g.log.With("digest", d.digest)}
	placed, data, refusal := t.take(ctx, d.placed, r)
	if data != nil {
		g.room -= r.Spec.Stub.Size
	}
	if refusal != granted {
		return d, refusal
	}
	d.placed, d.stub = placed, data
	return d, granted
}

// stored gives stubs by the digest of their bytes; store.ErrNotFound when there is none.
type stored interface {
	Stub(ctx context.Context, fleet, digest string) ([]byte, error)
}

// taking takes stubs of one fleet from the store.
type taking struct {
	rows  stored
	fleet string
	log   *slog.Logger
}

// take gives the candidates of a reference the stub that it names. The bytes are those
// that were read, also where they are refused.
func (t taking) take(ctx context.Context, placed []grant.Candidate, r *api.SealedReference) (
	[]grant.Candidate, []byte, keyservicev1.Refusal,
) {
	data, err := t.rows.Stub(ctx, t.fleet, r.Spec.Stub.Digest)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil, stubMissing
	case err != nil:
		t.log.Error("read stub failed", "stub", r.Spec.Stub.Digest, "error", err.Error())
		return nil, nil, unavailable
	}
	had, err := grant.Take(t.fleet, placed, data)
	if err != nil {
		t.log.Warn("stub is not what its reference says", "stub", r.Spec.Stub.Digest, "error", err.Error())
		return nil, data, invalid
	}
	return had, data, granted
}

// storedSize is how many bytes of stubs the references among what digests stand for name.
func storedSize(placed map[string][]grant.Candidate) (bytes int64) {
	for _, of := range placed {
		if r := grant.Referred(of); r != nil {
			bytes += r.Spec.Stub.Size
		}
	}
	return bytes
}
