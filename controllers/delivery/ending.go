package delivery

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/fluxcd/pkg/apis/meta"

	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/aim"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/controllers/internal/pace"
	"github.com/bulla-dev/bulla/controllers/internal/record"
	"github.com/bulla-dev/bulla/controllers/internal/say"
)

// When to look again. Events wake a Delivery earlier in all but the last case.
const (
	healthPoll            = 5 * time.Second
	unhealthyPoll         = 30 * time.Second
	removalPoll           = 2 * time.Second
	handOverRetry         = 30 * time.Second
	dependencyRetry       = 30 * time.Second
	forgetRetry           = 10 * time.Second
	healRetry             = 10 * time.Second
	longestRetry          = 2 * time.Minute
	slowRetry             = 10 * time.Minute // what waits for a person, or for Git
	defaultRemovalTimeout = 5 * time.Minute
)

// ending turns the result of a pass into a status, and into when the next one is.
type ending struct {
	record *record.Record
	mem    *memory
	stand  *stand
	aim    *aim.Aim
	again  *loop.Again
	now    func() time.Time
	// began is when the pass did.
	began time.Time
}

// count writes the inventory into the status. Objects is what stood when the
// Delivery last settled: the guard measures against it.
func (e *ending) count() error {
	if err := e.record.Keep(e.stand.inv); err != nil {
		return err
	}
	d := e.record.Obj
	d.Status.Secrets = e.stand.inv.Secrets()
	settled := d.Status.AppliedBuildDigest == d.Spec.BuildDigest && !d.Spec.Removed
	if settled && len(e.stand.inv) == len(e.aim.Desired) {
		stand, _, going := e.stand.inv.Standing(e.aim.Wants)
		d.Status.Objects = stand + len(going)
	}
	return nil
}

// state writes conditions and counters.
func (e *ending) state(result error) {
	d := e.record.Obj
	d.Status.ObservedGeneration = d.Generation
	d.Status.LastHandledReconcileAt = e.record.Requested()
	if result == nil {
		d.Status.Attempts = 0
		e.remember(meta.ReconciliationSucceededReason, false)
		loop.Succeed(d, meta.ReconciliationSucceededReason, e.success())
		return
	}
	ended := loop.End(result, meta.ReconciliationFailedReason)
	if ended.Retryable() {
		d.Status.Attempts++
	}
	if ended.Intent != loop.Progress {
		e.remember(ended.Reason, ended.Retryable())
	}
	loop.Conclude(d, ended, *e.again > 0)
}

// remember notes in the history how a build ended. What ended before as it does now is
// noted again only where it is an attempt of its own: an idle pass writes nothing.
func (e *ending) remember(reason string, attempt bool) {
	d := e.record.Obj
	if d.Spec.BuildDigest == "" || d.Spec.Removed || reason == v1alpha1.SuspendedReason {
		return
	}
	last := d.Status.History.Latest()
	if !attempt && last != nil && last.Digest == d.Spec.BuildDigest && last.LastReconciledStatus == reason {
		return
	}
	now := e.now()
	d.Status.History.Upsert(d.Spec.BuildDigest, now, now.Sub(e.began), reason,
		map[string]string{"revision": d.Spec.Revision})
}

func (e *ending) success() string {
	stand, ran, going := e.stand.inv.Standing(e.aim.Wants)
	if len(going) > 0 {
		e.record.Note("on its way out, and made anew when it is gone: %s", say.List(going))
	}
	if len(ran) > 0 {
		e.record.Note("ran to the end, and gone: %s", say.List(ran))
	}
	if taken := e.stand.inv.TakenOver(); len(taken) > 0 {
		e.record.Note("taken over from somebody else: %s", say.List(taken))
	}
	message := fmt.Sprintf("%s %s as of %s", plural.Of(stand, "object"), plural.Verb(stand, "stands", "stand"),
		e.record.Obj.Status.LastAppliedRevision)
	return strings.Join(append([]string{message}, e.record.Notes()...), "; ")
}

// next is when to come back: soon for what moves by itself, with back-off and
// jitter after failures, and at the backstop when all is well.
func (e *ending) next(result error) time.Duration {
	if result != nil {
		retry := e.retry()
		if ended := loop.End(result, ""); ended.Retryable() {
			pause := e.mem.failures.Every
			if retry == 0 {
				retry, pause = longestRetry, e.mem.failures.Next
			}
			e.again.Within(pause(retry, ended.After))
			return time.Duration(*e.again)
		}
		e.again.Within(pace.Jittered(cmp.Or(retry, slowRetry)))
	}
	e.mem.failures.Reset()
	if backstop := e.mem.compared.backstop; !backstop.IsZero() {
		e.again.Within(max(time.Second, backstop.Sub(e.now())))
	}
	return time.Duration(*e.again)
}

// retry is the pause that Git wants after a failure; 0 for the usual.
func (e *ending) retry() time.Duration {
	if e.aim.Placed == nil {
		return 0
	}
	return e.aim.Placed.Placement.Spec.Retry()
}
