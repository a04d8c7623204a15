package receiver

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

const (
	// maxBody is the largest payload, in bytes: GitHub's own bound.
	maxBody = 25 << 20
	// maxAtOnce bounds how many bodies are read at a time.
	maxAtOnce = 16
	// complainEvery is the least time between lines in the log about refused hooks.
	complainEvery = 10 * time.Second
	// MinSecret is the least length of a secret, in bytes: a shorter one is guessed.
	MinSecret = 16
)

// Hook is one webhook at a forge: it is sent to /hook/NAME.
type Hook struct {
	Name   string
	Type   Type
	Secret []byte
}

// LogValue keeps the secret out of a stray log line.
func (h Hook) LogValue() slog.Value { return slog.StringValue(h.Name) }

// Result is what became of a request, for a metric.
type Result string

// The results.
const (
	Heard   Result = "heard"   // it is the forge's: the remote is looked at
	Refused Result = "refused" // no such hook, a wrong signature, or no webhook at all
	Busy    Result = "busy"    // too many at a time
)

// Options of [New].
type Options struct {
	Hooks []Hook
	// Push is called after each hook that is the forge's own. It must return at once,
	// and bound by itself how often the remote is asked.
	Push func(hook string)
	// Observe is told what became of each request.
	Observe func(Result)
	Log     *slog.Logger
}

// Receiver answers webhooks. It is an [http.Handler].
type Receiver struct {
	Options
	reading  atomic.Int32
	complain *rate.Limiter
}

// New hears the hooks of o.
func New(o Options) *Receiver {
	return &Receiver{Options: o, complain: rate.NewLimiter(rate.Every(complainEvery), 1)}
}

// ServeHTTP answers 202 to a hook that is the forge's own. Everybody else is told a
// status and no reason: what exactly was wrong would help to guess the rest.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	status, result := r.hear(w, request)
	r.Observe(result)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(status)
}

func (r *Receiver) hear(w http.ResponseWriter, request *http.Request) (int, Result) {
	if request.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return http.StatusMethodNotAllowed, Refused
	}
	hook, known := r.hook(request.URL.Path)
	if !known {
		return http.StatusNotFound, Refused
	}
	claimed, ok := hook.Type.claim(request.Header)
	if !ok {
		return r.refuse(request.Context(), hook, "it has no signature of this type"), Refused
	}
	if request.ContentLength > maxBody {
		return http.StatusRequestEntityTooLarge, Refused
	}
	defer r.reading.Add(-1)
	if r.reading.Add(1) > maxAtOnce {
		return http.StatusServiceUnavailable, Busy
	}
	is, err := claimed.holds(hook.Secret, http.MaxBytesReader(w, request.Body, maxBody))
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return http.StatusRequestEntityTooLarge, Refused
	}
	if err != nil {
		return http.StatusBadRequest, Refused
	}
	if !is {
		return r.refuse(request.Context(), hook, "its signature is not made with the hook's secret"), Refused
	}
	r.Log.DebugContext(request.Context(), "a push was told", "hook", hook.Name)
	r.Push(hook.Name)
	return http.StatusAccepted, Heard
}

// refuse says in the log what a forge's settings may have wrong. Strangers write here
// too, so it is said now and then, and never what they sent.
func (r *Receiver) refuse(ctx context.Context, hook Hook, why string) int {
	if r.complain.Allow() {
		r.Log.WarnContext(ctx, "webhook refused", "hook", hook.Name, "type", string(hook.Type), "reason", why,
			"hint", "the secret at the forge must be the one in secretFile, byte for byte")
	}
	return http.StatusUnauthorized
}

const prefix = "/hook/"

// Path is where a forge sends a hook to.
func Path(name string) string { return prefix + name }

func (r *Receiver) hook(path string) (Hook, bool) {
	for _, hook := range r.Hooks {
		if path == Path(hook.Name) {
			return hook, true
		}
	}
	return Hook{}, false
}
