package kustomize

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/kustomize/internal/kept"
)

// TestSlowBuildsHoldNobodyUp: as many as there may be, and nobody's place is taken
// for longer than a fast build has it.
func TestSlowBuildsHoldNobodyUp(t *testing.T) {
	l := newLanes(2, 20*time.Millisecond)
	release := make(chan struct{})
	var crowded, late atomic.Int64
	ended := make(chan struct{}, 10)
	for n := range 5 {
		go func() {
			l.run(fmt.Sprint("slow-", n), nil, func() { late.Add(1) }, func(ctx context.Context) {
				select {
				case <-release:
				case <-ctx.Done():
					if errors.Is(context.Cause(ctx), errCrowded) {
						crowded.Add(1)
					}
				}
			})
			ended <- struct{}{}
		}()
	}
	for range 4 { // all but the one that has the slow place are given up
		<-ended
	}
	l.after = time.Hour // what is fast is not on a busy machine
	done := make(chan struct{})
	go l.run("fast", nil, func() { t.Error("the fast build is late") }, func(context.Context) { close(done) })
	<-done
	if crowded.Load() != 4 || late.Load() != 5 {
		t.Errorf("%d given up and %d late, want 4 and 5", crowded.Load(), late.Load())
	}
	waits := make(chan struct{})
	go l.run("slow-0", nil, func() { close(waits) }, func(context.Context) { ended <- struct{}{} })
	<-waits // it is late before it begins: nobody waits, and it takes no fast place
	close(release)
	<-ended
	<-ended
}

// TestOneSlowBuildIsNotWaitedFor: what others have is resolved without it; what it
// may claim is not decided, and nothing of it may be deleted; it is there when it is
// done, without a second build.
func TestOneSlowBuildIsNotWaitedFor(t *testing.T) {
	tr, m := load(t, testfleet.Two().With(testfleet.Files{
		"placements/slow.yaml":  placementFor("slow", "shared"),
		"placements/other.yaml": placementFor("other", "other"),
		"placements/near.yaml":  placementFor("near", "shared"),
		"apps/slow/a.yaml":      testfleet.ConfigMap("slow"), "apps/other/a.yaml": testfleet.ConfigMap("other"),
		"apps/near/a.yaml": testfleet.ConfigMap("near"),
	}))
	b := NewBuilder(BuilderOptions{SlowAfter: unhurried})
	b.lanes.late["slow"] = true
	b.lanes.slow <- struct{}{} // somebody else's build is slower still
	r := b.ResolveSoon(t.Context(), tr, m, "one")
	if got := r.Building(); len(got) != 1 || got[0] != "slow" || !errors.Is(r.Placed["slow"].Err, ErrBuilding) {
		t.Fatalf("being built: %v, %v", got, r.Placed["slow"].Err)
	}
	for name, undecided := range map[string]bool{"near": true, "other": false} {
		id := r.Placed[name].Build.Objects[0].ID()
		if got := r.Undecided(id); got != undecided {
			t.Errorf("an object of %s is undecided: %v", name, got)
		}
	}
	if ok, _ := r.MayDelete(ObjectID{Kind: "ConfigMap", Namespace: "shared", Name: "old"}); ok {
		t.Error("an object may be deleted that the slow build may have")
	}
	<-b.lanes.slow
	if r := b.Resolve(t.Context(), tr, m, "one"); len(r.Failing()) != 0 {
		t.Errorf("after it was waited for: %v", r.Failing())
	}
	if got := b.Processes(); got != 5 {
		t.Errorf("%d builds, want 5", got)
	}
}

// TestACrowdedBuildIsOnlyPutOff: who keeps the slow place busy makes nobody's
// build fail. It is under way for those who do not wait, and done for who does.
func TestACrowdedBuildIsOnlyPutOff(t *testing.T) {
	tr, m := load(t,
		testfleet.Two().With(testfleet.Files{"placements/honest.yaml": placementFor("honest", "honest"),
			"apps/honest/a.yaml": testfleet.ConfigMap("a")}))
	b := NewBuilder(BuilderOptions{})
	b.lanes.after = time.Millisecond
	b.lanes.slow <- struct{}{} // somebody else's build
	key, err := kept.KeyOf(m.Placements["honest"])
	must(t, err)
	crowded := b.begin(tr, m.Placements["honest"], key)
	<-crowded.done
	if !errors.Is(crowded.err, errCrowded) || !errors.Is(crowded.err, ErrBuilding) {
		t.Fatalf("it is said to have failed: %v", crowded.err)
	}
	b.lanes.setLate("honest", false) // so that it is crowded out once more
	built := make(chan error, 1)
	go func() {
		_, err := b.Build(t.Context(), tr, m.Placements["honest"])
		built <- err
	}()
	wait.Until(t, "it is crowded out", func() bool { return b.lanes.isLate("honest") })
	<-b.lanes.slow
	if err := wait.Receive(t, "the build", built); err != nil {
		t.Errorf("it was not tried again: %v", err)
	}
}

