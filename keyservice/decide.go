package keyservice

import (
	"context"
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/kustomize/model"
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
)

// step is one question that a digest must pass before the token is asked. It
// returns granted to go on.
type step struct {
	name string
	ask  func(context.Context, *request, *decision) keyservicev1.Refusal
}

// steps stand in the order in which they are asked. Nothing after them can
// refuse but the token itself and the audit.
var steps = []step{
	{"the accepted head places the digest on this cluster", placedHere},
	{"its payloads are bound to built objects there", boundHere},
	{"no operator denies it", notDenied},
	{"each block has a lock for this cluster or a set it is in", lockedHere},
	{"each lock parses canonically", locksParse},
}

// Steps names the questions of a decision, in order.
func Steps() []string {
	names := make([]string, len(steps))
	for i, s := range steps {
		names[i] = s.name
	}
	return names
}

// decision is what becomes of one digest.
type decision struct {
	digest  string
	refusal keyservicev1.Refusal
	// stands are the built objects that the digest stands for here, and blocks what
	// to open of it: the same file keys for all of them.
	stands  []*candidate
	blocks  []openBlock
	stanzas []sealing.Stanza
	// operations is what this attempt asked of the token, and before what earlier
	// ones did that stand in no entry.
	operations, before int
	// leaf is the place of its record in the receipt, -1 when it was counted with
	// earlier refusals.
	leaf int
}

// openBlock is one block with the lock to open.
type openBlock struct {
	block    *api.Block
	payload  *sealing.Payload
	context  sealing.Context
	lock     api.Lock
	suite    api.Suite
	prepared *sealing.Prepared
}

func (q *request) decide(ctx context.Context, d *decision) {
	for _, s := range steps {
		if d.refusal = s.ask(ctx, q, d); d.refusal != granted {
			q.log.Info("refused", "digest", d.digest, "refusal", d.refusal.String(), "step", s.name)
			return
		}
	}
}

// placedHere looks the digest up in what the head places here. A digest of
// history is told apart only for the sake of a controller that is behind.
func placedHere(ctx context.Context, q *request, d *decision) keyservicev1.Refusal {
	if len(q.index.stubs[d.digest]) > 0 {
		if q.index.unusable {
			q.log.Warn("the Cluster file's recipient cannot be sealed to", "digest", d.digest)
			return invalid
		}
		return granted
	}
	if q.index.mayCome(d.digest) {
		return unavailable
	}
	was, err := q.rows.WasPlaced(ctx, q.caller.Fleet, q.caller.Name, d.digest)
	switch {
	case err != nil:
		q.log.Error("look up history failed", "digest", d.digest, "error", err.Error())
		return unavailable
	case was:
		return stale
	}
	return notPlaced
}

// boundHere finds the built objects that every payload's header names by its
// context digest: one for scope Strict, and all that the digest opens for a wider
// one. There is no trying of one object after the other in the token: a digest
// whose payloads were sealed for another place costs nothing.
func boundHere(_ context.Context, q *request, d *decision) keyservicev1.Refusal {
	for i := range q.index.stubs[d.digest] {
		c := &q.index.stubs[d.digest][i]
		blocks, err := bind(q.caller.Fleet, c)
		if err != nil {
			q.log.Info("payload is not acceptable", "digest", d.digest, "error", err.Error())
			return invalid
		}
		if blocks == nil {
			continue
		}
		if d.stands = append(d.stands, c); len(d.stands) == 1 {
			d.blocks = blocks
		}
	}
	if len(d.stands) == 0 && q.index.building {
		return unavailable // it may be bound to an object that is still being built
	}
	if len(d.stands) == 0 {
		return invalid
	}
	return granted
}

// bind returns the blocks of a candidate with their contexts, or nil when a
// payload is bound elsewhere. Scope, kind and fields come from the context only.
func bind(fleet string, c *candidate) ([]openBlock, error) {
	blocks := make([]openBlock, len(c.manifest.Spec.Blocks))
	for i := range c.manifest.Spec.Blocks {
		block := &c.manifest.Spec.Blocks[i]
		payload, err := sealing.ParsePayload(block.Payload)
		if err != nil {
			return nil, err
		}
		where, err := sealing.ContextOf(fleet, c.manifest, i, c.object.Namespace, c.object.Name)
		if err != nil {
			return nil, err
		}
		if !isBoundTo(payload, where) {
			return nil, nil
		}
		blocks[i] = openBlock{block: block, payload: payload, context: where}
	}
	return blocks, nil
}

func isBoundTo(payload *sealing.Payload, where sealing.Context) bool {
	return payload.ContextDigest() == where.Digest()
}

// lockedHere picks one lock a block: this cluster's own before a set's, and
// only one whose key the fleet still opens with.
func lockedHere(_ context.Context, q *request, d *decision) keyservicev1.Refusal {
	for i := range d.blocks {
		b := &d.blocks[i]
		refusal := notLocked
		for _, target := range q.index.targets {
			var ok bool
			if b.lock, b.suite, ok = usableLock(q.head.model, b.block, target); ok {
				refusal = granted
				break
			}
			if hasLock(b.block, target) {
				refusal = keyRefused
			}
		}
		if refusal != granted {
			return refusal
		}
	}
	return granted
}

func hasLock(block *api.Block, target string) bool {
	return slices.ContainsFunc(block.Locks, func(l api.Lock) bool { return l.Target == target })
}

// usableLock prefers the Active key. The suite is the key record's: a lock has
// no say in it.
func usableLock(model *model.Model, block *api.Block, target string) (api.Lock, api.Suite, bool) {
	for _, status := range []api.KeyStatus{api.KeyActive, api.KeySuperseded} {
		for _, lock := range block.Locks {
			key, known := model.Fleet.Spec.Key(lock.Key)
			if lock.Target == target && known && key.Status == status {
				return lock, key.Suite, true
			}
		}
	}
	return api.Lock{}, "", false
}

// locksParse is the last question, asked of every block before the token is
// asked for the first: a malformed lock looks to a token like a sick token.
func locksParse(_ context.Context, q *request, d *decision) keyservicev1.Refusal {
	for i := range d.blocks {
		b := &d.blocks[i]
		var err error
		if b.prepared, err = sealing.Prepare(b.context, b.payload, b.lock, b.suite); err != nil {
			q.log.Info("lock is not acceptable", "digest", d.digest, "error", err.Error())
			return invalid
		}
	}
	return granted
}
