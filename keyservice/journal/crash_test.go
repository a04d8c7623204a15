package journal

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// appenderEnv makes the test binary a process that only appends to the log in
// the folder that it names.
const appenderEnv = "BULLA_TEST_APPENDER"

func TestMain(m *testing.M) {
	maybeRunAppender()
	os.Exit(m.Run())
}

// maybeRunAppender is the child's side of the tests below; it does not return in
// a child.
func maybeRunAppender() {
	what, dir, child := strings.Cut(os.Getenv(appenderEnv), ":")
	if !child {
		return
	}
	run := map[string]func(*Journal) error{"forever": appendForever, "full": appendUntilFull}[what]
	if err := inFolder(dir, run); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func inFolder(dir string, run func(*Journal) error) error {
	der, err := os.ReadFile(filepath.Join(dir, "log.key"))
	if err != nil {
		return err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return err
	}
	ctx := context.Background()
	rows, err := store.Open(ctx, filepath.Join(dir, "store.db"))
	if err != nil {
		return err
	}
	j, err := Open(ctx, options(&logKey{key: key.(*ecdsa.PrivateKey)}, rows, time.Now))
	if err != nil {
		return err
	}
	return run(j)
}

// appendForever says each entry that it was given a receipt for: as an answer
// that leaves the service.
func appendForever(j *Journal) error {
	var group sync.WaitGroup
	var mu sync.Mutex
	for who := range 4 {
		group.Go(func() {
			for n := 0; ; n++ {
				r, err := j.Append(context.Background(), numbered(who*1_000_000+n*3, 3))
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				mu.Lock()
				for i, entry := range r.entries {
					fmt.Printf("%d %s\n", r.first+int64(i), tlog.RecordHash(entry))
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return nil
}

func (b *bench) child(ctx context.Context, what string) *exec.Cmd {
	b.t.Helper()
	dir := filepath.Dir(b.path)
	der, err := x509.MarshalPKCS8PrivateKey(b.key.key)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "log.key"), der, 0o600); err != nil {
		b.t.Fatal(err)
	}
	child := exec.CommandContext(ctx, os.Args[0])
	child.Env = append(os.Environ(), appenderEnv+"="+what+":"+dir)
	child.Stderr = os.Stderr
	return child
}

// TestWhatWasAnsweredSurvivesAKill: the process is killed in the middle of its
// appends, again and again; each entry that it gave a receipt for is there, once,
// at its place, and the log opens.
func TestWhatWasAnsweredSurvivesAKill(t *testing.T) {
	b := newBench(t)
	answered := map[int64]string{}
	for round := range 6 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		child := b.child(ctx, "forever")
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			index, hash, whole := strings.Cut(lines.Text(), " ")
			at, err := strconv.ParseInt(index, 10, 64)
			if err != nil || !whole || len(hash) != 44 {
				break // the line that the kill cut
			}
			if before, twice := answered[at]; twice {
				t.Errorf("entry %d was answered twice: %s and %s", at, before, hash)
			}
			answered[at] = hash
			if n == 30+17*round {
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = child.Wait() // killed
		cancel()
		b.mustOpen(b.store())
		b.checkLog()
	}
	leaves, _, err := b.rows.FindLeaves(t.Context(), testFleet, store.LogFilter{Limit: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for at, hash := range answered {
		if at >= int64(len(leaves)) || tlog.RecordHash(leaves[at].Entry).String() != hash {
			t.Errorf("entry %d was answered and is not in the log of %d", at, len(leaves))
		}
	}
	if len(answered) < 6*30 {
		t.Errorf("only %d entries were answered: nothing was tested", len(answered))
	}
}

// appendUntilFull appends on a disk that is full after 1 MiB, and goes on when
// there is room again.
func appendUntilFull(j *Journal) error {
	signal.Ignore(syscall.SIGXFSZ)
	room := func(bytes uint64) error {
		var limit syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			return err
		}
		limit.Cur = bytes
		return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
	}
	if err := room(1 << 20); err != nil {
		return err
	}
	ctx := context.Background()
	written, failed := 0, 0
	for n := 0; failed < 5; n++ {
		if n > 5000 {
			return errors.New("the disk is never full")
		}
		_, err := j.Append(ctx, numbered(n*10, 10))
		switch {
		case err != nil:
			failed++
			fmt.Println("failed:", err)
		case failed > 0:
			return errors.New("an append succeeded on a full disk")
		default:
			written += 10
		}
	}
	if size := j.tip.Load().Size; size != int64(written) {
		return fmt.Errorf("the log has %d entries, %d were answered", size, written)
	}
	if err := room(64 << 20); err != nil {
		return err
	}
	r, err := j.Append(ctx, []audit.Entry{{Kind: audit.Start, Outcome: "Done"}})
	if err != nil {
		return fmt.Errorf("with room again: %w", err)
	}
	fmt.Println("size:", r.tip.Size)
	return nil
}

// TestAFullDiskLosesNothing: appends fail, nothing half is left, and with room
// the log goes on where it was.
func TestAFullDiskLosesNothing(t *testing.T) {
	b := newBench(t)
	child := b.child(t.Context(), "full")
	out, err := child.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b.mustOpen(b.store())
	c := b.checkLog()
	if want := fmt.Sprintf("size: %d\n", c.Size); !strings.HasSuffix(string(out), want) || c.Size < 50 {
		t.Errorf("the log has %d entries, the process said:\n%s", c.Size, out)
	}
}
