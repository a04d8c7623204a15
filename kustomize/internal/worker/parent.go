package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/kustomize/internal/worker/deletions"
	"github.com/bulla-dev/bulla/kustomize/wire"
)

// Files answers a build's questions. Paths are clean, slash-separated and
// relative to the repository; "." is its root. An error ends the build.
type Files interface {
	Stat(path string) (Kind, error)
	// Read returns ok false when there is no such file.
	Read(path string) (data []byte, ok bool, err error)
	// Aside reports whether a file that was read is left out of the build.
	Aside(path string) bool
	// List returns ok false when there is no such folder.
	List(path string) (names []string, ok bool, err error)
	// Wired are the stubs with deliverAs among what was read so far.
	Wired() ([]wire.Stub, error)
}

// Options bound one build.
type Options struct {
	Timeout time.Duration
	// Memory in bytes.
	Memory int64
	// Output is the greatest sum of the sizes of built objects, in bytes;
	// Objects their greatest number.
	Output  int64
	Objects int
}

// Result is what a build gave.
type Result struct {
	// Objects as JSON, in kustomize's order.
	Objects [][]byte
	// Deletions are the patches that take objects out.
	Deletions   []deletions.Deletion
	Confinement Confinement
}

// ErrOutside is given to a build that asks for something outside the repository.
var ErrOutside = errors.New("path leaves the repository")

// Build builds a folder in a process of its own. The error is a [Failure] when
// the input is to blame, and otherwise from [Files], the context or the system.
func Build(ctx context.Context, o Options, files Files, dir string) (*Result, error) {
	deadline, cancel := context.WithTimeoutCause(ctx, o.Timeout, errDeadline)
	defer cancel()
	child, err := spawn(deadline)
	if err != nil {
		return nil, notBegun(ctx, deadline, o, err)
	}
	// A panic in serving leaves no process behind; nothing to do otherwise.
	defer child.finish(false)
	cpu := uint64(o.Timeout/time.Second) + 1
	result, err := serve(newPipe(child.out, child.in), start{Dir: dir, Memory: o.Memory, CPU: cpu}, o, files)
	if err != nil {
		// A child that broke off says why only in how it ended.
		child.finish(errors.Is(err, errBroken))
		return nil, explain(ctx, deadline, o, child, err)
	}
	child.finish(true)
	return result, nil
}

// Probe starts a child that builds nothing, and says what it could do to itself.
func Probe(ctx context.Context, o Options) (c Confinement, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout, errDeadline)
	defer cancel()
	child, err := spawn(ctx)
	if err != nil {
		return c, fmt.Errorf("start build process: %w", err)
	}
	defer child.finish(false)
	p := newPipe(child.out, child.in)
	if err := p.sendJSON(frameStart, start{Dir: ".", Memory: o.Memory, CPU: 1}); err != nil {
		return c, errBroken
	}
	kind, body, err := p.receive(frameLimit)
	if err != nil || kind != frameReady {
		return c, errBroken
	}
	return c, json.Unmarshal(body, &c)
}

var (
	errDeadline = errors.New("build deadline")
	errBroken   = errors.New("build process ended early")
)

// notBegun explains a child that did not start. A build that was given up in that
// moment has not failed: who gave it up says why.
func notBegun(ctx, deadline context.Context, o Options, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(context.Cause(deadline), errDeadline):
		return tooLong(o)
	}
	return fmt.Errorf("start build process: %w", err)
}

func tooLong(o Options) *Failure {
	// The key service builds too, and has no more time: another limit of a controller alone would grant nothing.
	return &Failure{Problem: fmt.Sprintf("build takes longer than %v; hint: split it into several placements", o.Timeout),
		Temporary: true}
}

func explain(ctx, deadline context.Context, o Options, child *child, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !errors.Is(err, errBroken) {
		return err
	}
	stderr := child.stderr.String()
	starved := func(words string) bool { return strings.Contains(stderr, words) }
	switch {
	case errors.Is(context.Cause(deadline), errDeadline), strings.Contains(stderr, "SIGXCPU"):
		return tooLong(o)
	case starved("out of memory"), starved("cannot allocate memory"), starved("failed to allocate"),
		starved("pthread_create failed"), starved("failed to create new OS thread"): // there is no room for its stack
		return &Failure{Problem: fmt.Sprintf("build needs more than %d MiB of memory", o.Memory>>20)}
	}
	return &Failure{Problem: "build process died: " + child.cmd.ProcessState.String(), Temporary: true}
}

