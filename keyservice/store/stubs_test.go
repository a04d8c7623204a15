package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// wide is room for whatever a test puts.
var wide = store.StubRoom{Person: 1 << 30, All: 1 << 30}

func has(t testing.TB, s *store.DB, digest string) bool {
	t.Helper()
	_, err := s.Stub(t.Context(), fleet, digest)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

func TestAStubIsKeptUnderItsDigestAndNeverChanges(t *testing.T) { onBothEngines(t, stubIsKept) }

func stubIsKept(t *testing.T, e engine) {
	replicas := e.replicas(t, 2)
	one, other := replicas[0], replicas[1]
	ctx, now := t.Context(), time.Now()
	data := bytes.Repeat([]byte("\x00\xff stub\n"), api.MaxStoredStub/8)
	digest := api.StubDigest(data)
	if has(t, one, digest) {
		t.Fatal("it is there before it was put")
	}
	var was bool
	must(t, one.Do(ctx, one.PutStub(fleet, "dora", data, wide, now, &was)))
	if was {
		t.Error("it was there already")
	}
	got, err := other.Stub(ctx, fleet, digest)
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d bytes of %d, %v", len(got), len(data), err)
	}
	// Another person's put changes nothing, and costs them nothing.
	must(t, other.Do(ctx, other.PutStub(fleet, "mallory", data, store.StubRoom{}, now, &was)))
	if !was {
		t.Error("what was there is put as new")
	}
	if _, err := one.Stub(ctx, "another", digest); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another fleet's: %v, want ErrNotFound", err)
	}
}

func TestStubsHaveQuotas(t *testing.T) { onBothEngines(t, stubsHaveQuotas) }

func stubsHaveQuotas(t *testing.T, e engine) {
	s := e.open(t)
	ctx, now := t.Context(), time.Now()
	room := store.StubRoom{Person: 10, All: 15}
	for _, step := range []struct {
		person, data string
		want         error
	}{
		{"dora", "0123456789a", store.ErrStubQuota},
		{"dora", "0123456789", nil},
		{"dora", "x", store.ErrStubQuota},
		{"dora", "0123456789", nil}, // it is there
		{"emil", "012345", store.ErrStubsFull},
		{"emil", "01234", nil},
		{"emil", "x", store.ErrStubsFull},
	} {
		err := s.Do(ctx, s.PutStub(fleet, step.person, []byte(step.data), room, now, new(bool)))
		if !errors.Is(err, step.want) {
			t.Errorf("%s puts %q: %v, want %v", step.person, step.data, err, step.want)
		}
	}
	must(t, s.Do(ctx, s.PutStub("another", "dora", []byte("0123456789"), room, now, new(bool))))
	// Many at once, on several replicas, take no more than there is.
	replicas, stored := e.replicas(t, 3), make([]bool, 60)
	race(replicas, 20, func(s *store.DB, n int) {
		stored[n] = s.Do(ctx, s.PutStub("third", fmt.Sprint(n), fmt.Appendf(nil, "%05d", n), room, now, new(bool))) == nil
	})
	if n := len(slices.DeleteFunc(stored, func(ok bool) bool { return !ok })); n != 3 {
		t.Errorf("%d stubs of 5 bytes in a room of 15", n)
	}
}

// window is for how long what was left stays.
const window = 30 * 24 * time.Hour

// life is what a random history must keep, by digest.
type life struct {
	now time.Time
	put map[string]time.Time
	// left is when the last head that named it was left; named are those of the head in
	// force.
	left  map[string]time.Time
	named map[string]bool
	// ever are those that a head named since a collection forgot that one did.
	ever map[string]bool
}

// keeps says whether a collection leaves a stub.
func (l *life) keeps(digest string) bool {
	since := l.now.Add(-window)
	if l.named[digest] || !l.put[digest].Before(since) || !l.left[digest].Before(since) {
		return true
	}
	return !l.ever[digest] && !l.put[digest].Before(l.now.Add(-6*window))
}

// collected forgets, as a collection does, what was left before the window.
func (l *life) collected() {
	for digest := range l.ever {
		if !l.named[digest] && l.left[digest].Before(l.now.Add(-window)) {
			delete(l.ever, digest)
		}
	}
}

// accept has another head name some stubs.
func (l *life) accept(named map[string]bool) {
	for digest := range l.named {
		if !named[digest] {
			l.left[digest] = l.now
		}
	}
	for digest := range named {
		l.ever[digest] = true
	}
	l.named = named
}

