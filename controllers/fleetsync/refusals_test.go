package fleetsync

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/unseal"
)

// ownFile is this cluster's file in the repository.
const ownFile = "clusters/" + testCluster + ".yaml"

// badRepository is one way in which a repository is bad.
type badRepository struct {
	name string
	// spoil makes it bad; mend undoes that and places app-1 anew.
	spoil func(w *world)
	mend  func(w *world)
	// reason of Ready, whether Stalled, and what its message must name.
	reason  string
	stalled bool
	names   string
	// moves: the bad head is accepted as head all the same.
	moves bool
}

// badClusterFiles is what may be wrong with this cluster's own file.
var badClusterFiles = []badRepository{
	{
		name:   "own cluster file gone",
		spoil:  func(w *world) { w.commit("drop", map[string]*string{ownFile: nil}) },
		mend:   func(w *world) { w.revert() },
		reason: v1alpha1.NotInFleetReason, names: testCluster, moves: true,
	},
	{
		name:   "own cluster file gone with its placements",
		spoil:  func(w *world) { w.unplace(several(3)...); w.commit("drop", map[string]*string{ownFile: nil}) },
		mend:   func(w *world) { w.revert(); w.place("one", several(3)...) },
		reason: v1alpha1.NotInFleetReason, names: testCluster, moves: true,
	},
	{
		name:   "cluster suspended while a placement leaves",
		spoil:  func(w *world) { w.setCluster(func(s *api.ClusterSpec) { s.Suspend = true }); w.unplace("app-3") },
		mend:   func(w *world) { w.setCluster(func(*api.ClusterSpec) {}); w.place("one", several(3)...) },
		reason: v1alpha1.NotInFleetReason, names: ownFile, moves: true,
	},
	{
		name:   "own cluster file unreadable",
		spoil:  func(w *world) { w.commit("break", map[string]*string{ownFile: new("kind: [\n")}) },
		mend:   func(w *world) { w.revert() },
		reason: v1alpha1.NotInFleetReason, names: ownFile, moves: true,
	},
	{
		name: "another identity in the own cluster file",
		spoil: func(w *world) {
			w.setCluster(func(s *api.ClusterSpec) { s.Identity = "sha256:" + strings.Repeat("0", 64) })
		},
		mend:   func(w *world) { w.revert() },
		reason: v1alpha1.RecipientMismatchReason, stalled: true, names: "spec.identity",
	},
	{
		name: "another recipient in the own cluster file, with decommission",
		spoil: func(w *world) {
			other, err := unseal.NewIdentity()
			if err != nil {
				w.Fatal(err)
			}
			w.setCluster(func(s *api.ClusterSpec) { s.Recipient, s.Decommission = other.Recipient(), true })
		},
		mend:   func(w *world) { w.revert() },
		reason: v1alpha1.RecipientMismatchReason, stalled: true, names: "spec.recipient",
	},
}

// badFleetFiles is what may be wrong with fleet.yaml.
var badFleetFiles = []badRepository{
	{
		name: "a fleet signed by another root key",
		spoil: func(w *world) {
			own := w.root
			w.root = newRoot(w.T)
			w.commit("forge", map[string]*string{"fleet.yaml": w.fleet(func(*api.FleetSpec) {})})
			w.root = own
		},
		mend:   func(w *world) { w.revert() },
		reason: v1alpha1.FleetMismatchReason, stalled: true, names: "root key",
	},
	{
		name: "another fleet, rightly signed",
		spoil: func(w *world) {
			w.commit("swap", map[string]*string{"fleet.yaml": w.fleet(func(s *api.FleetSpec) { s.ID = strings.Repeat("ab", 16) })})
		},
		mend:   func(w *world) { w.revert() },
		reason: v1alpha1.FleetMismatchReason, stalled: true, names: testFleet,
	},
	{
		name:   "fleet.yaml unreadable",
		spoil:  func(w *world) { w.commit("break", map[string]*string{"fleet.yaml": new("apiVersion: nonsense\n")}) },
		mend:   func(w *world) { w.revert() },
		reason: v1alpha1.InvalidFleetReason, stalled: true, names: "fleet.yaml",
	},
	{
		name: "empty tree",
		spoil: func(w *world) {
			w.commit("empty", map[string]*string{"fleet.yaml": nil, "clusters": nil, "placements": nil, "apps": nil})
		},
		mend:   func(w *world) { w.revert() },
		reason: v1alpha1.InvalidFleetReason, stalled: true, names: "fleet.yaml",
	},
}

