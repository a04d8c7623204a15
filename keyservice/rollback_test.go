package keyservice_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

// signFleet is fleet.yaml as the key signs it after change.
func (w *world) signFleet(root *testfleet.Root, change func(*api.FleetSpec)) string {
	w.t.Helper()
	spec := root.Spec(w.serial)
	change(&spec)
	return root.File(w.t, &spec)
}

// refused pushes fleet.yaml and wants it refused with that reason, at the head
// that stood.
func (f *fixture) refused(what, fleet, reason string) {
	f.t.Helper()
	tip := f.commit(map[string]string{"fleet.yaml": fleet})
	if answers, _ := f.eu.unseal(tip, f.digest); answers.Head != f.head {
		f.t.Errorf("%s: decided at %s, want %s", what, answers.Head, f.head)
	}
	if ready := f.get("/readyz"); !strings.Contains(ready, reason) {
		f.t.Errorf("%s: readiness says\n%s", what, ready)
	}
}

// restart stops the service and starts another on the same store and mirror.
func (f *fixture) restart() {
	f.t.Helper()
	f.stop()
	f.start(2)
	f.eu.client, f.us.client = f.eu.dial(), f.us.dial()
}

// A pusher puts back a fleet.yaml that the root key once signed: a retired key
// would open again, a recovery recipient that was taken out would read on.
func TestAnOldFleetFileIsNotPutBack(t *testing.T) {
	t.Parallel() // it waits more than it computes
	f := newFixture(t)
	f.settle(f.head)
	old := f.fleetFile(f.made.Key)
	f.head = f.commit(map[string]string{"fleet.yaml": old})
	f.settle(f.head)
	f.head = f.commit(map[string]string{"fleet.yaml": f.fleetFile(f.made.Key)})
	f.settle(f.head)
	f.refused("an older one", old, v1alpha1.FleetRolledBackReason)

	// Whoever restarts the service does not make it forget.
	f.restart()
	f.refused("an older one after a restart", old+"# again\n", v1alpha1.FleetRolledBackReason)

	f.serial--
	another := f.made.Key
	another.ID = "2026-12-a"
	f.refused("another one of the same serial", f.fleetFile(another), v1alpha1.FleetRolledBackReason)

	next := f.commit(map[string]string{"fleet.yaml": f.fleetFile(f.made.Key)})
	if answers, result := f.eu.unseal(next, f.digest); answers.Head != next || !result.Granted() {
		t.Errorf("a newer one: %v at %s", result.Refusal, answers.Head)
	}
}

// Who has the old root key signs whatever they like once it was succeeded.
func TestARootKeyThatWasSucceededSignsNoFleet(t *testing.T) {
	t.Parallel() // it waits more than it computes
	f := newFixture(t)
	f.settle(f.head)
	next, mine := f.rootOf(softRoot(t)), f.rootOf(softRoot(t))
	old := f.root()
	f.serial++
	f.head = f.commit(map[string]string{"fleet.yaml": f.signFleet(next, func(s *api.FleetSpec) {
		s.RootSuccession = []string{old.HandOver(t, s.Serial, next)}
	})})
	if answers, result := f.eu.unseal(f.head, f.digest); answers.Head != f.head || !result.Granted() {
		t.Fatalf("under the new root key: %v at %s, want %s", result.Refusal, answers.Head, f.head)
	}
	f.restart()
	f.refused("the old key alone", f.fleetFile(f.made.Key), v1alpha1.FleetMismatchReason)
	f.refused("the old key with a successor of its own", f.signFleet(mine, func(s *api.FleetSpec) {
		s.Serial += 5
		s.RootSuccession = []string{old.HandOver(t, s.Serial, mine)}
	}), v1alpha1.FleetMismatchReason)
}

func softRoot(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
