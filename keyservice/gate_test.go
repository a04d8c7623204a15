package keyservice_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/keyservice"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// holding stops who asks for a certificate's line, while it is armed.
type holding struct {
	keyservice.Store
	gate   atomic.Pointer[chan struct{}]
	inside atomic.Int64
}

func (h *holding) UseCertificate(ctx context.Context, u store.Use, now time.Time, tolerance time.Duration) (store.Lineage, error) {
	if gate := h.gate.Load(); gate != nil {
		h.inside.Add(1)
		select {
		case <-*gate:
		case <-ctx.Done():
		}
	}
	return h.Store.UseCertificate(ctx, u, now, tolerance)
}

// TestWhoIsNotLetInWaitsForNothing: ten thousand clusters that reconnect as one
// have certificates whose first use is to be written down. Those that find no
// place are sent away before that, and take no memory.
func TestWhoIsNotLetInWaitsForNothing(t *testing.T) {
	const inFlight, waiting, all = 64, 128, 200 // of Renew's route, and some more
	h := &holding{}
	w := newWorld(t)
	w.stop()
	w.limits = keyservice.Limits{InFlight: 2 * all}
	w.between = func(s keyservice.Store) keyservice.Store { h.Store = s; return h }
	w.start(2)
	f := newFixtureIn(w)
	f.settle(f.head)
	gate := make(chan struct{})
	h.gate.Store(&gate)
	var group sync.WaitGroup
	results := make(chan error, all)
	for range all / 40 {
		rpc := f.eu.dial() // a connection has at most 64 requests under way
		t.Cleanup(rpc.Close)
		for range 40 {
			group.Go(func() {
				_, err := rpc.Renew(t.Context())
				results <- err
			})
		}
	}
	f.eventually("the rest is sent away", func() bool { return len(results) == all-inFlight-waiting })
	for range all - inFlight - waiting {
		wantSentAway(t, <-results, keyservicev1.ReasonOverloaded)
	}
	if inside := h.inside.Load(); inside != inFlight {
		t.Errorf("%d requests wait for the store, want the %d that have a place", inside, inFlight)
	}
	h.gate.Store(nil)
	close(gate)
	group.Wait()
	close(results)
	for err := range results {
		if err != nil {
			t.Errorf("one that had a place: %v", err)
		}
	}
}
