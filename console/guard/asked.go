package guard

import (
	"context"
	"log/slog"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
)

// asked is what is known of a request, from its first guard to its line of the log.
type asked struct {
	session *Session
	began   time.Time
}

type askedKey struct{}

func (a *asked) in(r *http.Request) *http.Request {
	a.began = time.Now()
	return r.WithContext(context.WithValue(r.Context(), askedKey{}, a))
}

// Of is the session that a request came with; nil for a stranger's.
func Of(ctx context.Context) *Session {
	a, ok := ctx.Value(askedKey{}).(*asked)
	if !ok {
		return nil
	}
	return a.session
}

// IsStranger says that a guard let a request through without a session: nothing of the
// fleet is for whoever asked.
func IsStranger(ctx context.Context) bool {
	a, ok := ctx.Value(askedKey{}).(*asked)
	return ok && a.session == nil
}

// CSRF is what each form of a page has in its field [Field]; "" for a stranger's.
func CSRF(ctx context.Context) string {
	if s := Of(ctx); s != nil {
		return s.csrf
	}
	return ""
}

// answer remembers what was answered.
type answer struct {
	http.ResponseWriter
	status int
}

func (w *answer) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *answer) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *answer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// end answers a panic, and writes the line of the log. What was asked for by name, the
// query and the body stay out of it: a person may have put anything there.
func (g *Guard) end(w *answer, r *http.Request, a *asked) func() {
	return func() {
		if what := recover(); what != nil {
			if what == http.ErrAbortHandler { //nolint:errorlint // net/http compares so too
				panic(what)
			}
			// What somebody panics with may hold anything; where it was does not.
			g.Log.Error("a page panicked", "at", where())
			if w.status != 0 {
				panic(http.ErrAbortHandler)
			}
			g.Refuse(w, r, &Refusal{http.StatusInternalServerError,
				fault.New("try it again; if it stays so, tell an operator when it was", "the console failed")})
		}
		route := r.Pattern
		if route == "" {
			route = "none"
		}
		g.Log.LogAttrs(r.Context(), slog.LevelInfo, "request", slog.String("method", known(r.Method)),
			slog.String("route", route), slog.Int("status", max(w.status, http.StatusOK)),
			slog.Duration("took", time.Since(a.began).Round(10*time.Microsecond)))
	}
}

// known is a method that may stand in a log.
func known(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
		return method
	}
	return "other"
}

// where is what a panic came through.
func where() (at []string) {
	var pcs [24]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(4, pcs[:])])
	for {
		f, more := frames.Next()
		at = append(at, f.Function+":"+strconv.Itoa(f.Line))
		if !more {
			return at
		}
	}
}
