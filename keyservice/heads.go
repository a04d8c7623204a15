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
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/follow"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/bulla-dev/bulla/sealing"
)

const (
	// standardLookEvery bounds how often requests make the service ask Git: callers
	// who invent revisions cannot hammer the remote.
	standardLookEvery = time.Second
	lookBurst         = 3
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

// heads follows the configured ref. Authority is always the head accepted last;
// a tip that cannot be accepted changes nothing but the readiness detail.
type heads struct {
	fleet, ref string
	rule       *follow.Rule
	builder    *kustomize.Builder
	rows       interface {
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
	// lookEvery is the least time between looks that requests cause.
	lookEvery time.Duration
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
	h.limiter = rate.NewLimiter(rate.Every(h.lookEvery), lookBurst)
	h.looks.run = h.look
	h.looked = make(chan struct{})
}

// restore takes up the head accepted last, verified again: the pins may have
// changed. When the mirror lost it, the first look fetches it back.
func (h *heads) restore(ctx context.Context) error {
	last, err := h.rows.LastHead(ctx, h.fleet, h.ref)
	if errors.Is(err, store.ErrNotFound) || err == nil && !h.rule.Source.Contains(last.Hash) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("restore accepted head: %w", err)
	}
	known, err := h.rows.KnownFleet(ctx, h.fleet)
	if err != nil {
		return fmt.Errorf("restore accepted head: %w", err)
	}
	accepted, err := h.rule.Read(ctx, last.Hash, known)
	if err != nil {
		return fmt.Errorf("restore accepted head: %w", err)
	}
	if err := errors.Join(h.beginFresh(ctx, last), h.beginRefused(ctx, last)); err != nil {
		return fmt.Errorf("restore accepted head: %w", err)
	}
	return h.take(newHead(accepted), last.Accepted)
}

// watch looks at the remote every interval until ctx ends.
func (h *heads) watch(ctx context.Context, interval time.Duration) {
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
	var refused *follow.Refusal
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
func (h *heads) refusal(refused *follow.Refusal) audit.Entry {
	e := audit.Entry{Kind: audit.Head, Outcome: refused.Reason.Word(), Revision: refused.Head, Detail: refused.Err.Error()}
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
	tip, err := h.rule.Source.Look(h.life)
	if err != nil {
		return fmt.Errorf("ask for the remote's head: %w", h.refGone(err))
	}
	if current := h.current.Load(); current != nil && h.rule.IsAt(tip, current.hash) {
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
		if err = h.next(tip, began); !errors.Is(err, store.ErrHeadMoved) {
			break
		}
	}
	return err
}

// next takes a tip that this service observed on the configured ref.
func (h *heads) next(tip string, began time.Time) error {
	h.metrics.fetches.Inc()
	m := &memory{heads: h}
	next, err := h.rule.Next(h.life, tip, m)
	if err != nil {
		return m.explain(err)
	}
	h.verified(next.Hash, began)
	return h.take(newHead(next), m.accepted)
}

func newHead(of *follow.Head) *head {
	return &head{hash: of.Hash, tree: of.Tree, model: of.Model, known: of.Known}
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
