package fleetsync

import (
	"strings"
	"testing"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

// What the branch has beyond its tag is not placed; a tag that goes back is a rewritten
// history, and what stands goes on standing.
func TestAFleetSyncFollowsTheTagsOfItsBranch(t *testing.T) {
	w := newWorld(t)
	w.place("one", "app-1")
	w.synced()
	tag := func(name string, options ...string) {
		for _, arguments := range [][]string{
			append(append([]string{"tag", "--force"}, options...), name), {"push", "--force", "origin", "refs/tags/" + name},
		} {
			if err := w.git(arguments...); err != nil {
				t.Fatal(err)
			}
		}
	}
	tag("v1.0.0")
	obj := w.get()
	next := obj.DeepCopy()
	next.Spec.SemVer = "1.x"
	if err := w.client.Patch(t.Context(), next, client.MergeFrom(obj)); err != nil {
		t.Fatal(err)
	}
	w.place("two", "app-1", "app-2")
	head := w.synced().Status.Head
	w.expect(several(1))
	tag("v1.1.0", "--annotate", "--message", "two")
	if moved := w.synced().Status.Head; moved == head || !strings.HasPrefix(moved, "main@sha1:") {
		t.Errorf("the head is %s", moved)
	}
	w.expect(several(2))
	for _, name := range []string{"v1.1.0"} {
		if err := w.git("push", "--delete", "origin", name); err != nil {
			t.Fatal(err)
		}
	}
	w.refused(v1alpha1.HistoryRewrittenReason)
	w.expect(several(2))
	tag("v1.1.1")
	w.synced()
	one := w.get()
	both := one.DeepCopy()
	both.Spec.Tag = "stable"
	err := w.client.Patch(t.Context(), both, client.MergeFrom(one))
	if err == nil || !strings.Contains(err.Error(), "choose one") {
		t.Errorf("a tag and a range: %v", err)
	}
	none := w.get()
	before := none.DeepCopy()
	none.Spec.SemVer = "newest"
	if err := w.client.Patch(t.Context(), none, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	w.eventually("a range that is none is told", func() bool {
		return strings.Contains(conditions.GetMessage(w.get(), meta.ReadyCondition), "no range of versions")
	})
}
