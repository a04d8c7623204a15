package fleetsync

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulla-dev/bulla/controllers/view"
)

// Targets that end at a time (notAfter).
//
// A target has ended here once two clocks say so: the key service's, which refuses
// from then on, and this cluster's. So a clock that runs ahead, on either side, deletes
// nothing early. While the service has said nothing of its clock, nothing ends but what
// had ended before: the status keeps that, so that neither a restart nor a clock that
// is set back brings anything back.

// clockRetry is between two looks at the key service's clock, while this cluster's own
// says that a target has ended.
const clockRetry = 5 * time.Second

// asOf is the time that the fleet is read at.
func (r *acceptance) asOf(p *pass) time.Time {
	var now time.Time
	if service, ok := r.Link.ServiceTime(); ok {
		now = earlier(p.now, service)
	}
	if last := p.obj.Status.LastEnd; last != nil && now.Before(last.Time) {
		return last.UTC()
	}
	return now
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// over says whether a target of the standing snapshot has ended since.
func (r *acceptance) over(p *pass, standing *view.Snapshot) bool {
	end, ok := standing.Model.NextEnd()
	return ok && !r.asOf(p).Before(end)
}

// noteEnd keeps in the status what has ended. It never goes back.
func noteEnd(p *pass) {
	last, ok := p.snapshot.Model.LastEnd()
	if kept := p.obj.Status.LastEnd; ok && (kept == nil || kept.Time.Before(last)) {
		p.obj.Status.LastEnd = &metav1.Time{Time: last}
	}
}

// endMeanwhile ends what is over while no newer head is to be had: a remote that is
// down, or a head that is refused, must not keep a grant alive.
func (r *Reconciler) endMeanwhile(ctx context.Context, p *pass) error {
	standing := r.Snapshots.Load()
	if standing == nil || p.identity == nil || r.remote.mirror.Source == nil || !r.acceptance.over(p, standing) {
		return nil
	}
	p.head, p.next = standing.Head, nil
	next, err := r.acceptance.snapshot(ctx, p)
	if err != nil {
		return err
	}
	r.acceptance.store(p, next)
	noteEnd(p)
	return r.delivering.deliver(ctx, p)
}

// untilEnd is how long it takes until the next target ends; longest when none does
// sooner.
func (r *acceptance) untilEnd(p *pass, longest time.Duration) time.Duration {
	standing := r.Snapshots.Load()
	if standing == nil || standing.Model == nil {
		return longest
	}
	end, ok := standing.Model.NextEnd()
	if !ok {
		return longest
	}
	now := p.now
	if service, known := r.Link.ServiceTime(); known {
		now = earlier(now, service)
	}
	left := end.Sub(now)
	if left <= 0 {
		left = clockRetry
	}
	return min(longest, left)
}
