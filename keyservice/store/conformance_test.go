package store_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bulla-dev/bulla/fixtures/postgres"
	"github.com/bulla-dev/bulla/keyservice/store"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(play(role))
	}
	os.Exit(postgres.Main(m))
}

const fleet = "00112233445566778899aabbccddeeff"

// engine is one empty database.
type engine struct {
	name string
	// address is a path, or a URL.
	address string
}

// connect opens another handle on it, as another replica would.
func (e engine) connect(ctx context.Context) (*store.DB, error) {
	if e.name == "postgres" {
		return store.OpenPostgres(ctx, e.address)
	}
	return store.Open(ctx, e.address)
}

func (e engine) open(t testing.TB) *store.DB {
	t.Helper()
	s, err := e.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// replicas opens n handles.
func (e engine) replicas(t testing.TB, n int) []*store.DB {
	t.Helper()
	handles := make([]*store.DB, n)
	for i := range handles {
		handles[i] = e.open(t)
	}
	return handles
}

// onBothEngines runs a test on an empty SQLite file and on an empty PostgreSQL
// database: what the store promises does not depend on the engine.
func onBothEngines(t *testing.T, test func(t *testing.T, e engine)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, onSQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, onPostgres(t)) })
}

func onSQLite(t testing.TB) engine {
	return engine{name: "sqlite", address: filepath.Join(t.TempDir(), "a b%20?c.db")}
}

func onPostgres(t testing.TB) engine {
	t.Helper()
	server := postgres.ForTest(t)
	return engine{name: "postgres", address: server.URL(server.Database(t))}
}

// with adds a parameter to a database's URL.
func with(address, name, value string) string {
	u, err := url.Parse(address)
	if err != nil {
		panic(err) // our own
	}
	query := u.Query()
	query.Set(name, value)
	u.RawQuery = query.Encode()
	return u.String()
}

// race runs f for every handle, several times each, at once.
func race(handles []*store.DB, times int, f func(s *store.DB, n int)) {
	var group sync.WaitGroup
	begin := make(chan struct{})
	for i, s := range handles {
		for k := range times {
			group.Go(func() {
				<-begin
				f(s, i*times+k)
			})
		}
	}
	close(begin)
	group.Wait()
}

// must ends the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// addTo builds leaves for entries as the service does, but without signing.
func addTo(entries ...string) func(*store.Appending) (store.Appended, error) {
	return func(now *store.Appending) (store.Appended, error) {
		next := store.Appended{LogState: now.LogState}
		var fresh []tlog.Hash // stored hashes that are not in the store yet
		from := tlog.StoredHashCount(now.Size)
		reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
			hashes := make([]tlog.Hash, len(indexes))
			for i, index := range indexes {
				if index >= from {
					hashes[i] = fresh[index-from]
					continue
				}
				stored, err := now.Hashes([]int64{index})
				if err != nil {
					return nil, err
				}
				hashes[i] = stored[0]
			}
			return hashes, nil
		})
		for _, entry := range entries {
			hashes, err := tlog.StoredHashes(next.Size, []byte(entry), reader)
			if err != nil {
				return next, err
			}
			fresh = append(fresh, hashes...)
			next.Last = time.Now().UTC()
			next.Leaves = append(next.Leaves,
				store.Leaf{Index: next.Size, Time: next.Last, Entry: []byte(entry), Hashes: hashes, Kind: "Unseal",
					Outcome: "Granted", Cluster: "prod-eu"})
			next.Size++
		}
		root, err := tlog.TreeHash(next.Size, reader)
		next.Checkpoint = fmt.Appendf(nil, "%d %s", next.Size, root)
		return next, err
	}
}

// checkLog reads the whole log and proves that it has no fork, gap or duplicate:
// indexes without a hole, no entry twice, and the root of the last checkpoint
// computed from the entries alone.
func checkLog(t testing.TB, s *store.DB) (entries []string) {
	t.Helper()
	state, err := s.LogState(t.Context(), fleet)
	must(t, err)
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			hashes[i] = stored[index]
		}
		return hashes, nil
	})
	seen := map[string]bool{}
	for next := int64(0); int64(len(entries)) < state.Size; {
		var leaves []store.Leaf
		leaves, next, err = s.FindLeaves(t.Context(), fleet, store.LogFilter{From: next, Limit: 1000})
		must(t, err)
		for _, leaf := range leaves {
			if leaf.Index != int64(len(entries)) {
				t.Fatalf("entry %d stands where %d must", leaf.Index, len(entries))
			}
			if seen[string(leaf.Entry)] {
				t.Fatalf("%q stands twice", leaf.Entry)
			}
			seen[string(leaf.Entry)] = true
			hashes, err := tlog.StoredHashes(leaf.Index, leaf.Entry, reader)
			must(t, err)
			stored = append(stored, hashes...)
			entries = append(entries, string(leaf.Entry))
		}
		if next == 0 {
			break
		}
	}
	if int64(len(entries)) != state.Size {
		t.Fatalf("%d entries, the log says %d", len(entries), state.Size)
	}
	if state.Size == 0 {
		return nil
	}
	root, err := tlog.TreeHash(state.Size, reader)
	must(t, err)
	if want := fmt.Sprintf("%d %s", state.Size, root); string(state.Checkpoint) != want {
		t.Fatalf("checkpoint %q, the entries make %q", state.Checkpoint, want)
	}
	return entries
}

func digest(text string) [32]byte { return sha256.Sum256([]byte(text)) }
