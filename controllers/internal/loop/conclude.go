package loop

import (
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"

	"github.com/bulla-dev/bulla/controllers/internal/pace"
)

// Succeed writes the conditions of a pass that ended well.
func Succeed(obj conditions.Setter, reason, message string) {
	conditions.Delete(obj, meta.ReconcilingCondition)
	conditions.Delete(obj, meta.StalledCondition)
	conditions.MarkTrue(obj, meta.ReadyCondition, reason, "%s", message)
}

// Working marks an object as at work, under a reason.
func Working(obj conditions.Setter, reason, message string) {
	conditions.Delete(obj, meta.StalledCondition)
	conditions.MarkReconciling(obj, meta.ProgressingReason, "%s", message)
	conditions.MarkUnknown(obj, meta.ReadyCondition, reason, "%s", message)
}

// Conclude writes the conditions of a pass that ended early. One that comes back by
// itself is not stalled, whatever its intent.
func Conclude(obj conditions.Setter, ended *Error, comesBack bool) {
	if ended.Intent == Progress {
		Working(obj, ended.Reason, ended.Message)
		return
	}
	conditions.MarkFalse(obj, meta.ReadyCondition, ended.Reason, "%s", ended.Message)
	if comesBack || ended.Retryable() {
		conditions.Delete(obj, meta.StalledCondition)
		conditions.MarkReconciling(obj, meta.ProgressingWithRetryReason, "%s", ended.Message)
		return
	}
	conditions.Delete(obj, meta.ReconcilingCondition)
	conditions.MarkStalled(obj, ended.Reason, "%s", ended.Message)
}

// firstPause is the back-off after one failure; it doubles.
const firstPause = time.Second

// Backoff counts failures in a row. The zero value has none.
type Backoff struct{ failures int }

// Failing says that the last pass failed.
func (b *Backoff) Failing() bool { return b.failures > 0 }

// Reset forgets them.
func (b *Backoff) Reset() { b.failures = 0 }

// Next is the pause after one failure more: with jitter, so that a fleet does not
// return to a recovered remote in one moment, and never sooner than somebody asked
// for, 0 for nobody.
func (b *Backoff) Next(longest, asked time.Duration) time.Duration {
	pause := pace.Jittered(min(longest, firstPause<<min(b.failures, 10)))
	b.failures++
	return max(pause, pace.Spread(asked))
}

// Every is the pause after one failure more where somebody fixed it: it does not grow.
func (b *Backoff) Every(pause, asked time.Duration) time.Duration {
	b.failures++
	return max(pace.Jittered(max(pause, firstPause)), pace.Spread(asked))
}

// Again is when a pass comes back, 0 for no wish.
type Again time.Duration

// Within asks for another pass within d.
func (a *Again) Within(d time.Duration) {
	if *a == 0 || d < time.Duration(*a) {
		*a = Again(d)
	}
}
