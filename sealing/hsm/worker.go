package hsm

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"

	"github.com/bulla-dev/bulla/sealing/hsm/internal/wire"
)

const (
	// breakerThreshold is how many operations in a row must fail for the token's
	// own reasons before the breaker opens.
	breakerThreshold = 3
	firstBackoff     = 100 * time.Millisecond
	lastBackoff      = 30 * time.Second
	// maxWaiting bounds the queue: above it callers are told to come back.
	maxWaiting = 16384
)

// Worker is the token, seen from the key service. Safe for concurrent use.
//
// It is also the breaker. While the token is sick every call fails at once with
// *[UnavailableError], and one goroutine starts a new process with growing
// pauses; the process tests its keys before it is used, and that closes the
// breaker.
type Worker struct {
	cfg     Config
	argv    []string
	waiting atomic.Int64
	cancel  context.CancelFunc
	stopped chan struct{}

	counts

	pinMu sync.Mutex // one Pin at a time

	mu sync.Mutex // of state
	state
}

// counts are since the start.
type counts struct{ operations, failures, restarts atomic.Uint64 }

// state is what is known of the token.
type state struct {
	pins     []api.SealingKey
	proc     *process      // nil while there is none
	sick     error         // the breaker is open, and why
	final    error         // ErrPIN or ErrClosed: never tried again
	since    int           // operations failed since the last that did not
	backoff  time.Duration // before the next start
	changed  chan struct{} // closed at each change of the above
	draining []*process
}

var _ sealing.Opener = (*Worker)(nil)

// Stats counts what a worker did since it started.
type Stats struct {
	Operations uint64 // answered by the token, refused ciphertexts included
	Failures   uint64 // failed for the token's reasons
	Restarts   uint64 // processes replaced
	Healthy    bool   // a process is running and the breaker is closed
}

// Start starts the worker process, logs in and tests every pinned key. argv is
// the command to run, whose main must call [MaybeRunWorker]; nil means this
// program itself. ctx bounds the start only; Close ends the worker.
//
// Errors: ErrPIN, ErrWrongKey, ErrNoKey, ErrAttributes, *SetupError when the
// module or the token is not there, or what the token said.
func Start(ctx context.Context, cfg Config, argv []string) (*Worker, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	argv, err := workerCommand(argv)
	if err != nil {
		return nil, err
	}
	p, err := startProcess(ctx, cfg, argv)
	if err != nil {
		return nil, err
	}
	bg, cancel := context.WithCancel(context.Background())
	w := &Worker{cfg: cfg, argv: argv, cancel: cancel, stopped: make(chan struct{}),
		state: state{pins: cfg.PinnedKeys, proc: p, backoff: firstBackoff, changed: make(chan struct{})}}
	go w.supervise(bg)
	return w, nil
}

func workerCommand(argv []string) ([]string, error) {
	if len(argv) > 0 {
		return argv, nil
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program to start it as a worker: %w", err)
	}
	return []string{exe, workerArgument}, nil
}

// Stats returns counters for metrics.
func (w *Worker) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Stats{Operations: w.operations.Load(), Failures: w.failures.Load(),
		Restarts: w.restarts.Load(), Healthy: w.proc != nil && w.final == nil}
}

// Sick says why nothing can be asked of the token now: the breaker is open, the
// PIN was refused, or the worker is closed. It costs the token nothing; nil
// does not mean that the token works.
func (w *Worker) Sick() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.final != nil {
		return w.final
	}
	return w.sick
}

// Close lets the operations under way finish, ends the worker process and waits
// for it, no longer than the deadline. Later calls fail with ErrClosed.
func (w *Worker) Close() {
	w.mu.Lock()
	p := w.proc
	w.proc = nil
	if !errors.Is(w.final, ErrClosed) {
		w.final = ErrClosed
		w.notify()
	}
	all := w.draining
	if p != nil {
		all = append(all, p)
	}
	w.draining = nil
	w.mu.Unlock()
	w.cancel()
	<-w.stopped
	for _, p := range all {
		p.retire()
	}
	for _, p := range all {
		select {
		case <-p.exited:
		case <-p.gone:
		}
	}
}

// notify wakes those who wait for a change. Called with mu held.
func (w *Worker) notify() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// do runs one operation, a second time on a new process when the first was lost.
func (w *Worker) do(ctx context.Context, req wire.Request) (*wire.Response, error) {
	return w.doWithin(ctx, req, w.cfg.Deadline)
}

func (w *Worker) doWithin(ctx context.Context, req wire.Request, limit time.Duration) (*wire.Response, error) {
	if w.waiting.Add(1) > maxWaiting {
		w.waiting.Add(-1)
		return nil, &UnavailableError{RetryAfter: time.Second, Err: errors.New("too many operations are waiting")}
	}
	defer w.waiting.Add(-1)
	var cause error
	for range 2 {
		p, err := w.current(ctx)
		if err != nil {
			return nil, err
		}
		r, err := p.call(ctx, req, limit)
		if err == nil {
			err = w.judge(p, r.Err)
			if err == nil {
				return r, publicError(r.Err)
			}
		}
		var refused *UnavailableError
		if errors.As(err, &refused) || ctx.Err() != nil {
			return nil, err
		}
		cause = err
		w.replace(p, cause)
	}
	return nil, w.failed(nil, cause)
}

