package heads

import (
	"cmp"
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
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/journal"
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

// Head is one accepted head: immutable, but for what is built on demand.
type Head struct {
	Hash    string
	Tree    *tree.Tree
	Model   *model.Model
	Known   sealing.Known
	indexes indexes
	samples samples
	// superseded is set when another head was found in force.
	superseded atomic.Bool
}

// Options of [New].
type Options struct {
	Fleet      string
	Repository config.Repository
	Rule       *follow.Rule
	Builder    *kustomize.Builder
	Rows       Rows
	// Token is told the sealing keys of each accepted head.
	Token interface {
		Pin(ctx context.Context, keys []api.SealingKey) error
	}
	Journal Journal
	// Denied records refusals.
	Denied func(context.Context, ...audit.Entry) error
	// Accepted is called with each new head.
	Accepted func(*Head)
	Observer Observer
	// LookEvery is the least time between looks that requests cause; 0 is a second.
	LookEvery time.Duration
	Log       *slog.Logger
	Now       func() time.Time
}

// Journal is where accepted heads are recorded, with the changes of their rows.
type Journal interface {
	Leave(ctx context.Context, entries []audit.Entry, changes ...store.Change) (*journal.Receipt, error)
}

// Observer is told what metrics show.
type Observer interface {
	// Looked is told how a look at the remote ended.
	Looked(err error)
	// Fetching is told of each fetch.
	Fetching()
	// AcceptedHead is told when the head in use was accepted, VerifiedLook when it was
	// last seen to be the newest.
	AcceptedHead(at time.Time)
	VerifiedLook(at time.Time)
	// TipRefused is told since when the tip is refused, the zero time when it is not.
	TipRefused(since time.Time)
}

// Heads follows the configured ref. Authority is always the head accepted last;
// a tip that cannot be accepted changes nothing but the readiness detail.
type Heads struct {
	Options
	ref string

	looks coalescer
	// looked is closed when the first look of this process has ended, however it
	// did.
	looked  chan struct{}
	limiter *rate.Limiter
	// life ends with the service: a look outlives the request that caused it.
	life    context.Context
	current atomic.Pointer[Head]
	// fresh says how long ago the head was seen to be the newest.
	fresh *freshness
	// refusals says since when its tip is refused.
	refusals *refusal
	// pinned are the keys that the token has. One look at a time writes it.
	pinned []api.SealingKey

	mu      sync.Mutex
	trouble error // of the last look; nil when it went well

	told toldRefusal
	// toldStale says which of the two [Heads.tellStale] said last.
	toldStale bool
}

// New follows nothing before [Heads.Start].
func New(o Options) *Heads {
	return &Heads{
		Options: o, ref: o.Repository.Ref,
		fresh: newFreshness(o.Repository, o.Now), refusals: newRefusal(o.Repository, o.Now),
	}
}

// Start begins a life. Nothing is looked at yet.
func (h *Heads) Start(life context.Context) {
	h.life = life
	h.limiter = rate.NewLimiter(rate.Every(cmp.Or(h.LookEvery, standardLookEvery)), lookBurst)
	h.looks.run = h.look
	h.looked = make(chan struct{})
}

// Life ends with the service.
func (h *Heads) Life() context.Context { return h.life }

// Looked is closed when the first look of this process has ended, however it did.
func (h *Heads) Looked() <-chan struct{} { return h.looked }

// Current is the head in use; nil before the first.
func (h *Heads) Current() *Head { return h.current.Load() }

// Look asks the remote now, together with others who want that; it is waited for ten
// seconds. The error is a [*follow.Refusal] for a tip that is not accepted.
func (h *Heads) Look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	return h.looks.do(ctx)
}

// Restore takes up the head accepted last, verified again: the pins may have
// changed. When the mirror lost it, the first look fetches it back.
func (h *Heads) Restore(ctx context.Context) error {
	last, err := h.Rows.LastHead(ctx, h.Fleet, h.ref)
	if errors.Is(err, store.ErrNotFound) || err == nil && !h.Rule.Source.Contains(last.Hash) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("restore accepted head: %w", err)
	}
	known, err := h.Rows.KnownFleet(ctx, h.Fleet)
	if err != nil {
		return fmt.Errorf("restore accepted head: %w", err)
	}
	accepted, err := h.Rule.Read(ctx, last.Hash, known)
	if err != nil {
		return fmt.Errorf("restore accepted head: %w", err)
	}
	if err := errors.Join(h.beginFresh(ctx, last), h.beginRefused(ctx, last)); err != nil {
		return fmt.Errorf("restore accepted head: %w", err)
	}
	return h.take(newHead(accepted), last.Accepted)
}

