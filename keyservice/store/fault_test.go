package store_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/postgres"
	"github.com/bulla-dev/bulla/fixtures/proxy"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// commitMessage is COMMIT as pgx sends it (PostgreSQL documentation, Query
// message): a type, a length, and the text.
const commitMessage = "Q\x00\x00\x00\x0bcommit\x00"

// write is one way to change the store.
type write struct {
	name string
	// prepare what the write needs.
	prepare func(*testing.T, *store.DB)
	do      func(context.Context, *store.DB) error
	// done reports whether it is there.
	done func(*testing.T, *store.DB) bool
	// again is the error of the same write after it was done; nil for none,
	// errAny for one without a name.
	again error
}

var errAny = errors.New("any error")

func writes() []write {
	now := time.Now()
	e := enrolment{token: digest("secret"), challenge: digest("nonce of secret"), now: now}
	begin := func(ctx context.Context, s *store.DB) error {
		_, err := s.BeginEnrolment(ctx, e.token,
			store.Enrolment{PublicKey: []byte("spki"), Recipient: "age1pq1x", Challenge: e.challenge}, now)
		return err
	}
	answers := func(t *testing.T, s *store.DB) bool {
		_, err := s.AnswerEnrolment(t.Context(), e.token, "", e.challenge, now)
		return err == nil
	}
	enrolled := func(t *testing.T, s *store.DB) bool {
		names, err := s.Enrolled(t.Context(), fleet, now)
		must(t, err)
		return len(names) == 1
	}
	head := store.Head{Fleet: fleet, Ref: "main", Hash: "a1", Accepted: now}
	token := func(t *testing.T, s *store.DB) { newEnrolment(t, s, "secret") }
	begun := func(t *testing.T, s *store.DB) { newEnrolment(t, s, "secret").begin(t, s) }
	return append(lookWrites(), []write{
		{name: "AddHead", do: func(ctx context.Context, s *store.DB) error { return s.Do(ctx, s.AddHead(head)) },
			done: func(t *testing.T, s *store.DB) bool {
				_, err := s.LastHead(t.Context(), fleet, "main")
				return err == nil
			},
			again: store.ErrHeadMoved},
		{name: "AddPlaced", do: func(ctx context.Context, s *store.DB) error {
			return s.AddPlaced(ctx, fleet, "prod-eu", "a1", []string{"sha256:x"})
		}, done: func(t *testing.T, s *store.DB) bool {
			was, err := s.WasPlaced(t.Context(), fleet, "prod-eu", "sha256:x")
			must(t, err)
			return was
		}},
		{name: "AddJoinToken", do: func(ctx context.Context, s *store.DB) error {
			return s.Do(ctx, s.AddJoinToken(store.JoinToken{Hash: e.token, Fleet: fleet, Cluster: "prod-eu", Created: now,
				Expires: now.Add(time.Hour)}))
		}, done: func(t *testing.T, s *store.DB) bool { return begin(t.Context(), s) == nil }, again: errAny},
		{name: "BeginEnrolment", prepare: token, do: begin, done: answers},
		{name: "a wrong AnswerEnrolment", prepare: begun, do: func(ctx context.Context, s *store.DB) error {
			if _, err := s.AnswerEnrolment(ctx, e.token, "", digest("guess"), now); !errors.Is(err, store.ErrJoinToken) {
				return err
			}
			return nil
		}, done: func(t *testing.T, s *store.DB) bool { return !answers(t, s) }},
		{name: "CompleteEnrolment", prepare: begun, do: func(ctx context.Context, s *store.DB) error {
			return s.Do(ctx, s.CompleteEnrolment(e.token, e.challenge, e.certificate("a"), now))
		}, done: enrolled, again: store.ErrJoinToken},
		{name: "AddCertificate", do: func(ctx context.Context, s *store.DB) error {
			return s.Do(ctx, s.AddCertificate(e.certificate("a")))
		}, done: enrolled, again: errAny},
		{name: "AddAuthority", do: func(ctx context.Context, s *store.DB) error {
			return s.Do(ctx, s.AddAuthority(authority(1), time.Time{}))
		}, done: func(t *testing.T, s *store.DB) bool {
			all, err := s.Authorities(t.Context(), fleet)
			must(t, err)
			return len(all) == 1
		}, again: errAny},
		{name: "PutStub", do: func(ctx context.Context, s *store.DB) error {
			return s.Do(ctx, s.PutStub(fleet, "dora", []byte("stub"), wide, now, new(bool)))
		}, done: func(t *testing.T, s *store.DB) bool { return has(t, s, api.StubDigest([]byte("stub"))) }},
		{name: "AddPending", do: func(ctx context.Context, s *store.DB) error {
			return s.Do(ctx,
				s.AddPending(fleet, []byte("entry")))
		},
			done: func(t *testing.T, s *store.DB) bool {
				waits, err := s.HasPending(t.Context(), fleet)
				must(t, err)
				return waits
			}},
		{name: "AppendLog", do: func(ctx context.Context, s *store.DB) error {
			return s.AppendLog(ctx, fleet, nil, func(now *store.Appending) (store.Appended, error) {
				return addTo(fmt.Sprintf("entry %d", now.Size))(now)
			})
		}, done: func(t *testing.T, s *store.DB) bool { return len(checkLog(t, s)) > 0 }},
	}...)
}

