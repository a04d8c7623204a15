package config

import (
	"fmt"

	"github.com/bulla-dev/bulla/keyservice/turnstile"
)

// checkLimits finds the bounds that would turn honest controllers away, or that
// bound nothing.
func checkLimits(m *mistakes, l turnstile.Limits) {
	for _, d := range []struct {
		field       string
		value       int
		least, most int
	}{
		{"requestsPerSecond", l.RequestsPerSecond, 1, 1 << 20}, {"requestBurst", l.RequestBurst, 1, 1 << 20},
		{"digestsPerSecond", l.DigestsPerSecond, 1, 1 << 20}, {"digestBurst", l.DigestBurst, 1000, 1 << 24},
		{"inFlight", l.InFlight, 1, 1024}, {"enrolmentsPerSecond", l.EnrolmentsPerSecond, 1, 1 << 20},
		{"noticesPerSecond", l.NoticesPerSecond, 1, 1 << 20},
		{"connections", l.Connections, 64, 1 << 20}, {"strangersPerAddress", l.StrangersPerAddress, 0, turnstile.MaxStrangers},
	} {
		m.when(d.value < d.least || d.value > d.most, "limits."+d.field, fmt.Sprintf("is not between %d and %d", d.least, d.most),
			"take it out for the default; a request may name 1,000 stubs, and a controller has 4 under way")
	}
}
