package hsm

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"

	"github.com/bulla-dev/bulla/sealing/hsm/internal/wire"
)

// MaybeRunWorker runs the token worker and exits when this process was started
// as one, and returns at once otherwise. It must be the first call of every main
// and TestMain whose program uses this package.
func MaybeRunWorker() {
	if os.Getenv(workerMarker) == "" {
		return
	}
	// A module that crashes must not write the PIN and the seeds to a core file.
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		fmt.Fprintf(os.Stderr, "hsm-worker: forbid core files: %v\n", err)
		os.Exit(1)
	}
	// os/exec passes pipes blocking, and a blocking read would hold a thread and
	// cost the runtime a hand-over each time.
	if err := errors.Join(syscall.SetNonblock(3, true), syscall.SetNonblock(4, true)); err != nil {
		fmt.Fprintf(os.Stderr, "hsm-worker: no pipes; it is started by the key service, not by hand: %v\n", err)
		os.Exit(1)
	}
	in, out := os.NewFile(3, "requests"), os.NewFile(4, "responses")
	if !isPipe(in) || !isPipe(out) {
		fmt.Fprintln(os.Stderr, "hsm-worker: no pipes; it is started by the key service, not by hand")
		os.Exit(1)
	}
	if err := RunWorker(in, out); err != nil {
		fmt.Fprintf(os.Stderr, "hsm-worker: %v\n", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func isPipe(f *os.File) bool {
	if f == nil {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeNamedPipe != 0
}

// backend is the token as the worker's loop sees it. Handle is called from many
// goroutines at a time.
type backend interface {
	Handle(*wire.Request) *wire.Response
	Close()
}

// RunWorker is the child: it reads the hello and then requests from in until the
// end, and writes responses to out as they are ready, in any order. It returns
// when in ends, which is how the parent stops it and how it notices that the
// parent died. One process may run one worker, because a module is initialised
// once for each process.
func RunWorker(in io.Reader, out io.Writer) error {
	c := wire.NewConn(in, out)
	var h wire.Hello
	if err := c.Receive(&h); err != nil {
		return fmt.Errorf("read hello: %w", err)
	}
	b, err := openBackend(&h)
	welcome := &wire.Response{Err: wire.ErrorOf(err)}
	if sendErr := c.Send(welcome); sendErr != nil {
		return fmt.Errorf("answer hello: %w", sendErr)
	}
	if err != nil {
		return nil // the parent says it
	}
	return serve(c, b)
}

func serve(c *wire.Conn, b backend) error {
	var handlers sync.WaitGroup
	var readErr error
	for {
		req := new(wire.Request)
		if readErr = c.Receive(req); readErr != nil {
			break
		}
		handlers.Go(func() {
			r := b.Handle(req)
			r.ID = req.ID
			// A parent that does not listen any more is noticed by reading.
			_ = c.Send(r)
		})
	}
	handlers.Wait()
	b.Close()
	if errors.Is(readErr, io.EOF) {
		return nil
	}
	return readErr
}
