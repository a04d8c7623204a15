package store_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/bulla-dev/bulla/fixtures/child"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// This test binary plays a replica when these are set.
const (
	roleVariable    = "BULLA_TEST_STORE_ROLE"
	engineVariable  = "BULLA_TEST_STORE_ENGINE"
	addressVariable = "BULLA_TEST_STORE_ADDRESS"
)

// play is a replica's process. It prints a line for each entry that was
// acknowledged, or its error.
func play(role string) int {
	e := engine{name: os.Getenv(engineVariable), address: os.Getenv(addressVariable)}
	s, err := e.connect(context.Background())
	if err == nil {
		defer s.Close()
		err = map[string]func(*store.DB) error{"append": appendForEver, "stop": stopInside}[role](s)
	}
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	return 0
}

func appendForEver(s *store.DB) error {
	for n := 0; ; n++ {
		entry := fmt.Sprintf("%d-%d", os.Getpid(), n)
		if err := s.AppendLog(context.Background(), fleet, nil, addTo(entry)); err != nil {
			return err
		}
		fmt.Println(entry)
	}
}

// stopInside stops this process in the middle of a transaction.
func stopInside(s *store.DB) error {
	stop := func(context.Context, *sql.Tx) error {
		fmt.Println("stopping")
		return syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	}
	return s.AppendLog(context.Background(), fleet, [][]store.Change{{stop}}, addTo("of the stopped"))
}

// actor is a replica's process under test.
type actor struct {
	cmd   *exec.Cmd
	lines chan string // closed at its end
}

func act(t testing.TB, e engine, role string) *actor {
	t.Helper()
	a := &actor{cmd: exec.Command(os.Args[0]), lines: make(chan string, 1<<16)}
	a.cmd.Env = append(os.Environ(), roleVariable+"="+role, engineVariable+"="+e.name, addressVariable+"="+e.address)
	out, in, err := os.Pipe()
	must(t, err)
	a.cmd.Stdout, a.cmd.Stderr = in, os.Stderr
	must(t, child.Start(a.cmd, syscall.SIGKILL))
	in.Close()
	go a.read(out)
	t.Cleanup(func() {
		_ = a.cmd.Process.Kill() // it may have ended
		_ = a.cmd.Wait()
	})
	return a
}

func (a *actor) read(out io.ReadCloser) {
	defer out.Close()
	defer close(a.lines)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		a.lines <- lines.Text()
	}
}

// next waits for a line; "" at the end.
func (a *actor) next(t testing.TB) string {
	t.Helper()
	return wait.Receive(t, "the process says something", a.lines)
}

// rest ends the process and returns what it still said.
func (a *actor) rest(t testing.TB) (lines []string) {
	t.Helper()
	must(t, a.cmd.Process.Kill())
	for line := range a.lines {
		lines = append(lines, line)
	}
	return lines
}

func TestProcessesKilledInTheMiddleLoseAndForkNothing(t *testing.T) {
	onBothEngines(t, func(t *testing.T, e engine) {
		s := e.open(t)
		var acknowledged []string
		var mu sync.Mutex
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() {
				for range 2 { // a replica, and the one in its place
					a := act(t, e, "append")
					var lines []string
					for range 10 {
						lines = append(lines, a.next(t))
					}
					lines = append(lines, a.rest(t)...)
					mu.Lock()
					acknowledged = append(acknowledged, lines...)
					mu.Unlock()
				}
			})
		}
		group.Wait()
		mustHold(t, checkLog(t, s), acknowledged)
	})
}

// mustHold demands that everything acknowledged is in the log. That nothing is
// there twice was checked with the log.
func mustHold(t testing.TB, entries, acknowledged []string) {
	t.Helper()
	if len(acknowledged) == 0 {
		t.Fatal("nothing was acknowledged: the test shows nothing")
	}
	for _, entry := range acknowledged {
		if !slices.Contains(entries, entry) {
			t.Errorf("%q was acknowledged and is not in the log", entry)
		}
	}
}

func TestAReplicaStoppedInsideATransactionLosesIt(t *testing.T) {
	e := onPostgres(t)
	e.address = with(e.address, "idle_in_transaction_session_timeout", "500")
	s, ctx := e.open(t), t.Context()
	must(t, s.AppendLog(ctx, fleet, nil, addTo("before")))
	a := act(t, e, "stop")
	if line := a.next(t); line != "stopping" {
		t.Fatalf("the process says %q", line)
	}
	// The lock is given up by the database, not by the one who sleeps.
	must(t, s.AppendLog(ctx, fleet, nil, addTo("meanwhile")))
	must(t, a.cmd.Process.Signal(syscall.SIGCONT))
	if line := a.next(t); !strings.HasPrefix(line, "error: append to audit log") {
		t.Fatalf("after waking up it says %q, want an error", line)
	}
	must(t, s.AppendLog(ctx, fleet, nil, addTo("after")))
	if got := checkLog(t, s); !slices.Equal(got, []string{"before", "meanwhile", "after"}) {
		t.Fatalf("the log has %q", got)
	}
}

func TestAWriterThatKeepsTheLockIsNotWaitedForForEver(t *testing.T) {
	e := onPostgres(t)
	busy := e.open(t)
	e.address = with(e.address, "lock_timeout", "200")
	s, ctx := e.open(t), t.Context()
	holding, release := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- busy.Do(ctx, func(context.Context, *sql.Tx) error {
			close(holding)
			<-release
			return nil
		})
	}()
	<-holding
	if err := s.AppendLog(ctx, fleet, nil, addTo("waits")); err == nil || errors.Is(err, context.Canceled) {
		t.Fatalf("append: %v, want a lock timeout", err)
	}
	close(release)
	must(t, <-done)
	must(t, s.AppendLog(ctx, fleet, nil, addTo("goes on")))
	if got := checkLog(t, s); !slices.Equal(got, []string{"goes on"}) {
		t.Fatalf("the log has %q", got)
	}
}
