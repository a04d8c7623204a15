package fleetsync

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/unseal"
	"github.com/bulla-dev/bulla/sealing"
)

// A pusher puts back a fleet.yaml that the root key once signed. The cluster
// remembers the newest, past a restart and past a FleetSync that was deleted.
func TestAClusterDoesNotTakeAnOldFleetFileBack(t *testing.T) {
	w := newWorld(t)
	w.place("one", several(1)...)
	w.synced()
	old := w.fleet(func(*api.FleetSpec) {})
	w.commit("take a recovery key out", map[string]*string{"fleet.yaml": w.fleet(func(s *api.FleetSpec) { s.Serial = 2 })})
	head := w.synced().Status.Head

	w.commit("put it back", map[string]*string{"fleet.yaml": old})
	obj := w.refused(v1alpha1.FleetRolledBackReason)
	if !conditions.IsStalled(obj) || obj.Status.Head != head {
		t.Errorf("stalled %v at %s, want true at %s", conditions.IsStalled(obj), obj.Status.Head, head)
	}
	w.restart()
	w.refused(v1alpha1.FleetRolledBackReason)
	if err := w.client.Delete(t.Context(), w.get()); err != nil {
		t.Fatal(err)
	}
	w.create(w.fleetSync())
	w.refused(v1alpha1.FleetRolledBackReason)

	w.commit("another one of serial 2", map[string]*string{"fleet.yaml": w.fleet(func(s *api.FleetSpec) {
		s.Serial, s.SealingKeys[0].ID = 2, "2027-01-a"
	})})
	w.refused(v1alpha1.FleetRolledBackReason)
	w.commit("go on", map[string]*string{"fleet.yaml": w.fleet(func(s *api.FleetSpec) { s.Serial = 3 })})
	w.synced()
}

func TestAClusterFollowsASuccessionOfTheRootKeyAndNeverGoesBack(t *testing.T) {
	w := newWorld(t)
	w.synced()
	first, next := w.root, newRoot(t)
	link := first.HandOver(t, 2, next)
	w.root = next
	w.commit("a new root key", map[string]*string{"fleet.yaml": w.fleet(func(s *api.FleetSpec) {
		s.Serial, s.RootSuccession = 2, []string{link}
	})})
	w.synced()
	identity, err := w.loop.Identities.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if identity.RootKey() != first.Key {
		t.Errorf("the pin moved to %s", identity.RootKey())
	}
	w.root = first
	w.commit("the old key signs", map[string]*string{"fleet.yaml": w.fleet(func(s *api.FleetSpec) { s.Serial = 9 })})
	w.restart()
	obj := w.refused(v1alpha1.FleetMismatchReason)
	if message := conditions.GetMessage(obj, meta.ReadyCondition); message == "" {
		t.Error("the refusal says nothing")
	}
}

// keeper is the client that the identity is kept with. Its updates fail, before
// or after they were made, while that is set.
type keeper struct {
	client.Client
	fails, persists atomic.Bool
}

func (k *keeper) Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error {
	if k.fails.Load() {
		return errRollback
	}
	err := k.Client.Update(ctx, obj, opts...)
	if k.persists.Load() {
		return errRollback
	}
	return err
}

func TestAHeadIsNotUsedBeforeItsFleetFileIsRemembered(t *testing.T) {
	w := newWorld(t)
	w.synced()
	w.stop()
	kept := &keeper{}
	w.keep = func(c client.Client) client.Client { kept.Client = c; return kept }
	w.start()
	for i, fault := range []*atomic.Bool{&kept.fails, &kept.persists} {
		serial := int64(i + 2)
		before := w.synced().Status.Head
		w.commit("a newer one", map[string]*string{"fleet.yaml": w.fleet(func(s *api.FleetSpec) { s.Serial = serial })})
		fault.Store(true)
		if obj := w.refused(meta.FailedReason); obj.Status.Head != before || w.snapshots.Load().Revision != before {
			t.Errorf("serial %d: a head is used whose fleet.yaml could not be remembered", serial)
		}
		fault.Store(false)
		if obj := w.synced(); obj.Status.Head == before {
			t.Errorf("serial %d: the head did not move when it could be remembered", serial)
		}
	}
}

