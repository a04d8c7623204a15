package rollout

import (
	"context"
	"time"

	"github.com/bulla-dev/bulla/keyservice/store"
)

const (
	// atLeast is how long an answer stands, and share what part of the time finding it
	// may take.
	atLeast = time.Second
	share   = 10
	// fewClusters are read one by one, as they are now.
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
	if stands(now, l.until) {
		return l.front, nil
	}
	began := time.Now()
	at, err := s.findFront(ctx, p, now)
	if err != nil {
		return front{}, err
	}
	good := standsFor(time.Since(began))
	if at.again > 0 { // a pause of an operator ends by itself, too
		good = min(good, at.again)
	}
	l.front, l.until = at, now.Add(good)
	return at, nil
}

func (s *Pacing) findFront(ctx context.Context, p *plan, now time.Time) (front, error) {
	q := question{placement: p.placement, rollout: p.rollout, waves: p.waves, now: now}
	var err error
	if q.known, err = s.Store.Waves(ctx, s.Fleet, p.placement, p.release); err != nil {
		return front{}, err
	}
	pauses, err := s.Store.Pauses(ctx, s.Fleet, now)
	if err != nil {
		return front{}, err
	}
	var failed error
	q.ready = func(name string) bool {
		said, err := s.said(ctx, name, len(p.waves[p.waveOf[name]].Clusters))
		if err != nil {
			failed = err
		}
		return isReady(said, p.placement, p.releases[name])
	}
	at, changed := q.front()
	if failed != nil {
		return front{}, failed
	}
	if pause, ok := pauses[p.placement]; ok {
		// Reason and name are for people, and not for clusters.
		at.paused, at.again = "an operator pauses the rollout until "+pause.Until.UTC().Format(time.RFC3339)+
			"; hint: bulla status --rollout --placement "+p.placement+" says why", pause.Until.Sub(now)
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

// said is what a cluster of a wave said last.
func (s *Pacing) said(ctx context.Context, cluster string, wave int) (releases, error) {
	if wave > fewClusters {
		all, err := s.Reports.all(ctx)
		return all[cluster], err
	}
	var said releases
	err := s.Store.EachState(ctx, s.Fleet, cluster, func(_ string, state []byte) { said = readyWith(state, words{}) })
	return said, err
}

// standsFor is how long an answer stands that took so long to find.
func standsFor(took time.Duration) time.Duration {
	return max(atLeast, min(share*took, mostAgain))
}

// stands says that an answer still does. A clock that was set back keeps nothing.
func stands(now, until time.Time) bool {
	return now.Before(until) && until.Sub(now) <= mostAgain
}