// judge says what an answer tells about the token: nil when it is sound, the
// ciphertext or the question being to blame; *UnavailableError when it failed
// this operation; any other error when the process must be replaced.
func (w *Worker) judge(p *process, e *wire.Error) error {
	switch {
	case e == nil, e.Fault == wire.FaultOpen, e.Fault == wire.FaultKey, e.Fault == wire.FaultWrongKey,
		e.Fault == wire.FaultAttrs, e.Fault == wire.FaultTaken, e.Fault == wire.FaultSetup:
		w.operations.Add(1)
		w.mu.Lock()
		w.since, w.backoff = 0, firstBackoff
		w.mu.Unlock()
		return nil
	case e.Fault == wire.FaultPIN:
		w.refuse(e)
		return &UnavailableError{Err: ErrPIN, RetryAfter: lastBackoff}
	case e.Fault == wire.FaultBusy:
		return w.failed(p, e)
	default:
		return e
	}
}

// current returns the process to use, waiting while one is being started.
func (w *Worker) current(ctx context.Context) (*process, error) {
	for {
		w.mu.Lock()
		p, sick, final, changed, backoff := w.proc, w.sick, w.final, w.changed, w.backoff
		w.mu.Unlock()
		switch {
		case errors.Is(final, ErrClosed):
			return nil, ErrClosed
		case final != nil:
			return nil, &UnavailableError{RetryAfter: lastBackoff, Err: final}
		case p != nil:
			return p, nil
		case sick != nil:
			return nil, &UnavailableError{RetryAfter: backoff, Err: sick}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// replace takes p out of use; the supervisor starts another.
func (w *Worker) replace(p *process, cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.proc != p {
		return // somebody else saw it first
	}
	w.cfg.Logger.Warn("token worker is replaced", "cause", cause.Error())
	w.dropLocked(p)
}

func (w *Worker) dropLocked(p *process) {
	w.proc = nil
	w.restarts.Add(1)
	w.draining = append(slices.DeleteFunc(w.draining, func(q *process) bool {
		select {
		case <-q.gone:
			return true
		default:
			return false
		}
	}), p)
	p.retire()
	w.notify()
}

// failed counts a failure that is the token's, and opens the breaker when there
// were too many in a row. p is the process that gave it, nil when it is gone.
func (w *Worker) failed(p *process, cause error) error {
	w.failures.Add(1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if errors.Is(w.final, ErrClosed) {
		return ErrClosed
	}
	w.since++
	if w.since >= breakerThreshold && w.sick == nil && (p == nil || p == w.proc) {
		w.cfg.Logger.Error("token is sick", "cause", cause.Error())
		w.sick = cause
		if w.proc != nil {
			w.dropLocked(w.proc)
		}
	}
	return &UnavailableError{RetryAfter: w.backoff, Err: cause}
}

func (w *Worker) refuse(cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.final != nil {
		return
	}
	w.cfg.Logger.Error("token refused the PIN; it is not tried again before a restart", "cause", cause.Error())
	w.final = ErrPIN
	if w.proc != nil {
		w.dropLocked(w.proc)
	}
	w.notify()
}

// supervise keeps one process running until the PIN is refused or ctx ends.
func (w *Worker) supervise(ctx context.Context) {
	defer close(w.stopped)
	for {
		pause, cfg, ok := w.awaitNeed(ctx)
		if !ok {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		p, err := startProcess(ctx, cfg, w.argv)
		if errors.Is(err, ErrPIN) {
			w.refuse(err)
			return
		}
		w.started(p, err)
	}
}

// awaitNeed waits until there is no process, and says how long to pause before
// starting one: not at all after a first loss.
func (w *Worker) awaitNeed(ctx context.Context) (pause time.Duration, cfg Config, ok bool) {
	for {
		w.mu.Lock()
		p, final, changed := w.proc, w.final, w.changed
		if w.sick != nil {
			// Jitter, so that replicas do not all knock at a recovering token.
			pause = w.backoff/2 + rand.N(w.backoff/2+1) //nolint:gosec // jitter
			w.backoff = min(2*w.backoff, lastBackoff)
		}
		cfg = w.cfg
		cfg.PinnedKeys = w.pins
		w.mu.Unlock()
		if final != nil || ctx.Err() != nil {
			return 0, cfg, false
		}
		if p == nil {
			return pause, cfg, true
		}
		select {
		case <-changed:
		case <-p.gone:
			w.replace(p, p.cause())
		case <-ctx.Done():
		}
	}
}

func (w *Worker) started(p *process, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.final != nil:
		if p != nil {
			p.retire()
		}
	case err != nil:
		if w.sick == nil {
			w.cfg.Logger.Error("token is sick", "cause", err.Error())
		}
		w.sick = err
	default:
		if w.sick != nil {
			w.cfg.Logger.Info("token is well again")
		}
		w.proc, w.sick, w.since = p, nil, 0
	}
	w.notify()
}
