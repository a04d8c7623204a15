package fleetsync

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/unseal"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/fixtures/auditlog"
	keyservice "github.com/bulla-dev/bulla/keyservice/client"
)

// says has the audit log say this of what was accepted.
func (w *world) says(word *keyservice.Rewrite, err error) {
	answer := func(_, ref string) (*keyservice.Rewrite, error) {
		if ref != "main" {
			return nil, errors.New("asked for another branch")
		}
		return word, err
	}
	w.word.Store(&answer)
}

// optsIn has the FleetSync take the key service's word from now on.
func (w *world) optsIn() {
	w.Helper()
	obj := w.get()
	before := obj.DeepCopy()
	obj.Spec.AcceptRewrites = v1alpha1.AcceptRewritesOfKeyService
	if err := w.client.Patch(w.Context(), obj, client.MergeFrom(before)); err != nil {
		w.Fatal(err)
	}
}

// TestARewrittenHistoryIsFollowedByTheKeyServicesWord where a FleetSync opted in: one
// step, from the head accepted here, and never by an entry of before.
func TestARewrittenHistoryIsFollowedByTheKeyServicesWord(t *testing.T) {
	w := newWorld(t)
	log := auditlog.New(t, testFleet)
	start := w.commit("the log's key", map[string]*string{
		"fleet.yaml": w.fleet(func(s *api.FleetSpec) { s.Serial, s.LogKey = 2, log.VerifierKey() }),
	})
	w.place("one", "app-1")
	old := hashOf(w.synced().Status.Head)
	if err := w.repo.ForcePush(start); err != nil {
		t.Fatal(err)
	}
	w.place("anew", "app-2")
	first, err := w.repo.Head()
	if err != nil {
		t.Fatal(err)
	}
	stays := func(what string, words ...string) {
		t.Helper()
		obj := w.refused(v1alpha1.HistoryRewrittenReason)
		if hashOf(obj.Status.Head) != old || obj.Status.Rewrite != nil {
			t.Errorf("%s: head %s, rewrite %+v", what, obj.Status.Head, obj.Status.Rewrite)
		}
		for _, word := range words {
			if !strings.Contains(readyMessage(obj), word) {
				t.Errorf("%s: the condition says %q, not %q", what, readyMessage(obj), word)
			}
		}
		w.expect([]string{"app-1"})
	}
	w.says(&keyservice.Rewrite{Index: 8, From: old, To: first}, nil)
	stays("not opted in")
	w.says(nil, nil)
	w.optsIn()
	stays("nobody's word", "hint: bulla history accept HASH")
	w.says(nil, &keyservice.LogError{Err: errors.New("forged")})
	stays("a word that the log does not bear out", "does not agree with its audit log: forged")
	w.says(&keyservice.Rewrite{Index: 7, From: old, To: strings.Repeat("1", 40)}, nil)
	stays("another head", "entry 7 of the audit log accepts "+strings.Repeat("1", 40))
	w.says(&keyservice.Rewrite{Index: 7, From: start, To: first}, nil)
	stays("from another head")

	w.says(&keyservice.Rewrite{Index: 8, From: old, To: first}, nil)
	obj := w.synced()
	w.expect([]string{"app-2"}, "app-1")
	want := &v1alpha1.FollowedRewrite{
		Entry: 8, LogKey: w.snapshots.Load().Fleet.Spec.LogKey, From: old, To: first,
	}
	if diff := cmp.Diff(want, obj.Status.Rewrite); diff != "" {
		t.Error(diff)
	}

	t.Log("the branch goes back, by the word of somebody else; then an old word is shown again")
	if err := w.repo.ForcePush(old); err != nil {
		t.Fatal(err)
	}
	w.annotate(v1alpha1.AcceptRewriteAnnotation, first+".."+old)
	w.synced()
	if err := w.repo.ForcePush(first); err != nil {
		t.Fatal(err)
	}
	back := w.refused(v1alpha1.HistoryRewrittenReason)
	if hashOf(back.Status.Head) != old ||
		!strings.Contains(readyMessage(back), "entry 8 of the audit log is no newer than entry 8") {
		t.Errorf("an entry that was followed is followed again: head %s: %s", back.Status.Head, readyMessage(back))
	}
	w.expect([]string{"app-1"}, "app-2")
}

// TestNobodyIsAskedForAWordThatCouldNotBeHeldAgainstTheLog: and the condition says what
// is missing, not that the log is wrong or that nobody gave a word.
func TestNobodyIsAskedForAWordThatCouldNotBeHeldAgainstTheLog(t *testing.T) {
	obj := &v1alpha1.FleetSync{}
	obj.Status.Head = "main@sha1:" + strings.Repeat("1", 40)
	read := &view.Snapshots{}
	read.Store(&view.Snapshot{Fleet: &api.Fleet{}})
	for want, options := range map[string]*Options{
		"no connection to the key service": {Link: &unseal.Link{}, Snapshots: read},
		"no fleet.yaml was read yet":       {Link: unseal.NewLink(&silentService{}), Snapshots: &view.Snapshots{}},
		"fleet.yaml has no spec.logKey":    {Link: unseal.NewLink(&silentService{}), Snapshots: read},
	} {
		r := &remote{Options: options, enrolment: &enrolment{Options: options}}
		word, err := r.word(t.Context(), obj)
		if word != nil || err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "; hint: ") {
			t.Errorf("%s: %v, %v", want, word, err)
		}
	}
}
