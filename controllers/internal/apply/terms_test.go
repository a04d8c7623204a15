package apply

import (
	"context"
	"errors"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

// looks counts reads.
type looks struct {
	client.Reader
	count int
}

func (l *looks) Get(ctx context.Context, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
	l.count++
	return l.Reader.Get(ctx, key, o, options...)
}

// straight applies as a pass does, and wants so many looks.
func (b *bench) straight(o Object, entry v1alpha1.InventoryEntry, values map[string]string, want int,
) v1alpha1.InventoryEntry {
	b.t.Helper()
	seen := &looks{Reader: b.client}
	b.hands.Live.reader = seen
	next, made, err := b.hands.Puts.Straight(b.t.Context(), o, entry, values)
	if err == nil && made {
		next, err = b.hands.Puts.Prove(b.t.Context(), o, next, values)
	}
	if err != nil || seen.count != want {
		b.t.Errorf("%d looks at %s, want %d: %v", seen.count, o.ID, want, err)
	}
	return next
}

// One request makes an object and one changes it, where the inventory says that
// nothing else can be there. Where something is, it is looked at first, as ever.
func TestWhatTheInventorySaysIsNotLookedAt(t *testing.T) {
	b := newBench(t)
	first, second := b.secret(), b.secret(annotated("rotated", "yes"))
	intended := v1alpha1.InventoryEntry{ID: "ns_db__Secret", Version: "v1"}
	entry := b.straight(first, intended, value("one"), 0)
	entry = b.straight(second, entry, value("two"), 0)

	b.edit(second, "kubectl-edit", func(u *unstructured.Unstructured) { u.SetLabels(map[string]string{"by": "hand"}) })
	entry = b.straight(first, entry, value("one"), 1)
	if b.live(first).GetLabels()["by"] != "" {
		t.Error("what somebody added by hand was not taken back")
	}
	if err := b.client.Delete(t.Context(), b.live(first)); err != nil {
		t.Fatal(err)
	}
	b.straight(second, entry, value("two"), 1)

	b.straight(second, intended, value("two"), 1) // made just before a crash
}

// What somebody made has nothing in common with what is sent, so that an apply would be
// merged into it without a conflict.
func TestAnApplyIsNotMergedIntoWhatSomebodyMade(t *testing.T) {
	stranger := theirs(nil)
	stranger.Data = map[string]string{"their": "own"}
	b := newBench(t, stranger)
	o := b.configMap(plain)
	before := b.live(o).GetResourceVersion()
	_, _, err := b.hands.Puts.Straight(t.Context(), o, v1alpha1.InventoryEntry{}, nil)
	if !errors.As(err, new(*ConflictError)) || b.live(o).GetResourceVersion() != before {
		t.Errorf("%v, and it is %v", err, b.live(o).Object)
	}
}

// Nothing was there at the look, and somebody makes it a moment later.
func TestWhatCameAfterTheLookIsAConflict(t *testing.T) {
	b := newBench(t)
	job := prepare(b.t, manifest(b.t, "{apiVersion: batch/v1, kind: Job, metadata: {name: a, namespace: ns}, "+
		"spec: {backoffLimit: 1}}"))["Job/a"]
	replaced := b.apply(b.secret(), v1alpha1.InventoryEntry{}, value("one"))
	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "ns", Name: name} }
	strangers := map[string]client.Object{
		"a":  &batchv1.Job{ObjectMeta: meta("a"), Spec: batchv1.JobSpec{Suspend: ptr.To(true)}},
		"db": &corev1.Secret{ObjectMeta: meta("db"), Data: map[string][]byte{"their": nil}},
	}
	b.refuse = func(name string, dry bool) error {
		switch {
		case dry:
			return nil
		case name == "db" && b.deleted == 0: // the type of a Secret cannot change
			return invalid(name)
		}
		return b.client.Create(t.Context(), strangers[name])
	}
	for _, test := range []struct {
		Object
		entry v1alpha1.InventoryEntry
	}{{job, v1alpha1.InventoryEntry{}}, {b.secret(typed("kubernetes.io/tls"), forced), replaced}} {
		next, _, err := b.hands.Puts.Straight(t.Context(), test.Object, test.entry, value("two"))
		if !errors.As(err, new(*ConflictError)) || next.UID != "" {
			t.Errorf("%s: %v, and the inventory has %+v", test.ID, err, next)
		}
		if live := b.live(test.Object); len(live.GetLabels())+len(live.GetAnnotations()) > 0 {
			t.Errorf("%s is merged into what somebody made: %v", test.ID, live.Object)
		}
	}
}
