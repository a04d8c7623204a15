package turnstile

import (
	"time"

	"golang.org/x/time/rate"
)

const (
	// A person asks by hand or by a script; each request is an entry of the log.
	personEvery = 50 * time.Millisecond
	personBurst = 200
)

// Limits bound what one caller takes of the service. The defaults are what an
// honest controller of 1,000 secrets does not meet, at its first apply neither.
type Limits struct {
	// RequestsPerSecond and RequestBurst bound a cluster's requests, proofs of the
	// audit log among them. Default 50 and 3,000.
	RequestsPerSecond int `yaml:"requestsPerSecond"`
	RequestBurst      int `yaml:"requestBurst"`
	// DigestsPerSecond and DigestBurst bound the stubs that a cluster asks for, and the
	// secrets that its reports have the audit log name; a stub of many blocks counts once
	// for each. Default 200 and 5,000.
	DigestsPerSecond int `yaml:"digestsPerSecond"`
	DigestBurst      int `yaml:"digestBurst"`
	// InFlight bounds a cluster's requests at a time. Default 16; a controller has
	// at most 4 under way, and the odd proof, renewal and report.
	InFlight int `yaml:"inFlight"`
	// EnrolmentsPerSecond bounds the requests with join tokens, of everybody
	// together; one address gets two fifths of it. Default 50.
	EnrolmentsPerSecond int `yaml:"enrolmentsPerSecond"`
	// NoticesPerSecond bounds how many clusters are told of a new head in a second:
	// each then asks the Git host. Default 200, as a fleet of 3,000 that looks every
	// 15 seconds asks it anyway.
	NoticesPerSecond int `yaml:"noticesPerSecond"`
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
		{&l.InFlight, 16}, {&l.EnrolmentsPerSecond, 50}, {&l.NoticesPerSecond, 200},
		{&l.Connections, 16384},
	} {
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
}

// WithDefaults are the limits, the standard ones where nothing is set.
func (l Limits) WithDefaults() Limits {
	l.setDefaults()
	return l
}

// Limiter has the quotas of everybody. People have one by name beside that of
// their certificate: they are few, and each request of theirs is an entry.
type Limiter struct {
	Clusters, Addresses, People *Quotas
	// Enrolments is the share of all who come with a join token together.
	Enrolments *rate.Limiter
}

// NewLimiter makes quotas by limits that are set, all of them.
func NewLimiter(l Limits) *Limiter {
	perSecond := func(n int) rate.Limit { return rate.Limit(n) }
	return &Limiter{
		Clusters: newQuotas(func() *Quota {
			return &Quota{requests: rate.NewLimiter(perSecond(l.RequestsPerSecond), l.RequestBurst),
				digests: rate.NewLimiter(perSecond(l.DigestsPerSecond), l.DigestBurst), inFlight: l.InFlight}
		}),
		Addresses: newQuotas(func() *Quota {
			share := max(1, 2*l.EnrolmentsPerSecond/5)
			return &Quota{requests: rate.NewLimiter(perSecond(share), 5*share), digests: rate.NewLimiter(0, 0), inFlight: l.InFlight}
		}),
		People: newQuotas(func() *Quota {
			return &Quota{requests: rate.NewLimiter(rate.Every(personEvery), personBurst), digests: rate.NewLimiter(0, 0), inFlight: l.InFlight}
		}),
		Enrolments: rate.NewLimiter(perSecond(l.EnrolmentsPerSecond), 5*l.EnrolmentsPerSecond),
	}
}
