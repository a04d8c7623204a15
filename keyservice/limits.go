package keyservice

import (
	"fmt"
	"time"
)

// Limits bound what one caller takes of the service. The defaults are what an
// honest controller of 1,000 secrets does not meet, at its first apply neither.
type Limits struct {
	// RequestsPerSecond and RequestBurst bound a cluster's requests, proofs of the
	// audit log among them. Default 50 and 3,000.
	RequestsPerSecond int `yaml:"requestsPerSecond"`
	RequestBurst      int `yaml:"requestBurst"`
	// DigestsPerSecond and DigestBurst bound the stubs that a cluster asks for; a
	// stub of many blocks counts once for each. Default 200 and 5,000.
	DigestsPerSecond int `yaml:"digestsPerSecond"`
	DigestBurst      int `yaml:"digestBurst"`
	// InFlight bounds a cluster's requests at a time. Default 16; a controller has
	// at most 4 under way, and the odd proof, renewal and report.
	InFlight int `yaml:"inFlight"`
	// EnrolmentsPerSecond bounds the requests with join tokens, of everybody
	// together; one address gets two fifths of it. Default 50.
	EnrolmentsPerSecond int `yaml:"enrolmentsPerSecond"`
	// Connections bounds open connections. Default 16,384.
	Connections int `yaml:"connections"`
	// StrangersPerAddress bounds the connections of one address (of IPv6, of one
	// /64) that have shown no client certificate; more are closed at once. Default
	// 0, which is no bound: behind a TCP balancer, or a site's NAT, all clusters
	// have one address, and a bound would let one stranger keep all of them out.
	StrangersPerAddress int `yaml:"strangersPerAddress"`
}

func (l *Limits) setDefaults() {
	for _, d := range []struct {
		value    *int
		standard int
	}{
		{&l.RequestsPerSecond, 50}, {&l.RequestBurst, 3000}, {&l.DigestsPerSecond, 200}, {&l.DigestBurst, 5000},
		{&l.InFlight, 16}, {&l.EnrolmentsPerSecond, 50}, {&l.Connections, 16384},
	} {
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
}

func (l *Limits) check(m *mistakes) {
	for _, d := range []struct {
		field       string
		value       int
		least, most int
	}{
		{"requestsPerSecond", l.RequestsPerSecond, 1, 1 << 20}, {"requestBurst", l.RequestBurst, 1, 1 << 20},
		{"digestsPerSecond", l.DigestsPerSecond, 1, 1 << 20}, {"digestBurst", l.DigestBurst, 1000, 1 << 24},
		{"inFlight", l.InFlight, 1, 1024}, {"enrolmentsPerSecond", l.EnrolmentsPerSecond, 1, 1 << 20},
		{"connections", l.Connections, 64, 1 << 20}, {"strangersPerAddress", l.StrangersPerAddress, 0, maxStrangers},
	} {
		m.when(d.value < d.least || d.value > d.most, "limits."+d.field, fmt.Sprintf("is not between %d and %d", d.least, d.most),
			"take it out for the default; a request may name 1,000 stubs, and a controller has 4 under way")
	}
}

const (
	// maxQuotas bounds how many callers' quotas are kept; the one not seen for
	// longest goes first, and starts anew when it comes back.
	maxQuotas = 1 << 14
	// maxRetryAfter bounds what a caller is told to wait.
	maxRetryAfter = 5 * time.Minute
)
