package unseal

import (
	"context"
	"errors"

	"github.com/bulla-dev/bulla/keyservice/grant"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// stubRoom bounds what one answer carries of stubs, in bytes: a request may name a
// thousand references of 2 MiB. It is more than the greatest stub, so that each comes
// with the first request that asks for it alone, and half of what a client reads.
const stubRoom = 32 << 20

// taken takes the stub of a reference from the store, and holds it against the reference
// that the head has. The caller has no say in which stub that is. What finds no room in
// this answer is asked for again, without what this one grants; its size stands in Git,
// so that it is not read to learn that.
func taken(ctx context.Context, g *grounds, d decided) (decided, keyservicev1.Refusal) {
	d.placed = g.index.Stubs[d.digest]
	r := grant.Referred(d.placed)
	if r == nil {
		return d, granted
	}
	if r.Spec.Stub.Size > g.room {
		return d, unavailable
	}
	data, err := g.rows.Stub(ctx, g.who.Fleet, r.Spec.Stub.Digest)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return d, stubMissing
	case err != nil:
		g.log.Error("read stub failed", "digest", d.digest, "stub", r.Spec.Stub.Digest, "error", err.Error())
		return d, unavailable
	}
	g.room -= r.Spec.Stub.Size
	if d.placed, err = grant.Take(g.who.Fleet, d.placed, data); err != nil {
		g.log.Warn("stub is not what its reference says", "digest", d.digest, "stub", r.Spec.Stub.Digest,
			"error", err.Error())
		return d, invalid
	}
	d.stub = data
	return d, granted
}
