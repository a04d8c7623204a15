package fleetsync

import (
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/unseal"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

func TestAClusterEnrolsAndShowsItsKeysBeforeItIsInGit(t *testing.T) {
	w := bareWorld(t)
	w.start()
	w.create(w.fleetSync())
	obj := w.refused(v1alpha1.NotInFleetReason)
	if !strings.HasPrefix(obj.Status.Recipient, "age1pq1") || !strings.HasPrefix(obj.Status.Identity, "sha256:") {
		t.Errorf("status has recipient %q and identity %q", obj.Status.Recipient, obj.Status.Identity)
	}
	if obj.Status.Fleet != testFleet || obj.Status.CertificateNotAfter == nil || w.enrolled.Load() != 1 {
		t.Errorf("status has fleet %q, certificate until %v after %d enrolments", obj.Status.Fleet, obj.Status.CertificateNotAfter, w.enrolled.Load())
	}
	w.expect(nil)

	w.restart()
	again := w.refused(v1alpha1.NotInFleetReason)
	if again.Status.Recipient != obj.Status.Recipient || again.Status.Identity != obj.Status.Identity || w.enrolled.Load() != 1 {
		t.Errorf("a restart made other keys or enrolled again")
	}
}

func TestACertificateIsRenewedAtTwoThirdsOfItsLife(t *testing.T) {
	w := bareWorld(t)
	w.ca.from.Store(-int64(45 * time.Minute))
	w.start()
	w.join()
	w.synced()
	if w.renewed.Load() == 0 {
		t.Fatal("a certificate past two thirds of its life was not renewed")
	}
	w.ca.from.Store(0)
	w.synced()
	renewed := w.renewed.Load()
	w.synced()
	if w.renewed.Load() != renewed || w.enrolled.Load() != 1 {
		t.Errorf("a fresh certificate was renewed, or the token used again")
	}
}

// TestAnExpiredCertificateIsRenewedWhereTheServiceSaid: the controller was down for
// longer than its certificate lived, and its join token is spent.
func TestAnExpiredCertificateIsRenewedWhereTheServiceSaid(t *testing.T) {
	w := bareWorld(t)
	w.ca.from.Store(-int64(2 * time.Hour)) // and lives one
	w.mainRefuses.Store(true)
	w.start()
	w.join()
	w.ca.from.Store(0)
	w.synced()
	if w.late.Load() == 0 {
		t.Fatal("the expired certificate was not renewed in its grace")
	}
	if got := w.get().Status.CertificateNotAfter; !got.After(time.Now()) {
		t.Errorf("the certificate is good until %s", got)
	}
	late := w.late.Load()
	w.restart()
	w.synced()
	if w.late.Load() != late {
		t.Error("the fresh certificate was renewed again after a restart")
	}
}

func TestDeliveriesSayWhatGitPlaces(t *testing.T) {
	w := newWorld(t)
	w.place("one", several(3)...)
	obj := w.synced()
	w.expect(several(3))
	if obj.Status.Placements != 3 {
		t.Errorf("status has %d placements, want 3", obj.Status.Placements)
	}

	t.Log("a head that touches nothing here writes no Delivery")
	before := w.versions()
	w.commit("write a note", map[string]*string{"README.md": new("note\n")})
	head := w.synced().Status.Head
	if diff := cmp.Diff(before, w.versions()); diff != "" || head == obj.Status.Head {
		t.Errorf("head %s, deliveries were written (-before +after):\n%s", head, diff)
	}

	t.Log("a change writes the Delivery that it is of")
	w.place("two", "app-2")
	w.synced()
	w.expect(several(3))
	after := w.versions()
	if before["app-1"] != after["app-1"] || before["app-2"] == after["app-2"] || before["app-3"] != after["app-3"] {
		t.Errorf("written were not exactly those of the change:\n%s", cmp.Diff(before, after))
	}

	t.Log("an operator's suspend stays")
	d := w.deliveries()["app-1"]
	suspended := d.DeepCopy()
	suspended.Spec.Suspend = true
	if err := w.client.Patch(t.Context(), suspended, client.MergeFrom(&d)); err != nil {
		t.Fatal(err)
	}
	w.place("three", "app-1")
	w.synced()
	if !w.deliveries()["app-1"].Spec.Suspend {
		t.Error("FleetSync undid an operator's suspend")
	}
	w.expect(several(3))

	t.Log("a removed placement marks its Delivery, and coming back takes the mark away")
	w.unplace("app-3")
	w.synced()
	w.expect(several(2), "app-3")
	w.place("one", "app-3")
	w.synced()
	w.expect(several(3))

	t.Log("a Delivery names the variant that is built here, as long as it is")
	plain := *w.app("app-2", "two")["placements/app-2.yaml"]
	variant := plain + "  variants: [{name: berlin, clusterName: " + testCluster + ", path: apps/app-2}]\n"
	for _, now := range []struct{ text, want string }{{variant, "berlin"}, {plain, ""}} {
		w.commit("vary", map[string]*string{"placements/app-2.yaml": &now.text})
		w.synced()
		if got := w.deliveries()["app-2"].Spec.Variant; got != now.want {
			t.Errorf("the Delivery names variant %q, want %q", got, now.want)
		}
	}

	t.Log("a Delivery that somebody deletes or edits is written again")
	gone := w.deliveries()["app-2"]
	if err := w.client.Delete(t.Context(), &gone); err != nil {
		t.Fatal(err)
	}
	w.eventually("the deleted Delivery is back", func() bool { return w.deliveries()["app-2"].UID != "" && w.deliveries()["app-2"].UID != gone.UID })
	edited := w.deliveries()["app-1"]
	from := edited.DeepCopy()
	edited.Spec.Removed = true
	if err := w.client.Patch(t.Context(), &edited, client.MergeFrom(from)); err != nil {
		t.Fatal(err)
	}
	w.eventually("the edit is reverted", func() bool { return !w.deliveries()["app-1"].Spec.Removed })
	w.synced()
	w.expect(several(3))
}

// One build that is under way holds no other Delivery up, and no other removal.
func TestASlowBuildHoldsNothingElseUp(t *testing.T) {
	w := newWorld(t)
	w.slowAfter = 5 * time.Second
	w.restart()
	w.place("one", several(3)...)
	w.synced()
	stood := w.deliveries()
	files := w.app("app-1", "two")
	maps.Copy(files, w.app("slow", "two"))
	for path, text := range testfleet.Diamond("apps/slow", 14) {
		files[path] = &text
	}
	for path := range w.app("app-3", "one") {
		files[path] = nil
	}
	delete(files, "apps/slow/config.yaml")
	w.commit("a slow application", files)
	if got := conditions.GetMessage(w.refused(meta.ProgressingReason), meta.ReadyCondition); !strings.Contains(got, "(slow)") {
		t.Errorf("FleetSync says %q", got)
	}
	w.expect([]string{"app-1", "app-2", "slow"}, "app-3")
	now := w.deliveries()
	if now["app-1"].Spec.BuildDigest == stood["app-1"].Spec.BuildDigest || now["slow"].Spec.BuildDigest != "" {
		t.Errorf("app-1 has digest %s as before, or slow has one: %q", now["app-1"].Spec.BuildDigest, now["slow"].Spec.BuildDigest)
	}
}

func TestAnswersOfADeliveryThatIsGoneAreDropped(t *testing.T) {
	w := newWorld(t)
	w.place("one", several(2)...)
	w.synced()
	for _, name := range []string{"app-1", "app-2", "long-gone"} {
		w.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: unseal.AnswersSecretPrefix + name, Labels: map[string]string{unseal.AnswersLabel: name}}})
	}
	kept := func() (names []string) {
		secrets := &corev1.SecretList{}
		if err := w.client.List(t.Context(), secrets, client.InNamespace(w.namespace), client.HasLabels{unseal.AnswersLabel}); err != nil {
			t.Fatal(err)
		}
		for _, secret := range secrets.Items {
			names = append(names, secret.Labels[unseal.AnswersLabel])
		}
		return names
	}
	w.unplace("app-1")
	w.synced()
	if diff := cmp.Diff([]string{"app-1", "app-2"}, kept()); diff != "" {
		t.Errorf("a Delivery that still prunes lost its answers (-want +got):\n%s", diff)
	}
	gone := w.deliveries()["app-1"]
	if err := w.client.Delete(t.Context(), &gone); err != nil {
		t.Fatal(err)
	}
	w.eventually("a head after the deletion drops its answers", func() bool {
		w.commit("write a note", map[string]*string{"README.md": new("note\n")})
		w.synced()
		return cmp.Diff([]string{"app-2"}, kept()) == ""
	})
}

