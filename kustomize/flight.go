package kustomize

import (
	"context"
	"errors"
	"sync"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/internal/kept"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// ErrBuilding says that a build is under way, and takes longer than others should
// wait for.
var ErrBuilding = errors.New("build is still running")

// flight is one build that is under way, for all who want it.
type flight struct {
	done  chan struct{}
	late  chan struct{} // closed when nobody should wait any more
	once  sync.Once
	build *Build
	err   error

	// placement is what it builds, in its variant, wanted how many wait for it. drop is closed, and
	// dropped set, when nobody does and a newer one of the placement begins. The
	// builder's lock holds them.
	placement string
	wanted    int
	drop      chan struct{}
	dropped   bool
}

func (f *flight) isLate() { f.once.Do(func() { close(f.late) }) }

// begin starts a build, or gives the one that is under way. It ends by a deadline
// of its own: whoever asks first must not decide for the others when to give up.
func (b *Builder) begin(t *tree.Tree, p *api.Placement, key kept.Key) *flight {
	id := key.String() + " " + t.Hash()
	b.mu.Lock()
	defer b.mu.Unlock()
	if f, ok := b.flights[id]; ok && !f.dropped {
		f.wanted++
		return f
	}
	// Variants have a lane each: a slow one must not drop another from the queue.
	lane := key.Placement
	if p.Variant != "" {
		lane += "\t" + p.Variant
	}
	b.dropUnwanted(lane)
	f := &flight{
		done: make(chan struct{}), late: make(chan struct{}), drop: make(chan struct{}),
		placement: lane, wanted: 1, err: errCrowded,
	}
	b.flights[id] = f
	go func() {
		defer close(f.done)
		defer func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.flights[id] == f {
				delete(b.flights, id)
			}
		}()
		// The flight has a goroutine of its own, where no caller could recover.
		defer catch(p, &f.err)
		if r, ok := b.known(key, t); ok {
			f.build, f.err = r.Build, r.Err
			return
		}
		b.lanes.run(lane, f.drop, f.isLate, func(ctx context.Context) {
			defer catch(p, &f.err)
			f.build, f.err = b.build(ctx, t, p, key)
		})
	}()
	return f
}

// dropUnwanted takes builds of a placement that nobody waits for out of the queue:
// whoever pushes a slow folder again and again would fill it with heads that are
// past, and everybody else's slow build would wait behind them. The lock is held.
func (b *Builder) dropUnwanted(placement string) {
	for _, f := range b.flights {
		if f.placement == placement && f.wanted == 0 && !f.dropped {
			f.dropped = true
			close(f.drop)
		}
	}
}

func (b *Builder) leave(f *flight) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f.wanted--
}

// soon is Build, but for a build that is late: [ErrBuilding] then, and it goes on.
func (b *Builder) soon(ctx context.Context, t *tree.Tree, p *api.Placement) (_ *Build, err error) {
	defer func() { err = of(p, err) }()
	defer catch(p, &err)
	key, err := kept.KeyOf(p)
	if err != nil {
		return nil, err
	}
	if r, ok := b.cache.Get(key, t); ok {
		return r.Build, r.Err
	}
	f := b.begin(t, p, key)
	defer b.leave(f)
	select {
	case <-f.done:
		return f.build, f.err
	case <-f.late:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	select {
	case <-f.done:
		return f.build, f.err
	default:
		problem := ErrBuilding.Error() + "; no other application waits for it"
		return nil, &BuildError{Placement: p.Metadata.Name, Problem: problem, Err: ErrBuilding}
	}
}
