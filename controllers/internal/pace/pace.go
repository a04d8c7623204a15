// Package pace spreads what many clusters would do in one moment.
package pace

import (
	"math/rand/v2"
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// longestPause is between two passes whose status could not be written.
const longestPause = 2 * time.Minute

// Limiter says when a pass that ended with an error is made again. That is one whose
// end could not be written, since the API server did not take it: pauses double, and
// stay so short that whoever waits for the API server's return sees the pass that
// catches up. The usual limit, 1000 seconds, would let a cluster sleep on.
func Limiter() workqueue.TypedRateLimiter[reconcile.Request] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](5*time.Millisecond, longestPause)
}

// Jittered is d, a tenth more or less.
func Jittered(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()-0.5)*0.2*float64(d)) //nolint:gosec // jitter, not a secret
}

// Spread is d or up to a fifth more: never sooner than somebody asked for.
func Spread(d time.Duration) time.Duration {
	return d + time.Duration(rand.Float64()*0.2*float64(d)) //nolint:gosec // jitter, not a secret
}