// start prepares a write on a database of its own.
func (w write) start(t *testing.T, s *store.DB) {
	t.Helper()
	if w.prepare != nil {
		w.prepare(t, s)
	}
	if w.done(t, s) {
		t.Fatal("it is there before it was written: the test shows nothing")
	}
}

// finish writes it again after a failure.
func (w write) finish(t *testing.T, s *store.DB, want error) {
	t.Helper()
	switch err := w.do(t.Context(), s); {
	case errors.Is(want, errAny) && err == nil, !errors.Is(want, errAny) && !errors.Is(err, want):
		t.Errorf("again: %v, want %v", err, want)
	}
	if !w.done(t, s) {
		t.Error("it is not there after it was written again")
	}
}

func TestAWriteThatFailedChangedNothing(t *testing.T) {
	for _, w := range writes() {
		t.Run(w.name, func(t *testing.T) {
			onBothEngines(t, func(t *testing.T, e engine) {
				s := e.open(t)
				w.start(t, s)
				cancelled, cancel := context.WithCancel(t.Context())
				cancel()
				if err := w.do(cancelled, s); err == nil {
					t.Error("a cancelled write succeeded")
				}
				if w.done(t, s) {
					t.Error("it is there")
				}
				w.finish(t, s, nil)
			})
		})
	}
}

// overProxy is a database reached through a proxy, and directly.
func overProxy(t *testing.T) (through, direct *store.DB, p *proxy.Proxy) {
	t.Helper()
	server := postgres.ForTest(t)
	database := server.Database(t)
	p = proxy.ForTest(t, server.Address())
	through = engine{name: "postgres", address: server.PlainURL(p.Address(), database)}.open(t)
	return through, engine{name: "postgres", address: server.URL(database)}.open(t), p
}

func TestAWriteWhoseCommitDidNotArriveChangedNothing(t *testing.T) {
	for _, w := range writes() {
		t.Run(w.name, func(t *testing.T) {
			s, direct, p := overProxy(t)
			w.start(t, direct)
			hit := p.CutBefore(commitMessage)
			if err := w.do(t.Context(), s); err == nil {
				t.Error("no error")
			}
			<-hit
			if w.done(t, direct) {
				t.Error("it is there")
			}
			w.finish(t, s, nil)
		})
	}
}

