package fleetsync

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
)

// What a lost HSM comes to in a cluster: the key service has another authority,
// and fleet.yaml another root key. A new join token pins both; the cluster's own
// keys, and so its file in Git, are the ones they were.
func TestANewJoinTokenPinsAnewAndKeepsTheClustersKeys(t *testing.T) {
	w := newWorld(t)
	w.place("1", "shop")
	before := w.synced()
	built, joined := w.built(), w.enrolled.Load()

	w.root = newRoot(t)
	w.ca = newAuthorityForTest(t)
	w.commit("the fleet under another root key", map[string]*string{"fleet.yaml": w.fleet(func(*api.FleetSpec) {})})
	w.refused(v1alpha1.FleetMismatchReason)
	if diff := cmp.Diff(built, w.built()); diff != "" {
		t.Errorf("what stands was touched:\n%s", diff)
	}

	// A token that cannot be used yet: what the cluster has goes on.
	next := w.token(testCluster)
	next.Secret = "of the new key service"
	w.noService.Store(true)
	w.setToken(next.String())
	w.refused(v1alpha1.FleetMismatchReason)
	w.expect([]string{"shop"})

	w.noService.Store(false)
	after := w.synced()
	if after.Status.Identity != before.Status.Identity || after.Status.Recipient != before.Status.Recipient {
		t.Error("the cluster has other keys: its file in Git is no longer its own")
	}
	if diff := cmp.Diff(built, w.built()); diff != "" {
		t.Errorf("what stands was built anew:\n%s", diff)
	}
	w.restart()
	w.synced()
	w.synced()
	if n := w.enrolled.Load() - joined; n != 1 {
		t.Errorf("it enrolled %d times with the new token, want once", n)
	}
}

func TestAJoinTokenOfAnotherFleetOrClusterChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.synced()
	joined := w.enrolled.Load()
	elsewhere := w.token(testCluster)
	elsewhere.Fleet = "00000000000000000000000000000001"
	for _, text := range []string{elsewhere.String(), w.token("prod-us").String(), "bulla1_nonsense", ""} {
		w.setToken(text)
		w.synced()
	}
	if n := w.enrolled.Load() - joined; n != 0 {
		t.Errorf("it enrolled %d times", n)
	}
}

// built is what each Delivery was told to build, and its identity.
func (w *world) built() map[string]string {
	out := map[string]string{}
	for name, d := range w.deliveries() {
		out[name] = string(d.UID) + " " + d.Spec.BuildDigest
	}
	return out
}
