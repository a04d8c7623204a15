package fleetsync

import (
	"strings"
	"testing"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize"
)

// consents is fleet.yaml with consent to revisions.
func (w *world) consents(revisions ...string) string {
	w.Helper()
	return w.commit("consent", map[string]*string{"fleet.yaml": w.consenting(revisions...)})
}

func (w *world) consenting(revisions ...string) *string {
	return w.fleet(func(s *api.FleetSpec) {
		s.Prune = &api.FleetPrune{}
		for _, revision := range revisions {
			s.Prune.Consent = append(s.Prune.Consent, api.PruneConsent{Revision: revision, Reason: "the shops closed"})
		}
	})
}

// TestConsentInGitCoversWhatItsRevisionRemoved: one line for every cluster, and good
// for nothing that is placed again afterwards.
func TestConsentInGitCoversWhatItsRevisionRemoved(t *testing.T) {
	w := newWorld(t)
	w.place("one", several(4)...)
	w.synced()
	w.unplace("app-1", "app-2", "app-3")
	w.refused(v1alpha1.PruneBlockedReason)
	removed := w.snapshots.Load().Head
	w.expect(several(4))

	t.Log("a revision that is not in the history is told, and opens nothing")
	unknown := strings.Repeat("0", 40)
	w.consents(unknown)
	said := w.refused(v1alpha1.PruneBlockedReason)
	if !strings.Contains(conditions.GetMessage(said, meta.ReadyCondition), unknown+", not in the history") {
		t.Errorf("conditions %+v", said.Status.Conditions)
	}
	w.expect(several(4))

	t.Log("the revision that removed them opens")
	w.consents(removed)
	w.synced()
	w.expect([]string{"app-4"}, "app-1", "app-2", "app-3")

	t.Log("the line stays in fleet.yaml, and covers nothing that was placed again")
	w.place("two", several(4)...)
	w.synced()
	w.expect(several(4))
	w.unplace("app-1", "app-2", "app-3")
	w.refused(v1alpha1.PruneBlockedReason)
	w.expect(several(4))
}

// TestConsentInGitEndsForWhatIsPlacedAgainAsItWas: it tells its Delivery nothing new
// but that.
func TestConsentInGitEndsForWhatIsPlacedAgainAsItWas(t *testing.T) {
	w := newWorld(t)
	w.place("one", several(4)...)
	w.synced()
	w.unplace("app-1", "app-2", "app-3")
	w.refused(v1alpha1.PruneBlockedReason)
	removed := w.snapshots.Load().Head
	w.place("one", several(4)...)
	w.synced()
	w.consents(removed)
	w.synced()
	w.expect(several(4))
	w.unplace("app-1", "app-2", "app-3")
	w.refused(v1alpha1.PruneBlockedReason)
	w.expect(several(4))
}

// TestConsentInGitForAClusterThatWasAsleep: it sees the removal and the consent at once.
func TestConsentInGitForAClusterThatWasAsleep(t *testing.T) {
	w := newWorld(t)
	w.place("one", several(4)...)
	w.synced()
	w.consents(w.commit("remove placements", map[string]*string{
		"placements/app-1.yaml": nil, "placements/app-2.yaml": nil, "placements/app-3.yaml": nil,
	}))
	w.synced()
	w.expect([]string{"app-4"}, "app-1", "app-2", "app-3")
}

// TestConsentInGitIsForOneRemoval: a cluster that slept through it, through the return
// and through a second removal guards the second, as those do that were awake.
func TestConsentInGitIsForOneRemoval(t *testing.T) {
	w := newWorld(t)
	w.place("one", several(4)...)
	w.synced()
	removal := map[string]*string{
		"placements/app-1.yaml": nil, "placements/app-2.yaml": nil, "placements/app-3.yaml": nil,
	}
	w.consents(w.commit("remove placements", removal))
	w.place("two", several(4)...)
	second := w.commit("remove them again", removal)
	w.refused(v1alpha1.PruneBlockedReason)
	w.expect(several(4))

	t.Log("its own consent lets it go")
	w.consents(second)
	w.synced()
	w.expect([]string{"app-4"}, "app-1", "app-2", "app-3")
}

// guards is asked of a Delivery app-1 that was told a revision and carries consent to
// another, and from which objects leave.
func (w *world) guards(what, told, typed, until string, guarded int, leave ...kustomize.ObjectID) {
	w.Helper()
	d := &v1alpha1.Delivery{}
	d.Name, d.Spec.Revision = "app-1", "main@sha1:"+told
	d.Annotations = map[string]string{v1alpha1.ConsentAnnotation: "main@sha1:" + typed}
	leaving := view.Leaving{}
	for _, id := range leave {
		leaving[id] = "main@sha1:" + until
	}
	if n, astray := w.snapshots.Load().Consented(w.Context(), d, leaving); n != guarded || astray != nil {
		w.Errorf("%s: %d are guarded, %v; want %d", what, n, astray, guarded)
	}
}