func TestAWriteThatWasDoneAndFailedIsNotDoneTwice(t *testing.T) {
	for _, w := range writes() {
		t.Run(w.name, func(t *testing.T) {
			s, direct, p := overProxy(t)
			w.start(t, direct)
			hit := p.CutAfter(commitMessage)
			if err := w.do(t.Context(), s); err == nil {
				t.Error("no error, though nobody knows")
			}
			<-hit
			if !w.done(t, direct) {
				t.Error("it is not there")
			}
			w.finish(t, s, w.again)
		})
	}
}

func TestADatabaseThatCrashesLosesNothingAndIsUsedAgain(t *testing.T) {
	server := postgres.ForTestOwn(t)
	e := engine{name: "postgres", address: server.URL(server.Database(t))}
	handles := e.replicas(t, 3)
	for name, fault := range map[string]func() error{
		"restarted": func() error { return server.Restart(t.Context()) },
		"killed":    func() error { return errors.Join(server.Kill(), server.Recover(t.Context())) },
	} {
		stop := make(chan struct{})
		var acknowledged sync.Map
		var count, after atomic.Int64
		var back atomic.Bool
		var group sync.WaitGroup
		for i, s := range handles {
			group.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					healed := back.Load()
					entry := fmt.Sprintf("%s-%d-%d", name, i, n)
					if s.AppendLog(t.Context(), fleet, nil, addTo(entry)) == nil {
						acknowledged.Store(entry, true)
						count.Add(1)
						if healed {
							after.Add(1)
						}
					}
				}
			})
		}
		wait.Until(t, "appends", func() bool { return count.Load() > 20 })
		must(t, fault())
		back.Store(true)
		wait.Until(t, "appends after the database was "+name, func() bool { return after.Load() > 20 })
		close(stop)
		group.Wait()
		var entries []string
		acknowledged.Range(func(entry, _ any) bool { entries = append(entries, entry.(string)); return true })
		mustHold(t, checkLog(t, handles[0]), entries)
	}
}

// fill appends until the disk is full, and returns what was acknowledged.
func fill(t *testing.T, s *store.DB) (acknowledged []string) {
	t.Helper()
	for n := range 10000 {
		// Random, because databases compress.
		entry := fmt.Sprintf("%d-%s", n, rand.Text()+rand.Text())
		for len(entry) < 4<<10 {
			entry += rand.Text()
		}
		if err := s.AppendLog(t.Context(), fleet, nil, addTo(entry)); err != nil {
			return acknowledged
		}
		acknowledged = append(acknowledged, entry)
	}
	t.Fatal("the disk is never full")
	return nil
}

func TestAFullDiskLosesNothingAndHeals(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		// Without this the signal of a file at its limit ends the process.
		signal.Ignore(syscall.SIGXFSZ)
		var before unix.Rlimit
		must(t, unix.Getrlimit(unix.RLIMIT_FSIZE, &before))
		limit := func(size uint64) {
			t.Helper()
			must(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: size, Max: before.Max}))
		}
		healsFromFullDisk(t, onSQLite(t), func() { limit(512 << 10) }, func() { limit(before.Cur) })
	})
	t.Run("postgres", func(t *testing.T) {
		server := postgres.ForTestOwn(t)
		e := engine{name: "postgres", address: server.URL(server.Database(t))}
		// One segment of its journal, which it keeps writing, is 1 MiB.
		healsFromFullDisk(t, e, func() { must(t, server.FillDisk(1<<20)) }, func() { must(t, server.FreeDisk()) })
	})
}

func healsFromFullDisk(t *testing.T, e engine, full, free func()) {
	s := e.open(t)
	must(t, s.AppendLog(t.Context(), fleet, nil, addTo("before")))
	full()
	acknowledged := fill(t, s)
	if err := s.Ready(t.Context()); err != nil {
		t.Logf("readiness on the full disk: %v", err)
	}
	free()
	must(t, s.AppendLog(t.Context(), fleet, nil, addTo("after")))
	mustHold(t, checkLog(t, s), append(acknowledged, "before", "after"))
}
