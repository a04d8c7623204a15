// Package metrics is what the key service shows of itself in numbers. Others say what
// happened, by a method each; which metric that is, is written here.
//
// No metric has a label that a caller can choose: whoever asks could otherwise fill the
// memory of the service, and of who scrapes it.
package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const space = "bulla_keyservice"

// Metrics are those of one service, by noun.
type Metrics struct {
	Opening
	Door

	// Head implements the observer of package heads, and Log that of package journal.
	Head Head
	Log  Log

	registry *prometheus.Registry
}

// New counts from zero.
func New() *Metrics {
	m := &Metrics{Opening: newOpening(), Door: newDoor(), Head: newHead(), Log: newLog(), registry: prometheus.NewRegistry()}
	m.registry.MustRegister(m.unseals, m.operations, m.inFlight, m.panics, m.clocks, m.clones, m.sentAway,
		m.Head.looks, m.Head.hooks, m.Head.notices, m.Head.refused, m.Head.fetches, m.Head.accepted, m.Head.verified, m.Head.maxAge, m.Head.tip,
		m.Head.grace, m.Log.size, m.Log.appends, m.Log.entries, m.Log.failures, m.Log.coalesced, m.notified,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler shows the metrics, to four who ask at a time.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// Describe tells what metrics there are.
func (m *Metrics) Describe(descriptions chan<- *prometheus.Desc) { m.registry.Describe(descriptions) }

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: space, Name: name, Help: help})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: space, Name: name, Help: help}, labels)
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: space, Name: name, Help: help})
}

func histogram(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: space, Name: name, Help: help, Buckets: buckets})
}
