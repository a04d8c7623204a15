package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Log shows how the audit log fares.
type Log struct {
	size      prometheus.Gauge
	appends   prometheus.Histogram
	entries   prometheus.Histogram
	failures  prometheus.Counter
	coalesced *prometheus.CounterVec
}

func newLog() Log {
	return Log{
		size: gauge("audit_log_entries", "Entries of the audit log."),
		appends: histogram("audit_append_seconds", "Time of one append to the audit log: lock, signature, commit.",
			prometheus.ExponentialBuckets(0.001, 2, 15)),
		entries: histogram("audit_append_entries", "Entries that one append wrote.",
			prometheus.ExponentialBuckets(1, 4, 7)),
		failures: counter("audit_append_failures_total", "Appends to the audit log that failed: nothing was answered."),
		coalesced: counters("audit_coalesced_total",
			"Refusals that were counted in the audit log instead of recorded one by one.", "kind"),
	}
}

// Coalesced counts a refusal that was counted instead of recorded.
func (l *Log) Coalesced(kind string) { l.coalesced.WithLabelValues(kind).Inc() }

// Appended counts an append of so many entries.
func (l *Log) Appended(took time.Duration, entries int, failed bool) {
	l.appends.Observe(took.Seconds())
	if failed {
		l.failures.Inc()
		return
	}
	l.entries.Observe(float64(entries))
}

// Grew shows the log's size.
func (l *Log) Grew(size int64) { l.size.Set(float64(size)) }
