package unseal

import (
	"context"
	"errors"
	"log/slog"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/denials"
	"github.com/bulla-dev/bulla/keyservice/grant"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/sealing"
)

const (
	granted     = keyservicev1.Refusal_REFUSAL_UNSPECIFIED
	stale       = keyservicev1.Refusal_REFUSAL_STALE_REVISION
	notPlaced   = keyservicev1.Refusal_REFUSAL_NOT_PLACED
	notLocked   = keyservicev1.Refusal_REFUSAL_NOT_LOCKED
	invalid     = keyservicev1.Refusal_REFUSAL_INVALID
	keyRefused  = keyservicev1.Refusal_REFUSAL_KEY
	unavailable = keyservicev1.Refusal_REFUSAL_UNAVAILABLE
	denied      = keyservicev1.Refusal_REFUSAL_DENIED
	ended       = keyservicev1.Refusal_REFUSAL_ENDED
	stubMissing = keyservicev1.Refusal_REFUSAL_STUB_MISSING
)

// question is one Unseal as it was asked: who asks for what. It grants nothing.
type question struct {
	id       string
	who      authority.Cluster
	revision string
	nonce    []byte
	digests  []string
	// logSize is how much of the audit log the caller saw.
	logSize uint64
}

// grounds are what one attempt at a question is decided on, each read once.
type grounds struct {
	who    authority.Cluster
	head   *heads.Head
	index  *heads.Index
	denied *denials.List
	rows   Store
	log    *slog.Logger
	// room is how many bytes of stubs the answer may still take.
	room int64
}

// decided is what becomes of one digest before the token is asked. Each part is
// set by one step, and read by those behind it.
type decided struct {
	digest  string
	refusal keyservicev1.Refusal
	// placed is what the digest stands for here, with the blocks of its stub; stub the
	// bytes of one that came from the store.
	placed []grant.Candidate
	stub   []byte
	// stands are the built objects that the digest stands for here, and bound the
	// blocks of it: the same file keys for all of them.
	stands []*grant.Candidate
	bound  []grant.Bound
	// locks are the ones to open, one a block; fewer where a block has none.
	locks []grant.Lock
	ready []*sealing.Prepared
}

// step is one question that a digest must pass before the token is asked. It
// returns what it found, and granted to go on.
type step struct {
	name string
	ask  func(context.Context, *grounds, decided) (decided, keyservicev1.Refusal)
}

// steps stand in the order in which they are asked. Nothing after them can
// refuse but the token itself and the audit.
var steps = []step{
	{"the accepted head places the digest on this cluster", placedHere},
	{"a stub of the store is there, and is what its reference says", taken},
	{"its payloads are bound to built objects there", boundHere},
	{"no operator denies it", notDenied},
	{"each block has a lock for this cluster or a set it is in", lockedHere},
	{"each lock parses canonically", locksParse},
}

func (g *grounds) decide(ctx context.Context, digest string) decided {
	d := decided{digest: digest}
	for _, s := range steps {
		var refusal keyservicev1.Refusal
		if d, refusal = s.ask(ctx, g, d); refusal != granted {
			g.log.Info("refused", "digest", digest, "refusal", refusal.String(), "step", s.name)
			d.refusal = refusal
			return d
		}
	}
	return d
}

// placedHere looks the digest up in what the head places here. A digest of
// history is told apart only for the sake of a controller that is behind.
func placedHere(ctx context.Context, g *grounds, d decided) (decided, keyservicev1.Refusal) {
	if len(g.index.Stubs[d.digest]) > 0 {
		if g.index.Unusable {
			g.log.Warn("the Cluster file's recipient cannot be sealed to", "digest", d.digest)
			return d, invalid
		}
		return d, granted
	}
	if g.index.MayCome(d.digest) {
		return d, unavailable
	}
	if g.index.Ended[d.digest] {
		return d, ended
	}
	was, err := g.rows.WasPlaced(ctx, g.who.Fleet, g.who.Name, d.digest)
	switch {
	case err != nil:
		g.log.Error("look up history failed", "digest", d.digest, "error", err.Error())
		return d, unavailable
	case was:
		return d, stale
	}
	return d, notPlaced
}

// boundHere finds the built objects that every payload's header names by its
// context digest: one for scope Strict, and all that the digest opens for a wider
// one. There is no trying of one object after the other in the token: a digest
// whose payloads were sealed for another place costs nothing.
func boundHere(_ context.Context, g *grounds, d decided) (decided, keyservicev1.Refusal) {
	var err error
	if d.stands, d.bound, err = grant.BindAll(g.who.Fleet, d.placed); err != nil {
		g.log.Info("payload is not acceptable", "digest", d.digest, "error", err.Error())
		return d, invalid
	}
	switch {
	case len(d.stands) > 0:
		return d, granted
	case len(g.index.Pending) > 0:
		return d, unavailable // it may be bound to an object that is still being built
	}
	return d, invalid
}

// notDenied asks the deny list last of what needs no token. It stands behind the
// questions of where the digest is placed, so that a cluster learns nothing of
// what is denied elsewhere; and a denial names a placement, which only the built
// object has.
func notDenied(_ context.Context, g *grounds, d decided) (decided, keyservicev1.Refusal) {
	value := denials.Value{Cluster: g.who.Name, Digest: d.digest}
	for _, b := range d.bound {
		value.Payloads = append(value.Payloads, b.Payload)
	}
	if g.denied.Denies(value, d.stands) {
		return d, denied
	}
	if isOfFleet(d) && g.denied.MayDeny(value, g.index.Pending) {
		return d, unavailable
	}
	return d, granted
}

// isOfFleet: only a stub of scope Fleet can stand in a placement that has none of its
// namespaces; of the others the objects are undecided for as long as a placement that
// may have them is being built.
func isOfFleet(d decided) bool {
	return len(d.bound) > 0 && d.bound[0].Context.Scope == api.ScopeFleet
}

// lockedHere picks one lock a block: this cluster's own before a set's, and
// only one whose key the fleet still opens with.
func lockedHere(_ context.Context, g *grounds, d decided) (decided, keyservicev1.Refusal) {
	for _, b := range d.bound {
		lock, err := grant.LockOf(g.head.Model, g.index.Targets, b.Block)
		if errors.Is(err, grant.ErrKey) {
			return d, keyRefused
		}
		if err != nil {
			return d, notLocked
		}
		d.locks = append(d.locks, lock)
	}
	return d, granted
}

// locksParse is the last question, asked of every block before the token is
// asked for the first: a malformed lock looks to a token like a sick token.
func locksParse(_ context.Context, g *grounds, d decided) (decided, keyservicev1.Refusal) {
	for i, b := range d.bound {
		ready, err := sealing.Prepare(b.Context, b.Payload, d.locks[i].Lock, d.locks[i].Suite)
		if err != nil {
			g.log.Info("lock is not acceptable", "digest", d.digest, "error", err.Error())
			return d, invalid
		}
		d.ready = append(d.ready, ready)
	}
	return d, granted
}
