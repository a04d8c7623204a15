package keyservice

import (
	"context"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/clerk"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// A key that was copied is used in two places, and both renew: their certificates
// cannot make one line. That is noticed, and does not refuse anybody: who copied
// the key could renew first, and would lock the cluster out with it. Suspending
// the cluster in Git is the operator's act.

const (
	// cloneTolerance is how long requests with the certificate of before may
	// arrive after its successor was used.
	cloneTolerance = 5 * time.Minute
	// traceEvery is how often a certificate in use is looked up again.
	traceEvery = time.Minute
	// cloneEvery is how often one certificate's clone is recorded.
	cloneEvery = time.Hour
	// maxTraced bounds the memory; beyond it everything is looked up again.
	maxTraced = 1 << 15
)

// lineageStore follows which certificate was renewed from which.
type lineageStore interface {
	UseCertificate(ctx context.Context, u store.Use, now time.Time, tolerance time.Duration) (store.Lineage, error)
}

// clones notices certificates that are used in two places.
type clones struct {
	*clerk.Clerk

	store lineageStore

	mu sync.Mutex
	// found is what a serial was found to be of late.
	found map[string]verdict
	// noticed is until when a serial's clone need not be recorded again.
	noticed map[string]time.Time
}

// verdict is how the use of a certificate fits, for as long as it need not be
// looked up again.
type verdict struct {
	fits  store.Lineage
	until time.Time
}

func newClones(c *clerk.Clerk, rows lineageStore) *clones {
	return &clones{Clerk: c, store: rows, found: map[string]verdict{}, noticed: map[string]time.Time{}}
}

// forget makes a clone news again: it could not be recorded.
func (c *clones) forget(serial string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.noticed, serial)
}

// lookUp is what a certificate was found to be of late. A superseded one stays so
// but for what an operator does to the store; asked of the store at each use it
// would be a transaction for every request of a thief.
func (c *clones) lookUp(serial string, now time.Time) (fits store.Lineage, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.found[serial]
	return v.fits, ok && now.Before(v.until)
}

func (c *clones) know(serial string, v verdict) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.found) >= maxTraced {
		clear(c.found)
	}
	c.found[serial] = v
}

// isNews reports whether a clone is to be recorded now.
func (c *clones) isNews(serial string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Before(c.noticed[serial]) {
		return false
	}
	if len(c.noticed) >= maxTraced {
		clear(c.noticed)
	}
	c.noticed[serial] = now.Add(cloneEvery)
	return true
}

// trace takes note of a certificate's use, and says so where it looks cloned.
func (s *clones) trace(ctx context.Context, who authority.Cluster, renewing bool) {
	fits, err := s.lineageOf(ctx, who, renewing)
	switch {
	case err != nil:
		// What cannot be read here cannot be recorded either, and is not answered.
		s.Log.Error("lineage of a certificate is not known", "cluster", who.Name, "error", err.Error())
	case fits != store.Linear:
		s.noticeClone(ctx, who, fits)
	}
}

// lineageOf asks the store how a use fits, at most once every traceEvery. A
// renewal is always asked about: what is merely late for a request is not for it.
func (s *clones) lineageOf(ctx context.Context, who authority.Cluster, renewing bool) (store.Lineage, error) {
	now := s.Now()
	if fits, known := s.lookUp(who.Serial, now); known && !renewing {
		return fits, nil
	}
	fits, err := s.store.UseCertificate(ctx, store.Use{
		Fleet: who.Fleet, Cluster: who.Name, Identity: who.Identity, Serial: who.Serial, Renewing: renewing}, now, cloneTolerance)
	if err == nil && (fits == store.Linear || !renewing) {
		s.know(who.Serial, verdict{fits, now.Add(traceEvery)})
	}
	return fits, err
}

func (s *clones) noticeClone(ctx context.Context, who authority.Cluster, fits store.Lineage) {
	s.Metrics.Cloned()
	if !s.isNews(who.Serial, s.Now()) {
		return
	}
	e := who.Entry(audit.Clone, audit.Done)
	e.Detail = "it was renewed from a certificate that already had a successor in use"
	if fits == store.Superseded {
		e.Detail = "it is used although its successor is in use"
	}
	s.Log.Warn("a certificate is in use in two places: suspend the cluster if its key may be stolen",
		"cluster", who.Name, "identity", who.Identity, "serial", who.Serial, "detail", e.Detail)
	if _, err := s.Journal.Append(ctx, []audit.Entry{e}); err != nil {
		s.forget(who.Serial)
		s.Log.Error("a clone is not recorded", "cluster", who.Name, "error", err.Error())
	}
}
