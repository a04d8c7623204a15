// Package metrics counts what the controller does.
package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bulla-dev/bulla/controllers/view"
)

// Metrics are the controllers' own, beside controller-runtime's. A nil *Metrics
// counts nothing. Labels hold results and states, never names of secrets.
type Metrics struct {
	looks       *prometheus.CounterVec
	resolveTime prometheus.Histogram
	state       *prometheus.GaugeVec
	notAfter    prometheus.Gauge
	requests    *prometheus.CounterVec
	batch       prometheus.Histogram
	kept        prometheus.Counter
	reports     *prometheus.CounterVec
	notices     *prometheus.CounterVec
	listening   prometheus.Gauge
	notified    *prometheus.CounterVec
}

// New makes and registers them.
func New(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		looks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bulla_remote_looks_total", Help: "Looks at the fleet repository's head, by result.",
		}, []string{"result"}),
		resolveTime: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "bulla_resolve_seconds", Help: "Time to resolve and build what a head places on this cluster.",
			Buckets: prometheus.ExponentialBuckets(0.01, 4, 8),
		}),
		state: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "bulla_placements", Help: "Placements on this cluster, by state.",
		}, []string{"state"}),
		notAfter: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "bulla_certificate_not_after_seconds", Help: "When the cluster's certificate expires, in Unix time.",
		}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bulla_unseal_requests_total", Help: "Requests to the key service, by result.",
		}, []string{"result"}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "bulla_unseal_batch_size", Help: "Stubs in one request to the key service.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 8),
		}),
		kept: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bulla_unseal_kept_total", Help: "Stubs opened with a kept answer, without the key service.",
		}),
	}
	m.reports = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "bulla_reports_total", Help: "Reports to the key service's ledger, by result.",
	}, []string{"result"})
	m.notices = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "bulla_notices_total", Help: "Calls that waited for the key service to tell of another head, by result.",
	}, []string{"result"})
	m.listening = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "bulla_notices_listening",
		Help: "1 while the key service tells this cluster of heads, 0 while it polls alone.",
	})
	m.notified = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "bulla_notifications_total", Help: "Notifications to receivers of the operator, by their type and result.",
	}, []string{"type", "result"})
	registry.MustRegister(m.notified, m.looks, m.resolveTime, m.state, m.notAfter, m.requests, m.batch, m.kept, m.reports,
		m.notices, m.listening)
	return m
}

// Look counts a look at the remote, by result. Nil metrics count nothing, here and below.
func (m *Metrics) Look(result string) {
	if m != nil {
		m.looks.WithLabelValues(result).Inc()
	}
}

// Resolve is told how long a head took to resolve.
func (m *Metrics) Resolve(d time.Duration) {
	if m != nil {
		m.resolveTime.Observe(d.Seconds())
	}
}

// Snapshot shows how many placements of a snapshot are built, and how many fail.
func (m *Metrics) Snapshot(s *view.Snapshot) {
	if m != nil {
		failed := len(view.Failing(s))
		m.state.WithLabelValues("failed").Set(float64(failed))
		m.state.WithLabelValues("built").Set(float64(len(s.Resolution.Placed) - failed))
	}
}

// Deliveries shows how many Deliveries there are, and how many are blocked.
func (m *Metrics) Deliveries(total, blocked int) {
	if m != nil {
		m.state.WithLabelValues("delivered").Set(float64(total))
		m.state.WithLabelValues("blocked").Set(float64(blocked))
	}
}

// Certificate shows when the certificate for the key service ends.
func (m *Metrics) Certificate(notAfter time.Time) {
	if m != nil {
		m.notAfter.Set(float64(notAfter.Unix()))
	}
}

// Request counts a request to the key service, by result, and the stubs in it.
func (m *Metrics) Request(result string, size int) {
	if m != nil {
		m.requests.WithLabelValues(result).Inc()
		m.batch.Observe(float64(size))
	}
}

// Report counts a report to the ledger, by result.
func (m *Metrics) Report(result string) {
	if m != nil {
		m.reports.WithLabelValues(result).Inc()
	}
}

// Notice counts a call that waited for another head, by result, and shows whether the
// next one is worth waiting for.
func (m *Metrics) Notice(result string, listening bool) {
	if m != nil {
		m.notices.WithLabelValues(result).Inc()
		m.listening.Set(map[bool]float64{true: 1}[listening])
	}
}

// Notified counts a notification, by the type of its receiver and what became of it.
func (m *Metrics) Notified(kind, result string) {
	if m != nil {
		m.notified.WithLabelValues(kind, result).Inc()
	}
}

// FromKept counts secrets that were unsealed from memory.
func (m *Metrics) FromKept(n int) {
	if m != nil {
		m.kept.Add(float64(n))
	}
}