// TestHeadsThatArePastTakeNoPlace: one push after the other of a slow folder waits
// once, and not once for each.
func TestHeadsThatArePastTakeNoPlace(t *testing.T) {
	b := NewBuilder(BuilderOptions{})
	b.lanes.late["slow"] = true
	b.lanes.slow <- struct{}{} // somebody else's build
	var flights []*flight
	for n := range 5 {
		tr, m := load(t,
			testfleet.Two().With(testfleet.Files{"placements/slow.yaml": placementFor("slow", "slow"),
				"apps/slow/a.yaml": testfleet.ConfigMap(fmt.Sprint("a", n))}))
		if _, err := b.soon(t.Context(), tr, m.Placements["slow"]); !errors.Is(err, ErrBuilding) {
			t.Fatal(err)
		}
		b.mu.Lock()
		for _, f := range b.flights {
			if !slices.Contains(flights, f) {
				flights = append(flights, f)
			}
		}
		b.mu.Unlock()
	}
	for _, past := range flights[:len(flights)-1] {
		<-past.done
		if !errors.Is(past.err, ErrBuilding) || past.build != nil {
			t.Errorf("a head that is past was built: %v", past.err)
		}
	}
	<-b.lanes.slow
	last := flights[len(flights)-1]
	<-last.done
	if len(flights) != 5 || last.err != nil {
		t.Errorf("of %d, the newest is not built: %v", len(flights), last.err)
	}
	if got := b.Processes(); got != 1 {
		t.Errorf("%d builds, want 1", got)
	}
}

// TestABuildThatRanOutOfTimeBacksOff: the same input is tried later each time,
// another one at once.
func TestABuildThatRanOutOfTimeBacksOff(t *testing.T) {
	last := time.Duration(0)
	for tries := 1; tries < 100; tries++ {
		next := backOff(tries)
		if next < last || next > temporaryMost || tries < 4 && next != temporaryFor<<(tries-1) {
			t.Fatalf("try %d comes after %s, the one before after %s", tries, next, last)
		}
		last = next
	}
	slow := testfleet.Files{"placements/slow.yaml": placementFor("slow", "slow"),
		"apps/slow/a.yaml": testfleet.ConfigMap("a")}
	tr, m := load(t, testfleet.Two().With(slow))
	key, err := kept.KeyOf(m.Placements["slow"])
	must(t, err)
	b := NewBuilder(BuilderOptions{})
	if _, err := b.Build(t.Context(), tr, m.Placements["slow"]); err != nil {
		t.Fatal(err)
	}
	result, _ := b.cache.Get(key, tr)
	result.Tries, result.Until = 3, time.Now().Add(time.Hour)
	elsewhere, _ := load(t, testfleet.Two().With(slow).With(testfleet.Files{"docs/x": "x"}))
	touched, _ := load(t, testfleet.Two().With(slow).With(testfleet.Files{"apps/slow/a.yaml": testfleet.ConfigMap("b")}))
	if _, ok := b.cache.Get(key, elsewhere); !ok || b.cache.Tries(key, elsewhere) != 3 {
		t.Error("a push of something else tries it again, or forgets how often it was tried")
	}
	if _, ok := b.cache.Get(key, touched); ok || b.cache.Tries(key, touched) != 0 {
		t.Error("a push of its input does not try it at once")
	}
	result.Until = time.Now().Add(-time.Second)
	if _, ok := b.cache.Get(key, tr); ok || b.cache.Tries(key, tr) != 3 {
		t.Error("after its time it is not tried again, or as if for the first time")
	}
}

func placementFor(name, namespace string) string {
	return testfleet.Placement(name, "apps/"+name, namespace, "{clusterName: one}")
}
