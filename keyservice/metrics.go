package keyservice

import (
	"errors"
	"time"

	"github.com/bulla-dev/bulla/kustomize/follow"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics have no label that a caller can choose.
type metrics struct {
	registry   *prometheus.Registry
	unseals    *prometheus.CounterVec
	operations *prometheus.CounterVec
	looks      *prometheus.CounterVec
	hooks      *prometheus.CounterVec
	fetches    prometheus.Counter
	refused    *prometheus.CounterVec
	accepted   prometheus.Gauge
	verified   prometheus.Gauge
	maxAge     prometheus.Gauge
	tip, grace prometheus.Gauge
	inFlight   *prometheus.GaugeVec
	panics     prometheus.Counter
	logSize    prometheus.Gauge
	appends    prometheus.Histogram
	appendSize prometheus.Histogram
	appendErrs prometheus.Counter
	coalesced  *prometheus.CounterVec
	clocks     prometheus.Counter
	clones     prometheus.Counter
	limited    *prometheus.CounterVec
}

func newMetrics() *metrics {
	const space = "bulla_keyservice"
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: space, Name: name, Help: help}, labels)
	}
	m := &metrics{
		registry:   prometheus.NewRegistry(),
		unseals:    counter("unseals_total", "Decisions on stub digests, by outcome.", "result"),
		operations: counter("token_operations_total", "Unlock operations asked of the token, by result; lost are those, counted by their own result too, of requests that could not be recorded and released nothing.", "result"),
		hooks:      counter("hooks_total", "Webhooks, by result.", "result"),
		looks:      counter("looks_total", "Looks at the remote's head, by result.", "result"),
		refused:    counter("heads_refused_total", "Tips of the configured ref that were not accepted.", "reason"),
		limited:    counter("requests_sent_away_total", "Requests beyond their caller's quota, or while too many were under way; connections beyond their address's share.", "why"),
		fetches: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: space, Name: "fetches_total", Help: "Fetches from the fleet repository."}),
		accepted: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: space, Name: "head_accepted_timestamp_seconds", Help: "When the head in use was accepted."}),
		verified: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: space, Name: "last_verified_look_timestamp_seconds", Help: "When a look at the remote last found the head in force, or one that was accepted, whichever replica looked."}),
		maxAge: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: space, Name: "repository_max_age_seconds", Help: "Age of the last verified look from which on nothing is unsealed; 0 for none."}),
		tip: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: space, Name: "tip_refused_since_timestamp_seconds", Help: "Since when the tip of the configured ref is seen and not accepted; 0 while it is."}),
		grace: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: space, Name: "repository_refused_grace_seconds", Help: "How long the tip may be refused until nothing is unsealed; 0 for ever."}),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: space, Name: "requests_in_flight", Help: "Requests being handled."}, []string{"route"}),
		logSize: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: space, Name: "audit_log_entries", Help: "Entries of the audit log."}),
		appends: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: space, Name: "audit_append_seconds", Help: "Time of one append to the audit log: lock, signature, commit.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 15)}),
		appendSize: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: space, Name: "audit_append_entries", Help: "Entries that one append wrote.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 7)}),
		appendErrs: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: space, Name: "audit_append_failures_total", Help: "Appends to the audit log that failed: nothing was answered."}),
		coalesced: counter("audit_coalesced_total", "Refusals that were counted in the audit log instead of recorded one by one.", "kind"),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: space, Name: "panics_total", Help: "Handlers that panicked."}),
		clones: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: space, Name: "cloned_certificates_total", Help: "Uses of a certificate that is in use in two places."}),
		clocks: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: space, Name: "clocks_apart_total", Help: "Renewals by clusters whose clock is more than ten minutes off."}),
	}
	m.registry.MustRegister(m.hooks)
	m.registry.MustRegister(m.unseals, m.operations, m.looks, m.refused, m.fetches, m.accepted, m.verified, m.maxAge, m.tip, m.grace, m.inFlight, m.panics, m.clocks, m.clones, m.limited,
		m.logSize, m.appends, m.appendSize, m.appendErrs, m.coalesced,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Looked implements [heads.Observer].
func (m *metrics) Looked(err error) {
	var refused *follow.Refusal
	switch {
	case err == nil:
		m.looks.WithLabelValues("ok").Inc()
	case errors.As(err, &refused):
		m.looks.WithLabelValues("refused").Inc()
		m.refused.WithLabelValues(refused.Reason.Word()).Inc()
	default:
		m.looks.WithLabelValues("failed").Inc()
	}
}

// Appended implements [journal.Observer].
func (m *metrics) Appended(took time.Duration, entries int, failed bool) {
	m.appends.Observe(took.Seconds())
	if failed {
		m.appendErrs.Inc()
		return
	}
	m.appendSize.Observe(float64(entries))
}

// Grew implements [journal.Observer].
func (m *metrics) Grew(size int64) { m.logSize.Set(float64(size)) }

// Fetching implements [heads.Observer].
func (m *metrics) Fetching() { m.fetches.Inc() }

// AcceptedHead implements [heads.Observer].
func (m *metrics) AcceptedHead(at time.Time) { m.accepted.Set(float64(at.UnixMilli()) / 1000) }

// VerifiedLook implements [heads.Observer].
func (m *metrics) VerifiedLook(at time.Time) { m.verified.Set(float64(at.UnixMilli()) / 1000) }

// TipRefused implements [heads.Observer].
func (m *metrics) TipRefused(since time.Time) {
	if since.IsZero() {
		m.tip.Set(0)
		return
	}
	m.tip.Set(float64(since.UnixMilli()) / 1000)
}