// serve answers a child's questions until it has finished.
func serve(p *pipe, begin start, o Options, files Files) (*Result, error) {
	if err := p.sendJSON(frameStart, begin); err != nil {
		return nil, errBroken
	}
	result, size := &Result{}, int64(0)
	for {
		kind, body, err := p.receive(frameLimit)
		if errors.Is(err, errFrame) {
			return nil, &Failure{Problem: "an object or a path is too large"}
		}
		if err != nil {
			return nil, errBroken
		}
		switch kind {
		case frameReady:
			err = json.Unmarshal(body, &result.Confinement)
		case frameStat, frameRead, frameList:
			err = answer(p, files, kind, string(body))
		case frameWired:
			err = answerWired(p, files)
		case frameObject:
			size += int64(len(body))
			if size > o.Output || len(result.Objects) >= o.Objects {
				return nil, &Failure{Problem: fmt.Sprintf("build makes more than %d objects or %d MiB; "+
					"hint: split it into several placements", o.Objects, o.Output>>20)}
			}
			result.Objects = append(result.Objects, body)
		case frameDeletions:
			err = json.Unmarshal(body, &result.Deletions)
		case frameFailed:
			failure := &Failure{}
			if err := json.Unmarshal(body, failure); err != nil {
				return nil, err
			}
			failure.told = true
			return nil, failure
		case frameDone:
			return result, nil
		default:
			err = errFrame
		}
		if err != nil {
			return nil, err
		}
	}
}

func answerWired(p *pipe, files Files) error {
	stubs, err := files.Wired()
	if err != nil {
		return err
	}
	if err := p.sendJSON(frameAnswer, stubs); err != nil {
		return errBroken
	}
	return nil
}

func answer(p *pipe, files Files, question byte, name string) error {
	path, ok := strings.CutPrefix(name, Root+"/")
	if name == Root {
		path, ok = ".", true
	}
	if !ok {
		return &Failure{Problem: fmt.Sprintf("%q: %v", name, ErrOutside)}
	}
	kind, data := None, []byte(nil)
	var err error
	switch question {
	case frameStat:
		kind, err = files.Stat(path)
	case frameRead:
		switch data, ok, err = files.Read(path); {
		case errors.Is(err, ErrApart):
			kind, err = Apart, nil
		case ok:
			kind = File
			if files.Aside(path) {
				kind = Aside
			}
		}
	case frameList:
		var names []string
		if names, ok, err = files.List(path); ok {
			kind, data = Dir, []byte(strings.Join(names, "\x00"))
		}
	}
	if err != nil {
		return err
	}
	if err := p.send(frameAnswer, []byte{byte(kind)}, data); err != nil {
		return errBroken
	}
	return nil
}

// child is a running worker.
type child struct {
	cmd     *exec.Cmd
	in, out *os.File
	stderr  *head

	finished bool
}

// environment of a child. Each arena of the C library reserves 64 MiB, which the
// bound on memory counts: a few threads would use it up.
var environment = []string{"MALLOC_ARENA_MAX=1"}

// spawn starts this binary as a worker, confined as far as the system permits.
func spawn(ctx context.Context) (*child, error) {
	if !asked.Load() {
		return nil, errors.New("start build process: this program does not begin with MaybeRunBuildWorker")
	}
	for {
		most := isolated()
		c, err := spawnWith(ctx, most)
		if err != nil && most != bare && ctx.Err() == nil {
			giveUp(most)
			continue
		}
		return c, err
	}
}

func spawnWith(ctx context.Context, i isolation) (*child, error) {
	path, err := executable()
	if err != nil {
		return nil, err
	}
	childIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, childOut, err := os.Pipe()
	if err != nil {
		childIn.Close()
		in.Close()
		return nil, err
	}
	c := &child{in: in, out: out, stderr: &head{}}
	c.cmd = exec.CommandContext(ctx, path)
	c.cmd.Args = []string{Name}
	c.cmd.Env = environment
	c.cmd.Dir = "/"
	c.cmd.Stderr = c.stderr
	c.cmd.ExtraFiles = []*os.File{childIn, childOut}
	c.cmd.WaitDelay = time.Second
	c.cmd.SysProcAttr = attributes(i)
	err = c.cmd.Start()
	childIn.Close()
	childOut.Close()
	if err != nil {
		in.Close()
		out.Close()
		return nil, err
	}
	return c, nil
}

// finish closes the pipes and waits; a child that has not ended by itself is
// killed. It works once.
func (c *child) finish(byItself bool) {
	if c.finished {
		return
	}
	c.finished = true
	c.in.Close()
	c.out.Close()
	if !byItself {
		c.kill()
	}
	_ = c.cmd.Wait()
}

func (c *child) kill() { _ = c.cmd.Process.Kill() }

// head keeps the start of what is written to it, for telling causes apart. It
// is never shown: a crash prints what was in memory.
type head struct{ bytes.Buffer }

func (h *head) Write(p []byte) (int, error) {
	if room := 4096 - h.Len(); room > 0 {
		h.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