// TestConsentIsForNothingThatAnotherPlacementDropsLater: an object moves, and where it
// moves to never takes it. Consent to the move is none to what is dropped there: neither a
// line in fleet.yaml, nor what was typed.
func TestConsentIsForNothingThatAnotherPlacementDropsLater(t *testing.T) {
	w := newWorld(t)
	till := kustomize.ObjectID{Kind: "ConfigMap", Namespace: "shared", Name: "till"}
	object := new("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: till\n")
	const from, to = "apps/app-1/till.yaml", "apps/app-2/till.yaml"
	w.place("one", "app-1", "app-2")
	for _, app := range []string{"app-1", "app-2"} {
		w.commit("to one namespace", map[string]*string{"placements/" + app + ".yaml": new(
			testfleet.Placement(app, "apps/"+app, "shared", "{clusterName: "+testCluster+"}"))})
	}
	before := w.commit("here", map[string]*string{from: object})
	moved := w.commit("there", map[string]*string{from: nil, to: object})
	w.consents(moved)
	w.synced()
	w.guards("it has moved", moved, moved, before, 1, till)

	dropped := w.commit("nowhere", map[string]*string{to: nil})
	w.synced()
	w.guards("dropped later, after consent to the move", moved, "", before, 1, till)
	w.guards("the same, typed", moved, moved, before, 1, till)
	w.guards("typed when it was dropped", moved, dropped, before, 0, till)
	w.guards("the same, and nobody knows until when", moved, dropped, "", 0, till)
	w.consents(dropped)
	w.synced()
	w.guards("consent to what dropped it", moved, "", before, 0, till)

	w.commit("there again", map[string]*string{to: object})
	w.commit("nowhere again", map[string]*string{to: nil})
	w.synced()
	w.guards("dropped a second time, on a cluster that never took it", moved, dropped, before, 1, till)
}

// TestConsentInGitIsForWhatItsRevisionLeftOut: of a Delivery whose objects leave.
func TestConsentInGitIsForWhatItsRevisionLeftOut(t *testing.T) {
	w := newWorld(t)
	const file = "apps/app-1/till.yaml"
	till := kustomize.ObjectID{Kind: "ConfigMap", Namespace: "app-1", Name: "till"}
	with := new("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: till\n")
	w.place("one", "app-1", "app-2")
	before := w.commit("with", map[string]*string{file: with})
	removal := w.commit("without", map[string]*string{file: nil})
	consent := w.consents(removal)
	w.synced()
	expect := func(what, told, until string, guarded int, ids ...kustomize.ObjectID) {
		t.Helper()
		w.guards(what, told, "", until, guarded, append(ids, till)...)
	}
	expect("told at that revision", removal, before, 0)
	expect("slept through it", consent, before, 0)
	expect("told of nothing since: where it had moved to, that revision dropped it", before, before, 0)
	expect("placed at that revision", consent, removal, 1)
	expect("nobody knows until when", consent, "", 1)
	other := func(app string) kustomize.ObjectID {
		return kustomize.ObjectID{Kind: "ConfigMap", Namespace: app, Name: app}
	}
	expect("that revision placed it", consent, before, 1, other("app-1"))
	expect("that revision gave it to another placement", consent, before, 1, other("app-2"))

	again := w.commit("with", map[string]*string{file: with})
	later := w.commit("without", map[string]*string{file: nil})
	w.synced()
	expect("left out a second time", later, again, 1)
	expect("the same, on a cluster that slept through all", later, before, 1)
	expect("the same, told of no more than the first", consent, before, 1)

	t.Log("the consent comes with another removal: that one is not covered")
	stood := w.commit("with", map[string]*string{file: with})
	third := w.commit("without", map[string]*string{file: nil})
	both := w.commit("consent, and another removal", map[string]*string{
		"fleet.yaml": w.consenting(third), "placements/app-1.yaml": nil,
	})
	w.synced()
	expect("what the next commit dropped", both, stood, 1, other("app-1"))
	w.place("one", "app-1")

	t.Log("a revision without the cluster, or with a file that cannot be read, says nothing of what it left out")
	here := w.clusterFile(w.get(), func(*api.ClusterSpec) {})
	gone := w.commit("no cluster", map[string]*string{"clusters/" + testCluster + ".yaml": nil})
	w.commit("the cluster again", map[string]*string{"clusters/" + testCluster + ".yaml": here})
	broken := w.commit("broken", map[string]*string{"placements/app-3.yaml": new("a: [")})
	w.commit("mended", map[string]*string{"placements/app-3.yaml": nil})
	now := w.consents(gone, broken)
	w.synced()
	expect("not in the fleet, not readable", now, again, 1)
	expect("told there", gone, again, 1)
}

// TestConsentInGitIsForWhatCouldBeRead: placements that a broken revision does not show
// were not removed by it.
func TestConsentInGitIsForWhatCouldBeRead(t *testing.T) {
	w := newWorld(t)
	w.place("one", several(4)...)
	w.synced()
	broken := w.commit("broken", map[string]*string{
		"placements/app-1.yaml": new("a: ["), "placements/app-2.yaml": new("a: ["), "placements/app-3.yaml": new("a: ["),
	})
	w.consents(broken)
	w.unplace("app-1", "app-2", "app-3")
	w.refused(v1alpha1.PruneBlockedReason)
	w.expect(several(4))
}