func TestAnIdlePassWritesNothing(t *testing.T) {
	w := newWorld(t)
	w.place("one", several(2)...)
	w.synced()
	obj := w.get()
	from := obj.DeepCopy()
	obj.Spec.Interval = metav1.Duration{Duration: 50 * time.Millisecond}
	if err := w.client.Patch(t.Context(), obj, client.MergeFrom(from)); err != nil {
		t.Fatal(err)
	}
	w.synced()
	builds := w.loop.Builder.Processes()
	transfers := w.server.Requests().UploadPacks
	before, versions, looks := w.get().ResourceVersion, w.versions(), w.server.Requests().ListRefs
	w.eventually("the remote was looked at ten times more", func() bool { return w.server.Requests().ListRefs >= looks+10 })
	if after := w.get().ResourceVersion; after != before {
		t.Errorf("idle passes wrote the FleetSync: %s to %s", before, after)
	}
	if diff := cmp.Diff(versions, w.versions()); diff != "" {
		t.Errorf("idle passes wrote Deliveries (-before +after):\n%s", diff)
	}
	if w.loop.Builder.Processes() != builds || w.server.Requests().UploadPacks != transfers {
		t.Errorf("idle passes built or fetched")
	}
}

func TestARestartUsesTheMirrorWhileTheRemoteIsDown(t *testing.T) {
	w := newWorld(t)
	w.place("one", several(2)...)
	head := w.synced().Status.Head
	versions := w.versions()
	w.stop()
	w.server.Refuse(503)
	w.start()
	obj := w.refused(v1alpha1.GitOperationFailedReason)
	if obj.Status.Head != head {
		t.Errorf("head is %s, want %s", obj.Status.Head, head)
	}
	if s := w.snapshots.Load(); s == nil || s.Revision != head || len(s.Resolution.Placed) != 2 {
		t.Errorf("the accepted head was not restored from the mirror")
	}
	if diff := cmp.Diff(versions, w.versions()); diff != "" {
		t.Errorf("deliveries were written (-before +after):\n%s", diff)
	}
	w.server.Heal()
	w.place("two", "app-1")
	w.synced()
	w.expect(several(2))
}

