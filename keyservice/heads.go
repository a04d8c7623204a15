package keyservice

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/signing"
	"github.com/bulla-dev/bulla/kustomize/source/git"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/bulla-dev/bulla/sealing"
)

const (
	// lookEvery bounds how often requests make the service ask Git: callers who
	// invent revisions cannot hammer the remote.
	lookEvery = time.Second
	lookBurst = 3
	// lookPatience is how long a request waits for that before it is decided at
	// the head we have.
	lookPatience = 10 * time.Second
)

// head is one accepted head: immutable, but for what is built on demand.
type head struct {
	hash    string
	tree    *tree.Tree
	model   *model.Model
	known   sealing.Known
	indexes indexes
	samples samples
	// superseded is set when another head was found in force.
	superseded atomic.Bool
}

// refusedHead says why a tip was not accepted. Reason is one of v1alpha1's.
type refusedHead struct {
	hash, reason string
	err          error
}

func (e *refusedHead) Error() string {
	return fmt.Sprintf("refuse head %s: %s: %v", e.hash, e.reason, e.err)
}

func (e *refusedHead) Unwrap() error { return e.err }

// heads follows the configured ref. Authority is always the head accepted last;
// a tip that cannot be accepted changes nothing but the readiness detail.
type heads struct {
	fleet, ref, rootKey string
	// floor is what must be signed whatever Git says.
	floor   *signing.Rules
	mirror  *git.Mirror
	builder *kustomize.Builder
	rows    interface {
		headStore
		placedStore
	}
	token   Token
	log     *slog.Logger
	metrics *metrics
	now     func() time.Time
	journal recorder
	// denied records refusals.
	denied func(context.Context, ...audit.Entry) error

	looks coalescer
	// looked is closed when the first look of this process has ended, however it
	// did.
	looked  chan struct{}
	limiter *rate.Limiter
	// life ends with the service: a look outlives the request that caused it.
	life    context.Context
	current atomic.Pointer[head]
	// accepted is called with each new head.
	accepted func(*head)
	// fresh says how long ago the head was seen to be the newest.
	fresh *freshness
	// refusals says since when its tip is refused.
	refusals *refusal
	// pinned are the keys that the token has. One look at a time writes it.
	pinned []api.SealingKey

	mu      sync.Mutex
	trouble error // of the last look; nil when it went well

	told toldRefusal
	// toldStale says which of the two [heads.tellStale] said last.
	toldStale bool
}

func (h *heads) start(life context.Context) {
	h.life = life
	h.limiter = rate.NewLimiter(rate.Every(lookEvery), lookBurst)
	h.looks.run = h.look
	h.looked = make(chan struct{})
}

// restore takes up the head accepted last, verified again: the pins may have
// changed. When the mirror lost it, the first look fetches it back.
func (h *heads) restore(ctx context.Context) error {
	last, err := h.rows.LastHead(ctx, h.fleet, h.ref)
	if errors.Is(err, store.ErrNotFound) || err == nil && !h.mirror.Contains(last.Hash) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("restore accepted head: %w", err)
	}
	accepted, err := h.verify(ctx, last.Hash)
	if err != nil {
		return fmt.Errorf("restore accepted head: %w", err)
	}
	if err := errors.Join(h.beginFresh(ctx, last), h.beginRefused(ctx, last)); err != nil {
		return fmt.Errorf("restore accepted head: %w", err)
	}
	return h.take(accepted, last.Accepted)
}

// follow looks at the remote every interval until ctx ends.
func (h *heads) follow(ctx context.Context, interval time.Duration) {
	ticker, row := time.NewTicker(interval), time.NewTicker(rowEvery)
	defer ticker.Stop()
	defer row.Stop()
	first := sync.OnceFunc(func() { close(h.looked) })
	for {
		if err := h.looks.do(ctx); err != nil && ctx.Err() == nil && h.told.again(err, h.now()) {
			h.log.Error("look at the fleet repository failed", "error", err.Error())
		}
		first()
		for due := false; !due; {
			h.tellStale()
			select {
			case <-ticker.C:
				due = true
			case <-row.C:
				due = h.isBehindRow(ctx)
			case <-ctx.Done():
				return
			}
		}
	}
}

// look asks the remote for its head, and takes it when it is new.
func (h *heads) look() error {
	err := h.lookOnce()
	var refused *refusedHead
	if errors.As(err, &refused) {
		err = errors.Join(err, h.denied(h.life, h.refusal(refused)))
	}
	h.noteRefusal(err)
	err = errors.Join(err, h.keepLook(h.life), h.keepRefusal(h.life, err != nil))
	h.mu.Lock()
	h.trouble = err
	h.mu.Unlock()
	h.metrics.looked(err)
	return err
}

// refusal is what is recorded of a tip that was not accepted.
func (h *heads) refusal(refused *refusedHead) audit.Entry {
	e := audit.Entry{Kind: audit.Head, Outcome: refused.reason, Revision: refused.hash, Detail: refused.err.Error()}
	if current := h.current.Load(); current != nil {
		e.Head = current.hash
	}
	return e
}

