package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/keyservice/store"
)

func TestADenialCountsOnEveryReplicaAtOnce(t *testing.T) {
	onBothEngines(t, denialCountsOnEveryReplica)
}

func denialCountsOnEveryReplica(t *testing.T, e engine) {
	replicas := e.replicas(t, 2)
	one, other := replicas[0], replicas[1]
	ctx := t.Context()
	now := time.Now().UTC().Truncate(time.Microsecond)
	if err := one.Do(ctx, one.AddHead(store.Head{Fleet: fleet, Ref: "main", Hash: "a1", Accepted: now})); err != nil {
		t.Fatal(err)
	}
	denials, before, err := other.Denials(ctx, fleet, now)
	if err != nil || len(denials) != 0 || before != 0 {
		t.Fatalf("an empty list: %v, %d, %v", denials, before, err)
	}
	denial := store.Denial{Fleet: fleet, Cluster: "prod-eu", Placement: "payments", Digest: "sha256:d1",
		Payloads: []string{"p1", "p2"},
		Reason:   "stolen", Person: "olga", Since: now, Until: now.Add(time.Hour)}
	if err := one.Do(ctx, one.AddDenial(denial, &denial.ID)); err != nil || denial.ID == 0 {
		t.Fatalf("deny: %v, id %d", err, denial.ID)
	}
	if err := other.Do(ctx, other.Decided(fleet, "main", "a1", before)); !errors.Is(err, store.ErrDenied) {
		t.Fatalf("what was decided before the denial: %v, want ErrDenied", err)
	}
	denials, number, err := other.Denials(ctx, fleet, now)
	if diff := cmp.Diff([]store.Denial{denial}, denials); err != nil || diff != "" {
		t.Fatalf("%v (-want +got):\n%s", err, diff)
	}
	if err := other.Do(ctx, other.Decided(fleet, "main", "a1", number)); err != nil {
		t.Fatalf("what was decided after it: %v", err)
	}
	if err := other.Do(ctx, other.Decided(fleet, "main", "b2", number)); !errors.Is(err, store.ErrHeadMoved) {
		t.Fatalf("at another head: %v, want ErrHeadMoved", err)
	}
	if denials, _, err := other.Denials(ctx, "another", now); err != nil || len(denials) != 0 {
		t.Fatalf("another fleet: %v, %v", denials, err)
	}
	if denials, _, err := other.Denials(ctx, fleet, denial.Until); err != nil || len(denials) != 0 {
		t.Fatalf("after its time: %v, %v", denials, err)
	}
	var lifted store.Denial
	if err := other.Do(ctx, other.LiftDenial(fleet, denial.ID, now, &lifted)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(denial, lifted); diff != "" {
		t.Fatalf("lifted (-want +got):\n%s", diff)
	}
	if denials, after, err := one.Denials(ctx, fleet, now); err != nil || len(denials) != 0 || after != number {
		t.Fatalf("after it was lifted: %v, %d, %v", denials, after, err)
	}
	if err := one.Do(ctx, one.LiftDenial(fleet, denial.ID, now, &lifted)); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("a second time: %v, want ErrNotFound", err)
	}
}

func TestTheDenyListIsBounded(t *testing.T) { onBothEngines(t, denyListIsBounded) }

func denyListIsBounded(t *testing.T, e engine) {
	s := e.open(t)
	now := time.Now()
	var id int64
	deny := func(until time.Time) error {
		return s.Do(t.Context(), s.AddDenial(store.Denial{Fleet: fleet, Cluster: "c", Since: now, Until: until}, &id))
	}
	changes := make([]store.Change, store.MaxDenials)
	for i := range changes {
		changes[i] = s.AddDenial(store.Denial{Fleet: fleet, Cluster: "c", Since: now, Until: now.Add(time.Hour)}, &id)
	}
	if err := s.Do(t.Context(), changes...); err != nil {
		t.Fatal(err)
	}
	if err := deny(now.Add(time.Hour)); !errors.Is(err, store.ErrDenialsFull) {
		t.Fatalf("one more: %v, want ErrDenialsFull", err)
	}
	var lifted store.Denial
	if err := s.Do(t.Context(), s.LiftDenial(fleet, id, now, &lifted)); err != nil {
		t.Fatal(err)
	}
	if err := deny(now.Add(time.Hour)); err != nil {
		t.Fatalf("after one was lifted: %v", err)
	}
}
