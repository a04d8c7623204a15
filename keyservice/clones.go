package keyservice

import (
	"context"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/keyservice/audit"
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
	mu sync.Mutex
	// good and noticed are until when a serial need not be looked up, or recorded,
	// again.
	good, noticed map[string]time.Time
}

func newClones() *clones {
	return &clones{good: map[string]time.Time{}, noticed: map[string]time.Time{}}
}

// forget makes a clone news again: it could not be recorded.
func (c *clones) forget(serial string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.noticed, serial)
}

// isKnown reports whether a certificate was found to be the newest of late.
func (c *clones) isKnown(serial string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return now.Before(c.good[serial])
}

func (c *clones) know(serial string, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.good) >= maxTraced {
		clear(c.good)
	}
	c.good[serial] = until
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
func (s *Server) trace(ctx context.Context, who caller, renewing bool) {
	now := s.now()
	if !renewing && s.clones.isKnown(who.serial, now) {
		return
	}
	fits, err := s.store.UseCertificate(ctx, store.Use{
		Fleet: who.fleet, Cluster: who.cluster, Identity: who.identity, Serial: who.serial, Renewing: renewing}, now, cloneTolerance)
	switch {
	case err != nil:
		// What cannot be read here cannot be recorded either, and is not answered.
		s.log.Error("lineage of a certificate is not known", "cluster", who.cluster, "error", err.Error())
	case fits == store.Linear:
		s.clones.know(who.serial, now.Add(traceEvery))
	default:
		s.noticeClone(ctx, who, fits)
	}
}

func (s *Server) noticeClone(ctx context.Context, who caller, fits store.Lineage) {
	s.metrics.clones.Inc()
	if !s.clones.isNews(who.serial, s.now()) {
		return
	}
	e := who.entry(audit.Clone, outcomeDone)
	e.Detail = "it was renewed from a certificate that already had a successor in use"
	if fits == store.Superseded {
		e.Detail = "it is used although its successor is in use"
	}
	s.log.Warn("a certificate is in use in two places: suspend the cluster if its key may be stolen",
		"cluster", who.cluster, "identity", who.identity, "serial", who.serial, "detail", e.Detail)
	if _, err := s.journal.Append(ctx, []audit.Entry{e}); err != nil {
		s.clones.forget(who.serial)
		s.log.Error("a clone is not recorded", "cluster", who.cluster, "error", err.Error())
	}
}
