package keyservice

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics have no label that a caller can choose.
type metrics struct {
	registry   *prometheus.Registry
	unseals    *prometheus.CounterVec
	operations *prometheus.CounterVec
	looks      *prometheus.CounterVec
	fetches    prometheus.Counter
	refused    *prometheus.CounterVec
	accepted   prometheus.Gauge
	inFlight   *prometheus.GaugeVec
	panics     prometheus.Counter
}

func newMetrics() *metrics {
	const space = "bulla_keyservice"
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: space, Name: name, Help: help}, labels)
	}
	m := &metrics{
		registry:   prometheus.NewRegistry(),
		unseals:    counter("unseals_total", "Decisions on stub digests, by outcome.", "result"),
		operations: counter("token_operations_total", "Unlock operations asked of the token, by result.", "result"),
		looks:      counter("looks_total", "Looks at the remote's head, by result.", "result"),
		refused:    counter("heads_refused_total", "Tips of the configured ref that were not accepted.", "reason"),
		fetches: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: space, Name: "fetches_total", Help: "Fetches from the fleet repository."}),
		accepted: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: space, Name: "head_accepted_timestamp_seconds", Help: "When the head in use was accepted."}),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: space, Name: "requests_in_flight", Help: "Requests being handled."}, []string{"route"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: space, Name: "panics_total", Help: "Handlers that panicked."}),
	}
	m.registry.MustRegister(m.unseals, m.operations, m.looks, m.refused, m.fetches, m.accepted, m.inFlight, m.panics,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) looked(err error) {
	var refused *refusedHead
	switch {
	case err == nil:
		m.looks.WithLabelValues("ok").Inc()
	case errors.As(err, &refused):
		m.looks.WithLabelValues("refused").Inc()
		m.refused.WithLabelValues(refused.reason).Inc()
	default:
		m.looks.WithLabelValues("failed").Inc()
	}
}

func (m *metrics) acceptedHead(at time.Time) { m.accepted.Set(float64(at.UnixMilli()) / 1000) }
