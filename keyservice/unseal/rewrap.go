package unseal

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"golang.org/x/sync/errgroup"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/clerk"
	"github.com/bulla-dev/bulla/keyservice/grant"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/keyservice/journal"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/keyservice/turnstile"
	"github.com/bulla-dev/bulla/sealing"
)

// Rewrapping answers Rewrap.
type Rewrapping struct {
	*clerk.Clerk

	Heads *heads.Heads
	// Store has the stubs that references name.
	Store stored
	Token sealing.Opener
	Turns *turnstile.Turns
	// Sessions is how many stubs are under way for one request: clusters come first.
	Sessions int
}

// rewrap is one Rewrap: who asks, the head that decides, and the key that locks
// move to, all fixed once.
type rewrap struct {
	id       string
	who      authority.Person
	revision string
	head     *heads.Head
	to       api.SealingKey
	stubs    stored
	log      *slog.Logger
}

// rewrapped is what becomes of one digest.
type rewrapped struct {
	digest  string
	refusal keyservicev1.Refusal
	// stands are the built objects that the digest stands for, on any cluster.
	stands []*grant.Candidate
	blocks []rewrapBlock
	// operations is what was asked of the token, the one that failed included.
	operations int
}

// rewrapBlock is one block: a lock for each target, in the order of the file.
type rewrapBlock struct {
	grant.Bound

	locks []rewrapLock
}

// rewrapLock is one lock. Prepared is nil when it is under the key already.
type rewrapLock struct {
	old, new api.Lock
	prepared *sealing.Prepared
}

// Rewrap moves the locks of stubs to the Active key. The caller names digests,
// and that is all they say: bytes come from the accepted head, or from the store by a
// reference of that head, context from the object that the head builds, target from the
// lock itself, which does not open under another, and the key from the signed
// fleet.yaml. There is no field for a
// ciphertext, a scope, a name, a target or a key, and no plaintext: see
// sealing.Prepared.Rewrap. A digest of history is refused, also one that was
// placed once: what was revoked stays so.
func (s *Rewrapping) Rewrap(ctx context.Context, in *keyservicev1.RewrapRequest) (*keyservicev1.RewrapResponse, error) {
	who, err := authority.CallingPerson(ctx)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonCertificate, err)
	}
	if problem := checkRewrap(in); problem != "" {
		return nil, s.Refuse(keyservicev1.ReasonRequest, errors.New(problem), "person", who.Name)
	}
	s.Heads.Know(ctx, in.GetHead())
	now, err := s.Heads.Openable(ctx)
	if err != nil {
		return nil, s.Refuse(heads.Reason(err), err, "person", who.Name)
	}
	id := make([]byte, 8)
	rand.Read(id)
	to, _ := now.Model.Fleet.Spec.ActiveKey() // a parsed fleet has one
	q := &rewrap{id: hex.EncodeToString(id), who: who, revision: in.GetHead(), head: now, to: to, stubs: s.Store}
	q.log = s.Log.With("request", q.id, "person", who.Name, "head", now.Hash)
	placed, err := now.PlacedAnywhere(ctx, in.GetDigests())
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "person", who.Name)
	}
	if n := storedSize(placed); n > protocol.MaxStubBytes && len(in.GetDigests()) > 1 {
		err := fmt.Errorf("%d bytes of stubs from the store, at most %d for several", n, protocol.MaxStubBytes)
		return nil, s.Refuse(keyservicev1.ReasonTooMuch, err, "person", who.Name)
	}
	results, locks := q.decideAll(ctx, in.GetDigests(), placed)
	if isTooMuch(locks, len(results)) {
		return nil, s.Refuse(keyservicev1.ReasonTooMuch, fmt.Errorf("%d locks or more to move, at most %d for several stubs", locks, maxMoves), "person", who.Name)
	}
	s.moveAll(ctx, q, results)
	if err := s.recordRewrap(ctx, q, results); err != nil {
		s.Owe(who.Entry(audit.Rewrap, keyservicev1.ReasonUnavailable, ""), operationsOf(results))
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "person", who.Name)
	}
	return q.respond(results), nil
}

func checkRewrap(in *keyservicev1.RewrapRequest) (problem string) {
	if !hexid.IsCommit(in.GetHead()) {
		return "head is not 40 or 64 hexadecimal digits"
	}
	return digestsProblem(in.GetDigests())
}

// maxMoves bounds the locks that one request moves. Each is an entry of the audit
// log, and all go into one append: a thousand stubs may have more than the log
// takes at all, which would be found out only when the token has done its work.
const maxMoves = journal.MaxAppend

// isTooMuch lets a stub pass by itself whatever it has: a file bounds that.
func isTooMuch(locks, digests int) bool { return locks > maxMoves && digests > 1 }

