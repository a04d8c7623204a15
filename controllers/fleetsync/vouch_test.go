package fleetsync

import (
	"strings"
	"testing"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/fixtures/signer"
)

// signs makes the developer sign with a key from now on; nil for nobody's.
func (w *world) signs(k *signer.Key) {
	w.Helper()
	err := signer.Nobody(w.repo)
	if k != nil {
		err = k.Signs(w.repo)
	}
	if err != nil {
		w.Fatal(err)
	}
}

func readyMessage(obj *v1alpha1.FleetSync) string {
	return conditions.GetMessage(obj, meta.ReadyCondition)
}

func signedBy(keys ...*signer.Key) *api.Signing {
	s := &api.Signing{Require: []string{"clusters/", "placements/"}}
	for _, k := range keys {
		s.AllowedSigners = append(s.AllowedSigners, k.Allowed)
	}
	return s
}

func TestACommitThatIsNotVerifiedPlacesNothing(t *testing.T) {
	ada, bob := signer.SSH(t, "ada@acme.example"), signer.SSH(t, "bob@acme.example")
	w := newWorld(t)
	w.commit("demand signatures", map[string]*string{"fleet.yaml": w.fleet(func(s *api.FleetSpec) { s.Signing = signedBy(ada) })})
	w.signs(ada)
	w.place("one", "app-1")
	good := hashOf(w.synced().Status.Head)
	w.expect([]string{"app-1"})

	t.Log("an unsigned commit under a signed one")
	w.signs(nil)
	w.place("two", "app-2")
	buried, err := w.repo.Git("rev-parse", "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	w.signs(ada)
	w.place("three", "app-3")
	obj := w.refused(v1alpha1.CommitNotVerifiedReason)
	for _, want := range []string{buried, `"placements/app-2.yaml"`, "not signed", "hint: ", v1alpha1.AcceptRewriteAnnotation} {
		if !strings.Contains(readyMessage(obj), want) {
			t.Errorf("the condition does not name %s: %s", want, readyMessage(obj))
		}
	}
	if !conditions.IsStalled(obj) || hashOf(obj.Status.Head) != good {
		t.Errorf("head is %s, stalled %v; want %s, true", obj.Status.Head, conditions.IsStalled(obj), good)
	}
	w.expect([]string{"app-1"})

	t.Log("a signer who adds himself")
	if err := w.repo.ForcePush(good); err != nil {
		t.Fatal(err)
	}
	w.synced()
	w.signs(bob)
	w.commit("let me in", map[string]*string{"fleet.yaml": w.fleet(func(s *api.FleetSpec) { s.Signing = signedBy(ada, bob) })})
	if obj := w.refused(v1alpha1.CommitNotVerifiedReason); !strings.Contains(readyMessage(obj), "not an allowed signer") {
		t.Error(readyMessage(obj))
	}

	t.Log("what was refused is taken off the branch, and nobody has to accept that")
	if err := w.repo.ForcePush(good); err != nil {
		t.Fatal(err)
	}
	w.signs(ada)
	w.place("two", several(2)...)
	w.synced()
	w.expect(several(2))
}

func TestTheFloorOfAFleetSyncIsNotLoweredByGit(t *testing.T) {
	ada, bob := signer.SSH(t, "ada@acme.example"), signer.SSH(t, "bob@acme.example")
	w := newWorld(t)
	w.place("one", "app-1")
	w.synced()
	w.floor(signedBy(ada))
	w.commit("rules of my own", map[string]*string{"fleet.yaml": w.fleet(func(s *api.FleetSpec) { s.Signing = signedBy(bob) })})
	w.refused(v1alpha1.CommitNotVerifiedReason)
	if err := w.repo.ForcePush("HEAD~1"); err != nil {
		t.Fatal(err)
	}
	w.signs(bob)
	w.place("two", "app-2")
	w.refused(v1alpha1.CommitNotVerifiedReason)
	if err := w.repo.ForcePush("HEAD~1"); err != nil {
		t.Fatal(err)
	}
	w.signs(ada)
	w.place("two", "app-2")
	w.synced()
	w.expect(several(2))

	t.Log("a floor that cannot be read holds everything")
	broken := signedBy(ada)
	broken.AllowedSigners = append(broken.AllowedSigners, "ada@acme.example cert-authority ssh-ed25519 AAAA")
	w.floor(broken)
	w.place("three", "app-3")
	w.refused(v1alpha1.CommitNotVerifiedReason)
	w.expect(several(2))
}

func (w *world) floor(s *api.Signing) {
	w.Helper()
	obj := w.get()
	before := obj.DeepCopy()
	obj.Spec.Signing = s
	if err := w.client.Patch(w.Context(), obj, client.MergeFrom(before)); err != nil {
		w.Fatal(err)
	}
}

func TestARewrittenHistoryIsAcceptedByNameAndOnce(t *testing.T) {
	w := newWorld(t)
	w.place("one", several(2)...)
	old := hashOf(w.synced().Status.Head)
	first, err := w.repo.Rewrite("start over")
	if err != nil {
		t.Fatal(err)
	}
	if obj := w.refused(v1alpha1.HistoryRewrittenReason); !strings.Contains(readyMessage(obj), old+".."+first) {
		t.Error(readyMessage(obj))
	}
	for what, value := range map[string]string{
		"another head":                  old + ".." + strings.Repeat("0", 40),
		"another accepted head":         first + ".." + first,
		"the new head alone":            first,
		"the new head as a revision":    "main@sha1:" + first,
		"the new head by its beginning": old + ".." + first[:12],
	} {
		w.annotate(v1alpha1.AcceptRewriteAnnotation, value)
		if obj := w.refused(v1alpha1.HistoryRewrittenReason); hashOf(obj.Status.Head) != old {
			t.Errorf("%s is taken for consent", what)
		}
	}
	w.annotate(v1alpha1.ConsentAnnotation, "main@sha1:"+first)
	w.refused(v1alpha1.HistoryRewrittenReason)

	t.Log("a commit follows the one that is named before anybody looks")
	w.place("two", "app-2")
	w.annotate(v1alpha1.AcceptRewriteAnnotation, old+".."+first)
	second := hashOf(w.synced().Status.Head)
	w.expect(several(2))

	t.Log("back to the head that was named: the annotation that stayed behind opens nothing")
	if err := w.repo.ForcePush(first); err != nil {
		t.Fatal(err)
	}
	if obj := w.refused(v1alpha1.HistoryRewrittenReason); hashOf(obj.Status.Head) != second {
		t.Errorf("head went back to %s", obj.Status.Head)
	}
}

func TestARewrittenHeadMustBeSigned(t *testing.T) {
	ada := signer.SSH(t, "ada@acme.example")
	w := newWorld(t)
	w.commit("demand signatures", map[string]*string{"fleet.yaml": w.fleet(func(s *api.FleetSpec) { s.Signing = signedBy(ada) })})
	w.signs(ada)
	w.place("one", "app-1")
	old := hashOf(w.synced().Status.Head)
	w.signs(nil)
	w.place("two", "app-2")
	unsigned, err := w.repo.Rewrite("start over")
	if err != nil {
		t.Fatal(err)
	}
	w.annotate(v1alpha1.AcceptRewriteAnnotation, old+".."+unsigned)
	if obj := w.refused(v1alpha1.CommitNotVerifiedReason); hashOf(obj.Status.Head) != old || !strings.Contains(readyMessage(obj), unsigned) {
		t.Errorf("head %s: %s", obj.Status.Head, readyMessage(obj))
	}
	w.expect([]string{"app-1"})
	w.signs(ada)
	signed, err := w.repo.Git("commit-tree", "-S", "-m", "start over", "HEAD^{tree}")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.repo.ForcePush(signed); err != nil {
		t.Fatal(err)
	}
	w.annotate(v1alpha1.AcceptRewriteAnnotation, old+".."+signed)
	w.synced()
	w.expect(several(2))
}

// What was accepted goes on though the floor cannot be used, on a new disk too.
func TestAFloorThatCannotBeUsedKeepsTheAcceptedHeadOnANewDisk(t *testing.T) {
	w := newWorld(t)
	w.place("one", "app-1")
	w.synced()
	w.stop()
	broken := signedBy(signer.SSH(t, "ada@acme.example"))
	broken.AllowedSigners = append(broken.AllowedSigners, "ada@acme.example cert-authority ssh-ed25519 AAAA")
	w.floor(broken)
	w.storage = t.TempDir()
	w.start()
	w.synced()
	w.expect([]string{"app-1"})
	w.place("two", "app-2")
	w.refused(v1alpha1.CommitNotVerifiedReason)
	w.expect([]string{"app-1"})
}