func (h *heads) lookOnce() error {
	if err := h.limiter.Wait(h.life); err != nil {
		return err
	}
	began := h.now()
	tip, err := h.mirror.Look(h.life)
	if err != nil {
		return fmt.Errorf("ask for the remote's head: %w", h.refGone(err))
	}
	// What a damaged mirror gave may be wrong by a file: it is read again from a
	// fresh one, though the tip is the same.
	if current := h.current.Load(); current != nil && current.hash == tip && !h.mirror.Damaged() {
		is, err := h.inForce(h.life, current)
		if is {
			h.verified(tip, began)
		}
		if is || err != nil {
			return errors.Join(err, h.pin(current))
		}
	}
	// Replicas see a push at once. The one that is second takes what the first
	// one accepted.
	for range decideAttempts {
		if err = judged(tip, h.fetchAndAccept(tip, began)); !errors.Is(err, store.ErrHeadMoved) {
			break
		}
	}
	return err
}

func (h *heads) fetchAndAccept(tip string, began time.Time) error {
	plan, err := h.fetch(h.life, tip)
	if err != nil {
		return err
	}
	plan.began = began
	h.metrics.fetches.Inc()
	return h.accept(h.life, plan)
}

// accept takes a tip that this service observed on the configured ref.
func (h *heads) accept(ctx context.Context, p *plan) error {
	if err := h.descends(p); err != nil {
		return err
	}
	candidate, err := h.verify(ctx, p.tip)
	if err != nil {
		return err
	}
	if p.last.Hash == p.tip { // another replica was first, or the mirror had lost a part of it
		if err := h.trust(ctx, p); err != nil {
			return err
		}
		h.verified(p.tip, p.began)
		return h.take(candidate, p.last.Accepted)
	}
	vouched, err := h.vouch(ctx, p)
	if err != nil {
		return err
	}
	now := h.now()
	row := store.Head{Fleet: h.fleet, Ref: h.ref, Hash: p.tip, Parent: p.last.Hash, Accepted: now, Known: candidate.known}
	changes := []store.Change{h.rows.AddHead(row)}
	if p.rewrite != nil {
		changes = append(changes, h.rows.SpendRewrite(*p.rewrite, now))
	}
	entries := headEntries(candidate, h.current.Load(), p.last.Hash)
	entries[0].Detail += vouchedDetail(p, vouched)
	if _, err := h.journal.Leave(ctx, entries, changes...); err != nil {
		return err
	}
	h.verified(p.tip, p.began)
	return h.take(candidate, now)
}

// descends refuses a rewritten history: it could grant again what was revoked.
func (h *heads) descends(p *plan) error {
	if p.last.Hash == "" || p.rewrite != nil {
		return nil
	}
	ok, err := h.mirror.Follows(p.tip, p.last.Hash)
	if err == nil && !ok {
		err = fmt.Errorf("it does not descend from the accepted head %s", p.last.Hash)
	}
	if err != nil {
		return &refusedHead{hash: p.tip, reason: v1alpha1.HistoryRewrittenReason, err: err}
	}
	return nil
}

// verify reads a head and holds it to the pins: the fleet's id, and the
// signature of fleet.yaml under the root key, which must not be an older one
// than was accepted before.
func (h *heads) verify(ctx context.Context, hash string) (*head, error) {
	refuse := func(reason string, err error) (*head, error) {
		return nil, &refusedHead{hash: hash, reason: reason, err: err}
	}
	tree, err := h.mirror.Tree(hash)
	if err != nil {
		return refuse(v1alpha1.InvalidFleetReason, err)
	}
	model, err := model.Load(tree)
	if err != nil {
		return refuse(v1alpha1.InvalidFleetReason, err)
	}
	if model.Fleet.Spec.ID != h.fleet {
		return refuse(v1alpha1.FleetMismatchReason, fmt.Errorf("fleet.yaml is of fleet %q, pinned is %q", model.Fleet.Spec.ID, h.fleet))
	}
	known, err := h.rows.KnownFleet(ctx, h.fleet)
	if err != nil {
		return nil, err
	}
	next, err := known.Accept(&model.Fleet.Spec, h.rootKey)
	if errors.Is(err, sealing.ErrRolledBack) {
		return refuse(v1alpha1.FleetRolledBackReason, err)
	}
	if err != nil {
		return refuse(v1alpha1.FleetMismatchReason, err)
	}
	return &head{hash: hash, tree: tree, model: model, known: next}, nil
}

// take makes a verified head the authority, and its keys the token's. The head
// counts even if the token does not have its keys: what it revokes is revoked.
func (h *heads) take(next *head, accepted time.Time) error {
	next.indexes.of, next.indexes.build = map[string]*pendingIndex{}, h.buildIndex(next)
	h.current.Store(next)
	h.metrics.acceptedHead(accepted)
	h.log.Info("accepted head", "head", next.hash, "clusters", len(next.model.Clusters),
		"placements", len(next.model.Placements), "problems", len(next.model.Problems))
	h.accepted(next)
	return h.pin(next)
}

// pin tells the token the keys of a head when they changed; the next look tries
// again if it fails. A head that moved for other reasons costs the token nothing.
func (h *heads) pin(current *head) error {
	keys := current.model.Fleet.Spec.SealingKeys
	if slices.Equal(h.pinned, keys) {
		return nil
	}
	if err := h.token.Pin(h.life, keys); err != nil {
		return fmt.Errorf("use the keys of head %s: %w", current.hash, err)
	}
	h.pinned = keys
	return nil
}

// state is for readiness: the head in use, whether another one is in force, and
// what the last look ran into.
func (h *heads) state() (hash string, behind bool, trouble error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if current := h.current.Load(); current != nil {
		hash, behind = current.hash, current.superseded.Load()
	}
	return hash, behind, h.trouble
}
