package metrics

import "github.com/prometheus/client_golang/prometheus"

// Door counts requests, and who was sent away.
type Door struct {
	inFlight *prometheus.GaugeVec
	sentAway *prometheus.CounterVec
	panics   prometheus.Counter
	clones   prometheus.Counter
	clocks   prometheus.Counter
	notified *prometheus.CounterVec
}

func newDoor() Door {
	return Door{
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: space, Name: "requests_in_flight", Help: "Requests being handled."}, []string{"route"}),
		sentAway: counters("requests_sent_away_total", "Requests beyond their caller's quota, or while too many were under way; "+
			"connections beyond their address's share.", "why"),
		notified: counters("notifications_total", "Notifications, by the receiver's type and what became of them.",
			"type", "result"),
		panics: counter("panics_total", "Handlers that panicked."),
		clones: counter("cloned_certificates_total", "Uses of a certificate that is in use in two places."),
		clocks: counter("clocks_apart_total", "Renewals by clusters whose clock is more than ten minutes off."),
	}
}

// InFlight is a gauge of the requests that a route handles.
func (d *Door) InFlight(route string) prometheus.Gauge { return d.inFlight.WithLabelValues(route) }

// SentAway counts a caller that was not let in: for its quota, while too many requests
// are under way (busy), or for its address's share.
func (d *Door) SentAway(why string) { d.sentAway.WithLabelValues(why).Inc() }

// Notified counts a notification, by the type of its receiver and what became of it.
func (d *Door) Notified(kind, result string) { d.notified.WithLabelValues(kind, result).Inc() }

// Panicked counts a handler that did.
func (d *Door) Panicked() { d.panics.Inc() }

// Cloned counts a use of a certificate that is in use in two places.
func (d *Door) Cloned() { d.clones.Inc() }

// ClocksApart counts a renewal by a cluster whose clock is far off.
func (d *Door) ClocksApart() { d.clocks.Inc() }
