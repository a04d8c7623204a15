package turnstile

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/fixtures/wait"
)

// TestSlotsGoRound: one caller has many blocks waiting when another comes with
// few. The slots are given by hand, so the order is exact.
func TestSlotsGoRound(t *testing.T) {
	slots := NewTurns(1)
	if err := slots.Acquire(t.Context(), "first"); err != nil {
		t.Fatal(err)
	}
	got := make(chan string)
	line := func(caller string) {
		lined := func() int {
			slots.mu.Lock()
			defer slots.mu.Unlock()
			return len(slots.waiting[caller])
		}
		before := lined()
		go func() {
			if slots.Acquire(context.Background(), caller) == nil {
				got <- caller
			}
		}()
		wait.Until(t, "it stands in line", func() bool { return lined() != before })
	}
	for range 4 {
		line("greedy")
	}
	line("modest")
	line("other")
	line("modest")
	var order []string
	for range 7 {
		slots.Release()
		order = append(order, <-got)
	}
	if diff := cmp.Diff([]string{"greedy", "modest", "other", "greedy", "modest", "greedy", "greedy"}, order); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	slots.Release()
	if slots.free != 1 || len(slots.waiting) != 0 || len(slots.order) != 0 {
		t.Errorf("left over: %d free, %v, %v", slots.free, slots.waiting, slots.order)
	}
}

func TestWhoLeavesTheLineLosesNoSlot(t *testing.T) {
	slots := NewTurns(1)
	if err := slots.Acquire(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() { left <- slots.Acquire(gone, "b") }()
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	slots.Release()
	if err := slots.Acquire(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	slots.Release()
	if slots.free != 1 {
		t.Errorf("%d slots of 1", slots.free)
	}
}

func TestATurnIsGivenOncePerCaller(t *testing.T) {
	g, now := NewGate(1, time.Minute), time.Now()
	g.every = time.Second
	l := NewLimiter(Limits{}.WithDefaults())
	first := g.turn(l.Clusters.Get("a"), now)
	for range 100 {
		if again := g.turn(l.Clusters.Get("a"), now); again != first {
			t.Fatalf("asking again moves the turn from %s to %s", first, again)
		}
	}
	second := g.turn(l.Clusters.Get("b"), now)
	if want := first + time.Duration(eager*float64(time.Second)); second != want {
		t.Errorf("the next caller comes back in %s, want %s", second, want)
	}
	for caller := range 1000 {
		if back := g.turn(l.Clusters.Get(string(rune(caller+1000))), now); back > MaxRetryAfter {
			t.Fatalf("told to come back in %s", back)
		}
	}
}

// TestAStallSendsNobodyAwayForLongerThanItLasts: the token hangs for a minute while
// requests wait, and everything is slow for a while after it.
func TestAStallSendsNobodyAwayForLongerThanItLasts(t *testing.T) {
	g, now := NewGate(1, time.Minute), time.Now()
	g.waiting <- struct{}{}
	for range 50 {
		now = now.Add(time.Minute)
		g.pace(now)
	}
	l := NewLimiter(Limits{}.WithDefaults())
	var back time.Duration
	for caller := range 100 {
		back = g.turn(l.Clusters.Get(string(rune(caller+1000))), now)
	}
	if back > 10*time.Second {
		t.Errorf("the hundredth caller is told to come back in %s", back)
	}
}

func TestQuotasAreBoundedAndForgetTheOneNotSeenForLongest(t *testing.T) {
	made := 0
	q := newQuotas(func() *Quota { made++; return &Quota{} })
	for i := range maxQuotas {
		q.Get(string(rune(i)) + "x")
	}
	q.Get(string(rune(0)) + "x") // seen
	q.Get("one more")
	if q.of.Len() != maxQuotas || made != maxQuotas+1 {
		t.Errorf("%d kept, %d made", q.of.Len(), made)
	}
	q.Get(string(rune(0)) + "x")
	if made != maxQuotas+1 {
		t.Error("the caller seen of late was forgotten")
	}
	q.Get(string(rune(1)) + "x")
	if made != maxQuotas+2 {
		t.Error("the caller not seen for longest was kept")
	}
}

func TestAnAddressIsWhereTheConnectionComesFrom(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.7:4711": "192.0.2.7", "[2001:db8:1:2:3:4:5:6]:4711": "2001:db8:1:2::/64",
		"[2001:db8:1:2::1]:80": "2001:db8:1:2::/64", "[fe80::1%eth0]:80": "fe80::/64", "@": "@",
	} {
		if got := SourceOf(remote); got != want {
			t.Errorf("%s: %s, want %s", remote, got, want)
		}
	}
}