// decideAll decides before the token is asked for the first, and counts the locks
// to move. It ends where they are too many.
func (q *rewrap) decideAll(ctx context.Context, digests []string, placed map[string][]grant.Candidate) (
	results []rewrapped, locks int,
) {
	results = make([]rewrapped, len(digests))
	for i, digest := range digests {
		r := &results[i]
		r.digest = digest
		if r.refusal = q.decide(ctx, placed[digest], r); r.refusal == granted {
			locks += r.moves()
		}
		if isTooMuch(locks, len(digests)) {
			break
		}
	}
	return results, locks
}

// moves counts the locks that are under another key.
func (r *rewrapped) moves() (n int) {
	for _, block := range r.blocks {
		for _, lock := range block.locks {
			if lock.prepared != nil {
				n++
			}
		}
	}
	return n
}

// decide asks what Unseal asks, but for the cluster: placed at the head, bound
// to one built object there, every lock parses, and its key opens.
func (q *rewrap) decide(ctx context.Context, placed []grant.Candidate, r *rewrapped) keyservicev1.Refusal {
	if len(placed) == 0 { // history is refused: candidates are of the accepted head
		return notPlaced
	}
	if of := grant.Referred(placed); of != nil {
		var refusal keyservicev1.Refusal
		t := taking{q.stubs, q.who.Fleet, q.log.With("digest", r.digest)}
		if placed, _, refusal = t.take(ctx, placed, of); refusal != granted {
			return refusal
		}
	}
	var bound []grant.Bound
	var err error
	if r.stands, bound, err = grant.BindAll(q.who.Fleet, placed); err != nil {
		q.log.Info("payload is not acceptable", "digest", r.digest, "error", err.Error())
		return invalid
	}
	if bound == nil {
		return invalid
	}
	return q.prepare(r, bound)
}

func (q *rewrap) prepare(r *rewrapped, blocks []grant.Bound) keyservicev1.Refusal {
	for _, b := range blocks {
		moved := rewrapBlock{Bound: b}
		var targets []string
		for _, lock := range b.Block.Locks {
			if slices.Contains(targets, lock.Target) {
				continue
			}
			targets = append(targets, lock.Target)
			old, ok := grant.UsableLock(q.head.Model, b.Block, lock.Target)
			if !ok {
				return keyRefused
			}
			next := rewrapLock{old: old.Lock, new: old.Lock}
			if old.Key != q.to.ID {
				var err error
				if next.prepared, err = sealing.Prepare(b.Context, b.Payload, old.Lock, old.Suite); err != nil {
					q.log.Info("lock is not acceptable", "digest", r.digest, "error", err.Error())
					return invalid
				}
			}
			moved.locks = append(moved.locks, next)
		}
		r.blocks = append(r.blocks, moved)
	}
	return granted
}

// moveAll asks the token for several stubs at a time.
func (s *Rewrapping) moveAll(ctx context.Context, q *rewrap, results []rewrapped) {
	var group errgroup.Group
	group.SetLimit(s.Sessions) // clusters come first
	for i := range results {
		if r := &results[i]; r.refusal == granted {
			group.Go(func() error { r.refusal = s.move(ctx, q, r); return nil })
		}
	}
	_ = group.Wait() // every result has its own outcome
}

// move asks the token, one operation a lock. Half a stub is no use: the first
// lock that does not move ends it.
func (s *Rewrapping) move(ctx context.Context, q *rewrap, r *rewrapped) keyservicev1.Refusal {
	for b := range r.blocks {
		for l := range r.blocks[b].locks {
			lock := &r.blocks[b].locks[l]
			if lock.prepared == nil {
				continue
			}
			if s.Turns.Acquire(ctx, "rewrap") != nil {
				return unavailable
			}
			r.operations++
			next, err := lock.prepared.Rewrap(ctx, s.Token, q.to)
			s.Turns.Release()
			refusal := judge(s.Metrics, err, "rewrapped")
			switch refusal {
			case invalid:
				q.log.Info("lock does not open", "digest", r.digest)
			case unavailable:
				q.log.Error("token failed", "digest", r.digest, "error", err.Error())
			}
			if refusal != granted {
				return refusal
			}
			lock.new = next
		}
	}
	return granted
}

func (q *rewrap) respond(results []rewrapped) *keyservicev1.RewrapResponse {
	out := &keyservicev1.RewrapResponse{Head: q.head.Hash, Key: q.to.ID}
	for i := range results {
		r := &results[i]
		result := &keyservicev1.RewrapResult{Digest: r.digest, Refusal: r.refusal}
		for _, block := range r.blocks {
			if r.refusal != granted {
				break
			}
			locks := &keyservicev1.BlockLocks{}
			for _, lock := range block.locks {
				locks.Locks = append(locks.Locks, &keyservicev1.Lock{Target: lock.new.Target, Key: lock.new.Key, Ciphertext: lock.new.Ciphertext})
			}
			result.Blocks = append(result.Blocks, locks)
		}
		out.Results = append(out.Results, result)
	}
	return out
}