// TestCollectionKeepsWhatTheWindowNames: over random heads, puts and collections, with
// transactions that fail between, what the accepted head or one of the window names is
// never removed, and nothing else is left behind a collection.
func TestCollectionKeepsWhatTheWindowNames(t *testing.T) { onBothEngines(t, collectionKeeps) }

func collectionKeeps(t *testing.T, e engine) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { liveThrough(t, e.replicas(t, 2), fmt.Sprintf("f%d", seed), seed) })
	}
}

func liveThrough(t *testing.T, replicas []*store.DB, fleet string, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 1))
	l := &life{now: time.Now().UTC().Truncate(time.Microsecond), put: map[string]time.Time{},
		left: map[string]time.Time{}, named: map[string]bool{}, ever: map[string]bool{}}
	stubs := map[string][]byte{}
	for i := range 8 {
		data := fmt.Appendf(nil, "stub %d", i)
		stubs[api.StubDigest(data)] = data
	}
	digests := slices.Sorted(maps.Keys(stubs))
	there := map[string]bool{}
	crash := errors.New("the process ends here")
	collected := int64(0)
	for range 200 {
		s := replicas[random.IntN(len(replicas))]
		l.now = l.now.Add(time.Duration(random.Int64N(int64(12 * 24 * time.Hour))))
		ends := random.IntN(4) == 0
		// do writes, or ends before the commit; then nothing of it is there.
		do := func(changes ...store.Change) bool {
			if ends {
				changes = append(changes, failing(crash))
			}
			err := s.Do(t.Context(), changes...)
			if ends != errors.Is(err, crash) || !ends && err != nil {
				t.Fatal(err)
			}
			return !ends
		}
		switch random.IntN(3) {
		case 0:
			digest := digests[random.IntN(len(digests))]
			if do(s.PutStub(fleet, "dora", stubs[digest], wide, l.now, new(bool))) {
				l.put[digest], there[digest] = l.now, true
			}
		case 1:
			named := map[string]bool{}
			for _, digest := range digests {
				if random.IntN(3) == 0 {
					named[digest] = true
				}
			}
			list := slices.DeleteFunc(slices.Clone(digests), func(d string) bool { return !named[d] })
			change := s.NameStubs(fleet, "main", list, l.now)
			if random.IntN(2) == 0 { // a replica that accepted the head before
				var more, less []string
				for _, digest := range digests {
					switch {
					case named[digest] && !l.named[digest]:
						more = append(more, digest)
					case !named[digest] && l.named[digest]:
						less = append(less, digest)
					}
				}
				change = s.ChangeStubs(fleet, "main", more, less, l.now)
			}
			if do(change) {
				l.accept(named)
			}
		case 2:
			n, err := s.CollectStubs(t.Context(), fleet, l.now, window)
			must(t, err)
			collected += n
			for digest := range there {
				there[digest] = there[digest] && l.keeps(digest)
			}
			l.collected()
		}
		for _, digest := range digests {
			_, err := replicas[0].Stub(t.Context(), fleet, digest)
			if got := err == nil; got != there[digest] {
				t.Fatalf("stub %s is there: %v, want %v (named %v, put %v, left %v, now %v)", digest, got, there[digest],
					l.named[digest], l.put[digest], l.left[digest], l.now)
			}
		}
	}
	if collected == 0 {
		t.Error("nothing was ever collected: the history shows nothing")
	}
}

// failing ends a transaction.
func failing(err error) store.Change {
	return func(context.Context, *sql.Tx) error { return err }
}

// BenchmarkAHeadThatNamesStubs is one reference that changed among 5,000.
func BenchmarkAHeadThatNamesStubs(b *testing.B) {
	s := onSQLite(b).open(b)
	all := make([]string, 5000)
	for i := range all {
		all[i] = api.StubDigest(fmt.Append(nil, i))
	}
	must(b, s.Do(b.Context(), s.NameStubs(fleet, "main", all, time.Now())))
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			must(b, s.Do(b.Context(), s.NameStubs(fleet, "main", all, time.Now())))
		}
	})
	b.Run("difference", func(b *testing.B) {
		for b.Loop() {
			must(b, s.Do(b.Context(), s.ChangeStubs(fleet, "main", all[:1], all[:1], time.Now())))
		}
	})
}