// Watch looks at the remote every interval until ctx ends.
func (h *Heads) Watch(ctx context.Context, interval time.Duration) {
	ticker, row := time.NewTicker(interval), time.NewTicker(rowEvery)
	defer ticker.Stop()
	defer row.Stop()
	first := sync.OnceFunc(func() { close(h.looked) })
	for {
		if err := h.looks.do(ctx); err != nil && ctx.Err() == nil && h.told.again(err, h.Now()) {
			h.Log.Error("look at the fleet repository failed", "error", err.Error())
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
func (h *Heads) look() error {
	err := h.lookOnce()
	var refused *follow.Refusal
	if errors.As(err, &refused) {
		err = errors.Join(err, h.Denied(h.life, h.refusal(refused)))
	}
	h.noteRefusal(err)
	err = errors.Join(err, h.keepLook(h.life), h.keepRefusal(h.life, err != nil))
	h.mu.Lock()
	h.trouble = err
	h.mu.Unlock()
	h.Observer.Looked(err)
	return err
}

// refusal is what is recorded of a tip that was not accepted.
func (h *Heads) refusal(refused *follow.Refusal) audit.Entry {
	e := audit.Entry{Kind: audit.Head, Outcome: refused.Reason.Word(), Revision: refused.Head, Detail: refused.Err.Error()}
	if current := h.current.Load(); current != nil {
		e.Head = current.Hash
	}
	return e
}

func (h *Heads) lookOnce() error {
	if err := h.limiter.Wait(h.life); err != nil {
		return err
	}
	began := h.Now()
	tip, err := h.Rule.Source.Look(h.life)
	if err != nil {
		return fmt.Errorf("ask for the remote's head: %w", h.refGone(err))
	}
	if current := h.current.Load(); current != nil && h.Rule.IsAt(tip, current.Hash) {
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
	for range DecideAttempts {
		if err = h.next(tip, began); !errors.Is(err, store.ErrHeadMoved) {
			break
		}
	}
	return err
}

// next takes a tip that this service observed on the configured ref.
func (h *Heads) next(tip string, began time.Time) error {
	h.Observer.Fetching()
	m := &memory{Heads: h}
	next, err := h.Rule.Next(h.life, tip, m)
	if err != nil {
		return m.explain(err)
	}
	h.verified(next.Hash, began)
	return h.take(newHead(next), m.accepted)
}

func newHead(of *follow.Head) *Head {
	return &Head{Hash: of.Hash, Tree: of.Tree, Model: of.Model, Known: of.Known}
}

// take makes a verified head the authority, and its keys the token's. The head
// counts even if the token does not have its keys: what it revokes is revoked.
func (h *Heads) take(next *Head, accepted time.Time) error {
	next.indexes.of, next.indexes.build = map[string]*pendingIndex{}, h.buildIndex(next)
	h.current.Store(next)
	h.Observer.AcceptedHead(accepted)
	h.Log.Info("accepted head", "head", next.Hash, "clusters", len(next.Model.Clusters),
		"placements", len(next.Model.Placements), "problems", len(next.Model.Problems))
	h.Accepted(next)
	return h.pin(next)
}

// pin tells the token the keys of a head when they changed; the next look tries
// again if it fails. A head that moved for other reasons costs the token nothing.
func (h *Heads) pin(current *Head) error {
	keys := current.Model.Fleet.Spec.SealingKeys
	if slices.Equal(h.pinned, keys) {
		return nil
	}
	if err := h.Token.Pin(h.life, keys); err != nil {
		return fmt.Errorf("use the keys of head %s: %w", current.Hash, err)
	}
	h.pinned = keys
	return nil
}

// State is for readiness: the head in use, whether another one is in force, and
// what the last look ran into.
func (h *Heads) State() (hash string, behind bool, trouble error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if current := h.current.Load(); current != nil {
		hash, behind = current.Hash, current.superseded.Load()
	}
	return hash, behind, h.trouble
}
