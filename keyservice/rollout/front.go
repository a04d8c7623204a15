package rollout

import (
	"context"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/store"
)

const (
	// atLeast is how long an answer stands, and share what part of the time finding it
	// may take.
	atLeast = time.Second
	share   = 10
	// fewClusters are read one by one.
	fewClusters = 64
	// forgetAfter is how long a release that nobody asks for is remembered: for so long
	// a revert to it waits for nobody.
	forgetAfter = 400 * 24 * time.Hour
)

// front is how far a plan's release came, found by one for all who ask meanwhile.
func (s *Pacing) front(ctx context.Context, p *plan) (front, error) {
	l := p.looked
	l.mu.Lock()
	defer l.mu.Unlock()
	now := s.Now()
	if now.Before(l.until) && l.until.Sub(now) <= mostAgain { // a clock that was set back keeps nothing
		return l.front, nil
	}
	began := time.Now()
	at, err := s.findFront(ctx, p, now)
	if err != nil {
		return front{}, err
	}
	stands := max(atLeast, min(share*time.Since(began), mostAgain))
	if at.again > 0 {
		stands = min(stands, at.again)
	}
	l.front, l.until = at, now.Add(stands)
	return at, nil
}

func (s *Pacing) findFront(ctx context.Context, p *plan, now time.Time) (front, error) {
	q := question{placement: p.placement, rollout: p.rollout, waves: p.waves, now: now}
	var err error
	if q.known, err = s.Store.Waves(ctx, s.Fleet, p.placement, p.release); err != nil {
		return front{}, err
	}
	var failed error
	var all map[string][]byte
	q.ready = func(name string) bool {
		states, one := all, error(nil)
		if all == nil {
			wave := p.waves[p.waveOf[name]]
			if len(wave.Clusters) > fewClusters {
				all, one = s.Store.States(ctx, s.Fleet, "")
				states = all
			} else {
				states, one = s.Store.States(ctx, s.Fleet, name)
			}
		}
		if one != nil {
			failed = one
		}
		return isReady(states[name], p.placement, p.releases[name])
	}
	at, changed := q.front()
	if failed != nil {
		return front{}, failed
	}
	if len(changed) == 0 {
		return at, nil
	}
	changes := []store.Change{s.Store.ForgetWaves(s.Fleet, p.placement, p.release, now.Add(-forgetAfter))}
	for _, w := range changed {
		changes = append(changes, s.Store.PutWave(s.Fleet, p.placement, p.release, w))
	}
	return at, s.Store.Do(ctx, changes...)
}

// isReady says whether a cluster reports a placement Ready with a release.
func isReady(data []byte, placement, release string) bool {
	state := &keyservicev1.ClusterState{}
	if release == "" || proto.Unmarshal(data, state) != nil {
		return false
	}
	return slices.ContainsFunc(state.GetDeliveries(), func(d *keyservicev1.DeliveryState) bool {
		return d.GetPlacement() == placement && d.GetReady() == keyservicev1.Readiness_READINESS_READY &&
			d.GetRelease() == release && d.GetSuspended() == nil
	})
}
