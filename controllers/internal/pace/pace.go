// Package pace spreads what many clusters would do in one moment.
package pace

import (
	"math/rand/v2"
	"time"
)

// Jittered is d, a tenth more or less.
func Jittered(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()-0.5)*0.2*float64(d)) //nolint:gosec // jitter, not a secret
}

// Spread is d or up to a fifth more: never sooner than somebody asked for.
func Spread(d time.Duration) time.Duration {
	return d + time.Duration(rand.Float64()*0.2*float64(d)) //nolint:gosec // jitter, not a secret
}
