package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/bulla-dev/bulla/cmd/internal/version"
	"github.com/bulla-dev/bulla/console"
	"github.com/bulla-dev/bulla/console/clone"
)

const space = "bulla_console"

// health has /healthz, /readyz and /metrics, none of which says anything of a secret or of a
// person.
type health struct {
	*http.ServeMux

	requests *prometheus.CounterVec
	took     prometheus.Histogram
}

func newHealth(c *clone.Clone, team *console.Team) *health {
	h := &health{ServeMux: http.NewServeMux(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: space, Name: "requests_total",
			Help: "Requests, by the status of the answer."}, []string{"status"}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: space, Name: "request_seconds",
			Help: "How long answers took.", Buckets: prometheus.ExponentialBuckets(0.005, 2, 12)})}
	gauge := func(name, help string, of func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: space, Name: name, Help: help}, of)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(h.requests, h.took, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: space, Name: "build_info", Help: "Which build it is.",
			ConstLabels: prometheus.Labels{"version": version.Text()}}, func() float64 { return 1 }),
		gauge("sessions", "People's sessions that are not over.", func() float64 { return float64(team.Sessions.Len()) }),
		gauge("fetched_timestamp_seconds", "When the repository was fetched last; 0 for never since the start.",
			func() float64 {
				if last, _ := c.Fetched(); !last.At.IsZero() {
					return float64(last.At.Unix())
				}
				return 0
			}),
		gauge("fleet_shown", "1 where the newest commit is shown, 0 where it cannot be.", func() float64 {
			if s, err := c.Snapshot(context.Background()); err == nil && s.Old == nil {
				return 1
			}
			return 0
		}))
	h.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	h.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	// It is one replica: a page that says why the fleet cannot be shown is better than none.
	// Before it serves, nobody answers here.
	h.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	return h
}

// count counts what is answered.
func (h *health) count(pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began, a := time.Now(), &answer{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			h.requests.WithLabelValues(strconv.Itoa(a.status)).Inc()
			h.took.Observe(time.Since(began).Seconds())
		}()
		pages.ServeHTTP(a, r)
	})
}

// answer remembers its status.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