func TestASuspendedFleetSyncDoesNothing(t *testing.T) {
	w := newWorld(t)
	w.place("one", "app-1")
	w.synced()
	obj := w.get()
	from := obj.DeepCopy()
	obj.Spec.Suspend = true
	obj.Spec.Interval = metav1.Duration{Duration: 50 * time.Millisecond}
	if err := w.client.Patch(t.Context(), obj, client.MergeFrom(from), client.FieldOwner("kubectl-patch")); err != nil {
		t.Fatal(err)
	}
	w.eventually("the condition says who suspended it, and when", func() bool {
		said := conditions.GetMessage(w.get(), meta.ReadyCondition)
		return strings.Contains(said, "suspended by kubectl-patch since 2")
	})
	w.place("two", "app-1")
	w.unplace("app-1")
	versions := w.versions()
	w.annotate(meta.ReconcileRequestAnnotation, "now")
	obj = w.get()
	from = obj.DeepCopy()
	obj.Spec.Suspend = false
	if diff := cmp.Diff(versions, w.versions()); diff != "" {
		t.Errorf("a suspended FleetSync wrote (-before +after):\n%s", diff)
	}
	if err := w.client.Patch(t.Context(), obj, client.MergeFrom(from)); err != nil {
		t.Fatal(err)
	}
	w.synced()
	w.expect(nil, "app-1")
}

func TestASecondFleetSyncStalls(t *testing.T) {
	w := newWorld(t)
	w.place("one", "app-1")
	w.synced()
	second := w.fleetSync()
	second.Name = "other"
	w.create(second)
	w.eventually("the second stalls", func() bool {
		if err := w.client.Get(t.Context(), client.ObjectKeyFromObject(second), second); err != nil {
			t.Fatal(err)
		}
		return conditions.IsStalled(second) && conditions.GetReason(second, meta.StalledCondition) == v1alpha1.ConflictReason
	})
	w.synced()
	w.expect(several(1))
}

func TestDeletingTheFleetSyncLeavesTheDeliveries(t *testing.T) {
	w := newWorld(t)
	w.place("one", several(2)...)
	w.synced()
	versions := w.versions()
	if err := w.client.Delete(t.Context(), w.get()); err != nil {
		t.Fatal(err)
	}
	w.eventually("the snapshot is gone", func() bool { return w.snapshots.Load() == nil })
	if diff := cmp.Diff(versions, w.versions()); diff != "" {
		t.Errorf("deliveries were written (-before +after):\n%s", diff)
	}
	w.create(w.fleetSync())
	w.synced()
	w.expect(several(2))
	if diff := cmp.Diff(versions, w.versions()); diff != "" {
		t.Errorf("deliveries were written (-before +after):\n%s", diff)
	}
}

func TestNoStatusOrEventHoldsASecret(t *testing.T) {
	w := newWorld(t)
	w.place("one", "app-1")
	w.synced()
	w.server.Refuse(401)
	w.sync()
	secret := &corev1.Secret{}
	if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: unseal.IdentitySecret}, secret); err != nil {
		t.Fatal(err)
	}
	events := &corev1.EventList{}
	w.eventually("events were recorded", func() bool {
		if err := w.client.List(t.Context(), events, client.InNamespace(w.namespace)); err != nil {
			t.Fatal(err)
		}
		return len(events.Items) >= 3
	})
	said := *w.yaml(w.get()) + *w.yaml(events)
	for _, word := range []string{w.repo.Password, w.token(testCluster).String(), string(secret.Data[unseal.KeyAge]), string(secret.Data[unseal.KeyTLS])} {
		if word == "" || strings.Contains(said, word) {
			t.Error("a credential stands in a status or an event, or there is none to look for")
		}
	}
	entries, err := os.ReadDir(w.storage)
	if err != nil || len(entries) != 1 {
		t.Errorf("storage has %d entries (%v), want the mirror alone", len(entries), err)
	}
}
