package keyservice

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/metrics"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

const (
	readyTimeout = 5 * time.Second
	// goodFor and badFor are how long a verdict on token and store is repeated:
	// who polls readiness must not be able to load the token.
	goodFor = 15 * time.Second
	badFor  = time.Second
)

// health answers on the plain listener.
type health struct {
	heads    *heads.Heads
	roots    *rootWatch
	token    Token
	store    Store
	metrics  *metrics.Metrics
	logKey   string // the journal's, as fleet.yaml must have it
	verdicts verdicts
	stopping atomic.Bool
}

func (s *health) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.Handle("GET /metrics", s.metrics.Handler())
	return mux
}

// part is one thing that the service needs, or has.
type part struct {
	name    string
	fitness keyservicev1.Fitness
	says    string
}

// line is how readiness has it.
func (p part) line() string {
	switch p.fitness {
	case keyservicev1.Fitness_FITNESS_OK:
		return "ok: " + p.name + "\n"
	case keyservicev1.Fitness_FITNESS_NOTE:
		return p.name + ": " + p.says + "\n"
	}
	return "not ready: " + p.name + ": " + p.says + "\n"
}

// readyz says, one line each, what works. A head that was not accepted is a
// line, not a failure: the last good one serves on. So is a head that was not
// seen for too long: it is so at all replicas, and a balancer that took them all
// out would stop renewals and reports as well, which need no newer head.
func (s *health) readyz(w http.ResponseWriter, r *http.Request) {
	var text strings.Builder
	ready := true
	for _, p := range s.parts(r.Context()) {
		ready = ready && p.fitness != keyservicev1.Fitness_FITNESS_FAILED
		text.WriteString(p.line())
	}
	if !ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	fmt.Fprint(w, printable.Text(text.String())) // it repeats names and errors of the repository
}

// parts is what works, and what does not.
func (s *health) parts(ctx context.Context) (all []part) {
	needs := func(name string, err error) {
		p := part{name: name, fitness: keyservicev1.Fitness_FITNESS_OK}
		if err != nil {
			p.fitness, p.says = keyservicev1.Fitness_FITNESS_FAILED, err.Error()
		}
		all = append(all, p)
	}
	note := func(name, says string) {
		all = append(all, part{name: name, fitness: keyservicev1.Fitness_FITNESS_NOTE, says: says})
	}
	token, rows := s.verdicts.get(ctx, s.token, s.store)
	needs("token", token)
	needs("store", rows)
	if s.stopping.Load() {
		needs("service", errors.New("it is stopping"))
	}
	hash, behind, trouble := s.heads.State()
	switch {
	case hash == "":
		needs("head", errors.New("none is accepted yet"))
	case behind:
		needs("head "+hash, heads.ErrBehind)
	default:
		needs("head "+hash, nil)
	}
	if current := s.heads.Current(); current != nil {
		needs("log key", s.checkLogKey(current))
	}
	if shown := s.roots.shown.problem(); shown != nil {
		needs("root key", shown)
	}
	if stale := s.heads.Stale(); stale != nil && hash != "" {
		note("stale", stale.Error()+": nothing is unsealed until one is")
	}
	if refused, is := strings.CutPrefix(s.heads.RefusedLine(), "refused: "); is {
		note("refused", strings.TrimSuffix(refused, "\n"))
	}
	if trouble != nil {
		note("note", "last look at the repository: "+trouble.Error())
	}
	return all
}

// verdicts keeps the last self-test of token and store.
type verdicts struct {
	mu          sync.Mutex
	at          time.Time
	token, rows error
}

func (v *verdicts) get(ctx context.Context, of Token, store Store) (token, rows error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	keep := goodFor
	if v.token != nil || v.rows != nil {
		keep = badFor
	}
	if time.Since(v.at) > keep || v.token == nil && sick(of) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTimeout)
		defer cancel()
		v.token, v.rows = of.Ready(ctx), store.Ready(ctx)
		v.at = time.Now()
	}
	return v.token, v.rows
}

// checkLogKey says whether clusters can use what this service answers: they hold
// it to the log key that fleet.yaml names at the accepted head. Answers would be
// thrown away one by one; it is better to say it once.
func (s *health) checkLogKey(h *heads.Head) error {
	switch named := h.Model.Fleet.Spec.LogKey; named {
	case s.logKey:
		return nil
	case "":
		return fmt.Errorf("%w: clusters use no answer; the token's is %s", audit.ErrNoLogKey, s.logKey)
	}
	return fmt.Errorf("spec.logKey in fleet.yaml is not the token's, so clusters use no answer; the token's is %s", s.logKey)
}