// Killed in between, with the remote down: the status has the head before, and its
// fleet.yaml is older than what is remembered. The head that was remembered is restored,
// so that drift heals; one that nobody remembered is not.
func TestAHeadThatWasRememberedAndNotSavedIsRestored(t *testing.T) {
	w := newWorld(t)
	w.place("one", several(1)...)
	w.synced()
	w.stop()
	kept := &keeper{}
	w.keep = func(c client.Client) client.Client { kept.Client = c; return kept }
	w.start()
	before := w.synced().Status.Head
	newer := w.commit("a newer one", map[string]*string{
		"fleet.yaml": w.fleet(func(s *api.FleetSpec) { s.Serial = 2 }),
	})
	kept.persists.Store(true)
	w.refused(meta.FailedReason)
	w.stop()
	kept.persists.Store(false)
	w.server.Refuse(503)
	w.start()
	if obj := w.refused(v1alpha1.GitOperationFailedReason); obj.Status.Head != before {
		t.Fatalf("the status moved to %s: this shows nothing", obj.Status.Head)
	}
	if s := w.snapshots.Load(); s == nil || s.Head != newer || len(s.Resolution.Placed) != 1 {
		t.Errorf("stands %+v, want head %s", s, newer)
	}
	w.server.Heal()
	if obj := w.synced(); hashOf(obj.Status.Head) != newer {
		t.Errorf("head is %s, want %s", obj.Status.Head, newer)
	}
}

var errRollback = errors.New("injected fault")

// One push brings a newer fleet.yaml and a file of this cluster with the keys of
// somebody else. It is refused, and may leave the branch again as it came.
func TestAHeadThatIsRefusedForItsClusterFileLeavesNothingBehind(t *testing.T) {
	w := newWorld(t)
	w.place("one", several(1)...)
	obj := w.synced()
	old, own := w.fleet(func(*api.FleetSpec) {}), w.clusterFile(obj, func(*api.ClusterSpec) {})
	w.commit("both at once", map[string]*string{
		"fleet.yaml": w.fleet(func(s *api.FleetSpec) { s.Serial = 2 }),
		ownFile:      w.clusterFile(obj, func(s *api.ClusterSpec) { s.Identity = "sha256:" + strings.Repeat("0", 64) }),
	})
	w.refused(v1alpha1.RecipientMismatchReason)
	if serial := w.known().Serial; serial != 1 {
		t.Errorf("serial %d of a refused head is remembered", serial)
	}
	w.commit("take it back", map[string]*string{"fleet.yaml": old, ownFile: own})
	w.synced()
}

// The Secret came from a backup and the disk is new: only the status knows the head.
func TestTheFleetFileOfAHeadThatWasAcceptedIsRememberedAgain(t *testing.T) {
	w := newWorld(t)
	w.place("one", several(1)...)
	w.synced()
	old := w.fleet(func(*api.FleetSpec) {})
	w.commit("a newer one", map[string]*string{"fleet.yaml": w.fleet(func(s *api.FleetSpec) { s.Serial = 2 })})
	w.synced()
	w.stop()
	identities := &unseal.Identities{Client: w.client, Namespace: w.namespace}
	identity, err := identities.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := identities.Put(t.Context(), identity.Knowing(sealing.Known{}, "")); err != nil {
		t.Fatal(err)
	}
	w.storage = t.TempDir()
	w.start()
	w.synced()
	w.commit("put the old one back", map[string]*string{"fleet.yaml": old})
	w.refused(v1alpha1.FleetRolledBackReason)
}

func (w *world) known() sealing.Known {
	w.Helper()
	identity, err := w.loop.Identities.Get(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	return identity.Known()
}