// badHistories is what may be done to the branch.
var badHistories = []badRepository{
	{
		name: "history rewritten",
		spoil: func(w *world) {
			if _, err := w.repo.Rewrite("start over"); err != nil {
				w.Fatal(err)
			}
		},
		mend:   func(w *world) { w.reset() },
		reason: v1alpha1.HistoryRewrittenReason, stalled: true, names: v1alpha1.AcceptRewriteAnnotation,
	},
	{
		name: "branch set back to an older commit",
		spoil: func(w *world) {
			if err := w.repo.ForcePush(w.good + "~1"); err != nil {
				w.Fatal(err)
			}
		},
		mend:   func(w *world) { w.reset() },
		reason: v1alpha1.HistoryRewrittenReason, stalled: true,
	},
	{
		name: "branch deleted",
		spoil: func(w *world) {
			if err := w.repo.DeleteBranch("main"); err != nil {
				w.Fatal(err)
			}
		},
		mend:   func(w *world) { w.reset() },
		reason: v1alpha1.GitOperationFailedReason, stalled: true, names: "main",
	},
}

// badRemotes is what the remote may do.
var badRemotes = []badRepository{
	{
		name:   "remote refuses the credentials",
		spoil:  func(w *world) { w.server.Refuse(401) },
		mend:   func(w *world) { w.server.Heal() },
		reason: v1alpha1.GitOperationFailedReason, stalled: true,
	},
	{
		name:   "remote drops the connection",
		spoil:  func(w *world) { w.server.Drop(10) },
		mend:   func(w *world) { w.server.Heal() },
		reason: v1alpha1.GitOperationFailedReason,
	},
	{
		name:   "remote hangs",
		spoil:  func(w *world) { w.patience(2 * time.Second); w.server.Hang() },
		mend:   func(w *world) { w.server.Heal(); w.patience(time.Minute) },
		reason: v1alpha1.GitOperationFailedReason, names: "does not answer within 2s",
	},
}

// badPlacements is what may be wrong with placements.
var badPlacements = []badRepository{
	{
		name: "placement file unreadable",
		spoil: func(w *world) {
			w.commit("break", map[string]*string{"placements/app-2.yaml": new("kind: Placement\nbogus: 1\n")})
		},
		mend:   func(w *world) { w.revert() },
		reason: v1alpha1.InvalidFleetReason, stalled: true, names: "placements/app-2.yaml", moves: true,
	},
	{
		name: "placement unreadable while another leaves",
		spoil: func(w *world) {
			w.commit("break", map[string]*string{"placements/app-2.yaml": new("kind: Placement\nbogus: 1\n"), "placements/app-3.yaml": nil})
		},
		mend:   func(w *world) { w.revert() },
		reason: v1alpha1.InvalidFleetReason, stalled: true, names: "placements/app-2.yaml", moves: true,
	},
	{
		name:   "folder of a placement gone",
		spoil:  func(w *world) { w.commit("break", map[string]*string{"apps/app-2": nil}) },
		mend:   func(w *world) { w.revert() },
		reason: meta.BuildFailedReason, names: "app-2", moves: true,
	},
	{
		name:   "every placement leaves in one revision",
		spoil:  func(w *world) { w.unplace("app-1", "app-2", "app-3") },
		mend:   func(w *world) { w.revert() },
		reason: v1alpha1.PruneBlockedReason, stalled: true, names: "app-1, app-2, app-3", moves: true,
	},
}

// TestABadRepositoryChangesNothing starts each case from three Deliveries and a
// healthy repository, makes one thing bad, and expects no object to be written;
// then it is mended and the loop goes on.
func TestABadRepositoryChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.place("one", several(3)...)
	for _, bad := range slices.Concat(badClusterFiles, badFleetFiles, badHistories, badRemotes, badPlacements) {
		t.Run(bad.name, func(t *testing.T) {
			w.T = t
			bad.changesNothing(w)
		})
	}
}

