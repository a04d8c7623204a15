package kustomize

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// slowAfter is how long a build has the place of a fast one. What takes longer
// goes on, in a place that no other build waits for.
const slowAfter = 3 * time.Second

// errCrowded ends a build that takes long while as many others do. It is tried
// again, behind them: nothing is decided about the placement, least of all that it
// does not build.
var errCrowded = fmt.Errorf("build takes long, and others do too: %w", ErrBuilding)

// lanes are the places of build processes. Whoever may change one application may
// make its build slow, and ten of them: they wait for each other, and nobody waits
// for them. A placement that was slow begins in the slow lane the next time.
type lanes struct {
	fast, slow chan struct{}
	after      time.Duration

	mu   sync.Mutex
	late map[string]bool // placements whose last build was slow
}

func newLanes(places int, after time.Duration) *lanes {
	return &lanes{
		fast: make(chan struct{}, places), slow: make(chan struct{}, max(1, places/2)),
		after: after, late: map[string]bool{},
	}
}

// run builds in a place of its own. late is called when nobody should wait for it
// any more. A build that is dropped before it has a place is not begun.
func (l *lanes) run(placement string, drop <-chan struct{}, late func(), build func(context.Context)) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	lane := l.fast
	if l.isLate(placement) {
		late()
		select {
		case l.slow <- struct{}{}:
		case <-drop:
			return
		}
		lane = l.slow
	} else {
		l.fast <- struct{}{}
	}
	began := time.Now()
	var mu sync.Mutex
	over := false
	timer := time.AfterFunc(l.after, func() {
		mu.Lock()
		defer mu.Unlock()
		if over || lane == l.slow {
			return
		}
		l.setLate(placement, true)
		late()
		select {
		case l.slow <- struct{}{}:
			<-l.fast
			lane = l.slow
		default:
			cancel(errCrowded)
		}
	})
	defer timer.Stop()
	build(ctx)
	mu.Lock()
	defer mu.Unlock()
	over = true
	if lane == l.slow {
		l.setLate(placement, time.Since(began) >= l.after)
	}
	<-lane
}

func (l *lanes) isLate(placement string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.late[placement]
}

func (l *lanes) setLate(placement string, late bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if late {
		l.late[placement] = true
		return
	}
	delete(l.late, placement)
}
