package metrics

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bulla-dev/bulla/kustomize/follow"
)

// Head shows the accepted head, and how it stands.
type Head struct {
	looks              *prometheus.CounterVec
	fetches            prometheus.Counter
	hooks              *prometheus.CounterVec
	notices            *prometheus.CounterVec
	refused            *prometheus.CounterVec
	accepted, verified prometheus.Gauge
	tip                prometheus.Gauge
	maxAge, grace      prometheus.Gauge
}

func newHead() Head {
	return Head{
		looks:    counters("looks_total", "Looks at the remote's head, by result.", "result"),
		hooks:    counters("hooks_total", "Webhooks, by result.", "result"),
		notices:  counters("notices_total", "Calls of clusters that wait for another head, by what ended them.", "result"),
		fetches:  counter("fetches_total", "Fetches from the fleet repository."),
		refused:  counters("heads_refused_total", "Tips of the configured ref that were not accepted.", "reason"),
		accepted: gauge("head_accepted_timestamp_seconds", "When the head in use was accepted."),
		verified: gauge("last_verified_look_timestamp_seconds", "When a look at the remote last found the head in force, "+
			"or one that was accepted, whichever replica looked."),
		tip: gauge("tip_refused_since_timestamp_seconds",
			"Since when the tip of the configured ref is seen and not accepted; 0 while it is."),
		maxAge: gauge("repository_max_age_seconds",
			"Age of the last verified look from which on nothing is unsealed; 0 for none."),
		grace: gauge("repository_refused_grace_seconds",
			"How long the tip may be refused until nothing is unsealed; 0 for ever."),
	}
}

// Bounds shows what is configured, for who alerts on the other numbers.
func (h *Head) Bounds(maxAge, refusedGrace time.Duration) {
	h.maxAge.Set(maxAge.Seconds())
	h.grace.Set(refusedGrace.Seconds())
}

// Looked counts how a look ended.
func (h *Head) Looked(err error) {
	var refused *follow.Refusal
	switch {
	case err == nil:
		h.looks.WithLabelValues("ok").Inc()
	case errors.As(err, &refused):
		h.looks.WithLabelValues("refused").Inc()
		h.refused.WithLabelValues(refused.Reason.Word()).Inc()
	default:
		h.looks.WithLabelValues("failed").Inc()
	}
}

// Hooked counts a webhook, by what became of it.
func (h *Head) Hooked(result string) { h.hooks.WithLabelValues(result).Inc() }

// Noticed counts a call that waited for another head, by what ended it.
func (h *Head) Noticed(result string) { h.notices.WithLabelValues(result).Inc() }

// Fetching counts a fetch.
func (h *Head) Fetching() { h.fetches.Inc() }

// AcceptedHead shows when the head in use was accepted.
func (h *Head) AcceptedHead(at time.Time) { h.accepted.Set(seconds(at)) }

// VerifiedLook shows when it was last seen to be the newest.
func (h *Head) VerifiedLook(at time.Time) { h.verified.Set(seconds(at)) }

// TipRefused shows since when the tip is refused, the zero time for not.
func (h *Head) TipRefused(since time.Time) {
	if since.IsZero() {
		h.tip.Set(0)
		return
	}
	h.tip.Set(seconds(since))
}

func seconds(at time.Time) float64 { return float64(at.UnixMilli()) / 1000 }