func (test badRepository) changesNothing(w *world) {
	w.Helper()
	good := w.synced()
	w.good = hashOf(good.Status.Head)
	w.expect(several(3))
	before := w.dump()

	test.spoil(w)
	bad := w.refused(test.reason)
	if got := conditions.IsStalled(bad); got != test.stalled {
		w.Errorf("stalled is %v, want %v: %v", got, test.stalled, bad.Status.Conditions)
	}
	message := conditions.GetMessage(bad, meta.ReadyCondition)
	if !strings.Contains(message, test.names) {
		w.Errorf("message does not name %q: %s", test.names, message)
	}
	if moved := bad.Status.Head != good.Status.Head; moved != test.moves {
		w.Errorf("head moved: %v, want %v", moved, test.moves)
	}
	w.sync()
	if diff := cmp.Diff(before, w.dump()); diff != "" {
		w.Errorf("the cluster was written to (-before +after):\n%s", diff)
	}
	test.mend(w)
	w.synced()
	w.expect(several(3))
}

// dump is every object of the world with its resource version, whatever its
// kind, but the FleetSync, whose status says what is wrong. Other tests' worlds
// stand in the same cluster, and may still be going.
func (w *world) dump() map[string]string {
	w.Helper()
	dump, err := w.cluster.Dump(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	maps.DeleteFunc(dump, func(key, _ string) bool { return !strings.Contains(key, "/"+w.namespace+"/") })
	fleetSync := fmt.Sprintf("%s/fleetsyncs/%s/fleet", v1alpha1.GroupVersion, w.namespace)
	if dump[fleetSync] == "" || len(dump) < 5 {
		w.Fatalf("the dump lacks what must be there: %v", dump)
	}
	delete(dump, fleetSync)
	return dump
}

// patience sets how long the FleetSync waits for Git.
func (w *world) patience(d time.Duration) {
	w.Helper()
	obj := w.get()
	next := obj.DeepCopy()
	next.Spec.Timeout = &metav1.Duration{Duration: d}
	if err := w.client.Patch(w.Context(), next, client.MergeFrom(obj)); err != nil {
		w.Fatal(err)
	}
}

// revert commits the tree of the last good head again.
func (w *world) revert() {
	w.Helper()
	for _, folder := range []string{"fleet.yaml", "clusters", "placements", "apps"} {
		if err := w.git("checkout", w.good, "--", folder); err != nil {
			w.Fatal(err)
		}
	}
	if _, err := w.repo.CommitAll("mend"); err != nil {
		w.Fatal(err)
	}
}

// reset moves the branch back to the last good head.
func (w *world) reset() {
	w.Helper()
	if err := w.repo.ForcePush(w.good); err != nil {
		w.Fatal(err)
	}
}

func (w *world) setCluster(change func(*api.ClusterSpec)) {
	w.Helper()
	w.commit("change the cluster", map[string]*string{ownFile: w.clusterFile(w.get(), change)})
}

func TestALostMirrorDoesNotLoseTheLine(t *testing.T) {
	w := newWorld(t)
	w.place("one", several(2)...)
	w.synced()
	w.stop()
	w.storage = t.TempDir()
	if _, err := w.repo.Rewrite("start over"); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.refused(v1alpha1.HistoryRewrittenReason)
	if w.snapshots.Load() != nil {
		t.Error("a head off the line became the snapshot")
	}
}

func TestARestartOfASuspendedClusterKeepsWhatWasDelivered(t *testing.T) {
	w := newWorld(t)
	w.place("one", several(2)...)
	w.synced()
	w.place("two", "app-2")
	w.synced()
	digest := w.deliveries()["app-2"].Spec.BuildDigest
	w.setCluster(func(s *api.ClusterSpec) { s.Suspend = true })
	w.place("three", several(3)...)
	w.restart()
	w.refused(v1alpha1.NotInFleetReason)
	s := w.snapshots.Load()
	if !s.ClusterSuspended || !s.Resolution.HoldAllDeletes || len(s.Resolution.Placed) != 2 {
		t.Fatalf("the snapshot does not hold what was delivered")
	}
	if placed := s.Placed("app-2"); placed == nil || placed.Build.Digest != digest {
		t.Error("app-2 is not as it was delivered")
	}
	w.expect(several(2))
}

func TestEnrolmentSaysWhatIsMissing(t *testing.T) {
	tests := []struct {
		name    string
		change  func(w *world, obj *v1alpha1.FleetSync)
		reason  string
		message string
	}{
		{"no join token named", func(_ *world, o *v1alpha1.FleetSync) { o.Spec.KeyService.JoinTokenSecretRef = nil },
			v1alpha1.NotEnrolledReason, "joinTokenSecretRef"},
		{"join token's secret missing", func(_ *world, o *v1alpha1.FleetSync) { o.Spec.KeyService.JoinTokenSecretRef.Name = "nosuch" },
			v1alpha1.NotEnrolledReason, `"nosuch"`},
		{"join token cut off", func(w *world, o *v1alpha1.FleetSync) { w.setToken(w.token(testCluster).String()[:40]) },
			v1alpha1.NotEnrolledReason, "parse join token"},
		{"join token for another cluster", func(w *world, o *v1alpha1.FleetSync) { w.setToken(w.token("prod-us").String()) },
			v1alpha1.NotEnrolledReason, `"prod-us"`},
		{"key service down", func(w *world, o *v1alpha1.FleetSync) { w.noService.Store(true) },
			v1alpha1.NotEnrolledReason, "does not answer"},
		{"http remote that is not on loopback", func(_ *world, o *v1alpha1.FleetSync) { o.Spec.URL = "http://git.example.com/fleet.git" },
			meta.InsecureConnectionsDisallowedReason, "git.example.com"},
		{"credentials in the URL", func(_ *world, o *v1alpha1.FleetSync) { o.Spec.URL = "https://ada:hunter2@git.example.com/fleet.git" },
			meta.InvalidURLReason, "spec.secretRef"},
		{"git secret missing", func(_ *world, o *v1alpha1.FleetSync) { o.Spec.SecretRef.Name = "nosuch" },
			v1alpha1.GitOperationFailedReason, `"nosuch"`},
		{"proxy secret missing", func(_ *world, o *v1alpha1.FleetSync) {
			o.Spec.ProxySecretRef = &meta.LocalObjectReference{Name: "nosuch"}
		}, v1alpha1.GitOperationFailedReason, "spec.proxySecretRef"},
		{"git secret without credentials", func(_ *world, o *v1alpha1.FleetSync) { o.Spec.SecretRef.Name = "join" },
			v1alpha1.GitOperationFailedReason, "known_hosts"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := bareWorld(t)
			w.start()
			obj := w.fleetSync()
			test.change(w, obj)
			w.create(obj)
			message := conditions.GetMessage(w.refused(test.reason), meta.ReadyCondition)
			if !strings.Contains(message, test.message) || strings.Contains(message, "hunter2") || strings.Contains(message, "bulla1_ey") {
				t.Errorf("message is %q, want it to name %s and no credential", message, test.message)
			}
			w.expect(nil)
		})
	}
}

// Nobody should have to know that a replaced Secret wakes nothing.
func TestAJoinTokenThatIsReplacedIsTried(t *testing.T) {
	w := bareWorld(t)
	w.start()
	w.setToken(w.token("prod-us").String())
	w.create(w.fleetSync())
	w.refused(v1alpha1.NotEnrolledReason)
	w.setToken(w.token(testCluster).String())
	w.eventually("the new token is tried", func() bool {
		return conditions.GetReason(w.get(), meta.ReadyCondition) == v1alpha1.NotInFleetReason // no request to look again
	})
}

func (w *world) setToken(text string) {
	w.Helper()
	secret := &corev1.Secret{}
	if err := w.client.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: "join"}, secret); err != nil {
		w.Fatal(err)
	}
	secret.Data[joinTokenKey] = []byte(text)
	if err := w.client.Update(w.Context(), secret); err != nil {
		w.Fatal(err)
	}
}
