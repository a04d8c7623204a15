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
	"github.com/bulla-dev/bulla/keyservice/turnstile"
)

// holding stops who asks for a certificate's line, while it is armed.
type holding struct {
	keyservice.Store
	gate                atomic.Pointer[chan struct{}]
	counts              atomic.Bool
	asked, inside, most atomic.Int64
}

func (h *holding) UseCertificate(ctx context.Context, u store.Use, now time.Time, tolerance time.Duration) (store.Lineage, error) {
	if !h.counts.Load() {
		return h.Store.UseCertificate(ctx, u, now, tolerance)
	}
	h.asked.Add(1)
	defer h.inside.Add(-1)
	if inside := h.inside.Add(1); inside > h.most.Load() {
		h.most.Store(inside) // a lost race counts one too few, never one too many
	}
	if gate := h.gate.Load(); gate != nil {
		select {
		case <-*gate:
		case <-ctx.Done():
		}
	}
	return h.Store.UseCertificate(ctx, u, now, tolerance)
}

// TestWhoIsNotLetInWaitsForNothing: ten thousand clusters that reconnect as one
// have certificates whose first use is to be written down. Those that find no
// place are sent away before that, and take no memory. How many they are depends
// on how fast they come; that nobody else comes to the store does not.
func TestWhoIsNotLetInWaitsForNothing(t *testing.T) {
	const inFlight, all = 64, 200 // of Renew's route, which lets twice as many wait; and some more
	h := &holding{}
	w := newWorld(t)
	w.stop()
	w.limits = turnstile.Limits{InFlight: 2 * all}
	w.between = func(s keyservice.Store) keyservice.Store { h.Store = s; return h }
	w.start(2)
	f := newFixtureIn(w)
	f.settle(f.head)
	gate := make(chan struct{})
	h.gate.Store(&gate)
	h.counts.Store(true)
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
	f.eventually("somebody is sent away", func() bool { return len(results) > 0 })
	h.gate.Store(nil)
	close(gate)
	group.Wait()
	close(results)
	sentAway := 0
	for err := range results {
		if err != nil {
			wantSentAway(t, err, keyservicev1.ReasonOverloaded)
			sentAway++
		}
	}
	if asked := h.asked.Load(); asked != int64(all-sentAway) {
		t.Errorf("%d of %d requests came to the store, want all but the %d that were sent away", asked, all, sentAway)
	}
	if most := h.most.Load(); most > inFlight {
		t.Errorf("%d requests waited for the store at a time, want at most %d", most, inFlight)
	}
}
