package hsm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/sealing/hsm/internal/wire"
)

const (
	// workerMarker is set in the environment of a worker process, and only there.
	workerMarker = "BULLA_HSM_WORKER"
	// workerArgument is shown by ps; nothing reads it.
	workerArgument = "hsm-worker"
	// windowPerSession is how many operations may be with the worker at a time
	// for each session: enough that the token never waits for the pipe, few
	// enough that the last one does not wait for a deadline behind the others.
	windowPerSession = 16
	// startFactor × Deadline is how long loading a module, logging in and testing
	// the keys may take.
	startFactor = 4
)

// lostError says that the worker process is gone, and why.
type lostError struct{ cause string }

func (e *lostError) Error() string { return "token worker lost: " + e.cause }

// process is one worker process, seen from the parent. It is never restarted:
// what replaces it is another process.
type process struct {
	cmd      *exec.Cmd
	deadline time.Duration
	conn     *wire.Conn
	window   chan struct{}
	gone     chan struct{} // closed once lost is set
	exited   chan struct{} // closed once the child was waited for

	in, out *os.File

	mu sync.Mutex // of calls
	calls
}

// calls are what a process was asked, and whether it may be asked more.
type calls struct {
	pending map[uint64]*call
	next    uint64
	retired bool
	ending  bool // told to end
	lost    error
}

type call struct {
	id     uint64
	answer chan *wire.Response // nil when the process was lost; has room for one
	timer  *time.Timer
}

// startProcess starts a worker and waits until it has the token, every session
// and every pinned key.
func startProcess(ctx context.Context, cfg Config, argv []string) (*process, error) {
	if os.Getenv(workerMarker) != "" {
		// Without this a main that forgot the hook would start itself for ever.
		return nil, errors.New("start token worker: this process is one; its main does not call hsm.MaybeRunWorker")
	}
	p, err := spawn(cfg, argv)
	if err != nil {
		return nil, fmt.Errorf("start token worker: %w", err)
	}
	limit := time.AfterFunc(startFactor*cfg.Deadline, func() { p.lose(hung(startFactor * cfg.Deadline)) })
	stop := context.AfterFunc(ctx, func() { p.lose(ctx.Err()) })
	defer limit.Stop()
	defer stop()
	h := &wire.Hello{Module: cfg.Module, PIN: cfg.PIN, Fleet: cfg.Fleet, Sessions: cfg.Sessions, Pins: cfg.PinnedKeys,
		Token: wire.TokenName{Label: cfg.TokenLabel, Serial: cfg.Serial, Manufacturer: cfg.Manufacturer, Model: cfg.Model}}
	var welcome wire.Response
	err = p.conn.Send(h)
	if err == nil {
		err = p.conn.Receive(&welcome)
	}
	if err != nil {
		p.lose(&lostError{"it ended before it was ready"})
		go p.wait()
		return nil, fmt.Errorf("start token worker: %w", p.cause())
	}
	if welcome.Err != nil {
		p.lose(welcome.Err)
		go p.wait()
		return nil, fmt.Errorf("start token worker: %w", publicError(welcome.Err))
	}
	go p.read()
	return p, nil
}

func spawn(cfg Config, argv []string) (*process, error) {
	toChild, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer toChild.Close()
	in, fromChild, err := os.Pipe()
	if err != nil {
		_ = out.Close()
		return nil, err
	}
	defer fromChild.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	// Frames have pipes of their own: modules print on standard output.
	cmd.ExtraFiles = []*os.File{toChild, fromChild}
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.Env = append(append(os.Environ(), cfg.Env...), workerMarker+"=1")
	if err := cmd.Start(); err != nil {
		_ = in.Close()
		_ = out.Close()
		return nil, err
	}
	window := windowPerSession * cfg.Sessions
	p := &process{cmd: cmd, deadline: cfg.Deadline, conn: wire.NewConn(in, out),
		window: make(chan struct{}, window), gone: make(chan struct{}), exited: make(chan struct{}),
		calls: calls{pending: map[uint64]*call{}}, in: in, out: out}
	return p, nil
}

func hung(d time.Duration) error {
	return &lostError{fmt.Sprintf("it did not answer within %s", d)}
}

func (p *process) read() {
	for {
		r := new(wire.Response)
		if err := p.conn.Receive(r); err != nil {
			p.lose(&lostError{"it ended"})
			p.wait()
			return
		}
		p.finish(r)
	}
}

// call sends one request and waits for its answer. The deadline runs even when
// the caller leaves: a hung token must be noticed by somebody.
func (p *process) call(ctx context.Context, req wire.Request, limit time.Duration) (*wire.Response, error) {
	select {
	case p.window <- struct{}{}:
	case <-p.gone:
		return nil, p.cause()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c, err := p.register(&req, limit)
	if err != nil {
		<-p.window
		return nil, err
	}
	if err := p.conn.Send(&req); err != nil {
		p.lose(&lostError{"its pipe is closed"})
	}
	select {
	case r := <-c.answer:
		if r == nil {
			return nil, p.cause()
		}
		return r, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// register numbers a request and starts its clock.
func (p *process) register(req *wire.Request, limit time.Duration) (*call, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lost != nil {
		return nil, p.lost
	}
	if p.retired {
		return nil, &lostError{"it was being replaced"}
	}
	p.next++
	req.ID = p.next
	c := &call{id: req.ID, answer: make(chan *wire.Response, 1)}
	c.timer = time.AfterFunc(limit, func() { p.lose(hung(limit)) })
	p.pending[c.id] = c
	return c, nil
}

func (p *process) finish(r *wire.Response) {
	p.mu.Lock()
	c := p.pending[r.ID]
	delete(p.pending, r.ID)
	if p.retired && len(p.pending) == 0 {
		p.end()
	}
	p.mu.Unlock()
	if c == nil {
		p.lose(&lostError{"it answered a question that was not asked"})
		return
	}
	c.timer.Stop()
	<-p.window
	c.answer <- r
}

// retire lets the operations under way finish, takes no more, and then ends the
// process: those operations may well be on sessions that are sound.
func (p *process) retire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retired = true
	if len(p.pending) == 0 {
		p.end()
	}
}

// end ends the worker: it stops at the end of its input. A worker that hangs in
// C_Finalize is killed. Called with mu held.
func (p *process) end() {
	if p.ending {
		return
	}
	p.ending = true
	_ = p.out.Close()
	time.AfterFunc(p.deadline, func() { p.lose(&lostError{"it did not end when told to"}) })
}

// lose kills the process and fails what is pending. It does not wait for the
// process, which may be stuck where even SIGKILL must wait.
func (p *process) lose(err error) {
	p.mu.Lock()
	if p.lost != nil {
		p.mu.Unlock()
		return
	}
	p.lost = err
	pending := p.pending
	p.pending = map[uint64]*call{}
	p.ending = true
	p.mu.Unlock()
	close(p.gone)
	_ = p.cmd.Process.Kill() // already gone is as good
	// Wakes a reader or a writer that a pipe holds up.
	_ = p.in.Close()
	_ = p.out.Close()
	for _, c := range pending {
		c.timer.Stop()
		c.answer <- nil
	}
}

func (p *process) cause() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost
}

func (p *process) wait() {
	_ = p.cmd.Wait() // why it ended is in lost; its status says no more
	_ = p.in.Close()
	_ = p.out.Close()
	close(p.exited)
}
