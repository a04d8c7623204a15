package apply

import (
	"errors"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

// Whoever may patch an object may write its labels, and copy any annotation.
func TestALabelIsNoOwnership(t *testing.T) {
	elsewhere := newBench(t)
	o := elsewhere.configMap(plain)
	made := elsewhere.apply(o, v1alpha1.InventoryEntry{}, nil)
	copied := elsewhere.live(o).GetAnnotations()
	ours := owner.Labels()
	for name, test := range map[string]struct {
		labels, annotations map[string]string
		entry               v1alpha1.InventoryEntry
	}{
		"labels alone":                          {labels: ours},
		"labels, and the inventory intends it":  {labels: ours, entry: v1alpha1.InventoryEntry{ID: made.ID, Version: "v1"}},
		"labels, and the inventory had another": {labels: ours, entry: made},
		"the proof of an object that was here":  {labels: ours, annotations: copied},
		"another placement's labels":            {labels: Owner{Fleet: owner.Fleet, Placement: "other"}.Labels()},
	} {
		t.Run(name, func(t *testing.T) {
			standing := theirs(test.labels)
			standing.Annotations = test.annotations
			b := newBench(t, standing)
			_, err := b.hands.Puts.Apply(t.Context(), o, test.entry, nil)
			if !errors.As(err, new(*ConflictError)) {
				t.Errorf("applied: %v", err)
			}
			if _, _, err := b.hands.Inspector.Inspect(t.Context(), o, test.entry); !errors.As(err, new(*ConflictError)) {
				t.Errorf("inspected: %v", err)
			}
			test.entry.Version = "v1"
			fate, err := b.hands.Deletes.Remove(t.Context(), o.ID, test.entry)
			if err != nil || !fate.Gone || fate.Kept == "" || b.deleted > 0 {
				t.Errorf("removed: %+v, %v", fate, err)
			}
			if got := b.live(o); got.GetUID() != "theirs" {
				t.Error("it is another object now")
			}
		})
	}
}

func TestWhatTheControllerMadeIsKnownAsItsOwn(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*unstructured.Unstructured)
		forget bool // the inventory is lost
		kept   bool // a removal leaves it
	}{
		"as it was made":                 {},
		"with the inventory lost":        {forget: true},
		"with its labels taken off":      {change: func(u *unstructured.Unstructured) { u.SetLabels(nil) }, forget: true},
		"with its proof taken off":       {change: func(u *unstructured.Unstructured) { u.SetAnnotations(nil) }},
		"with both, and no inventory":    {change: func(u *unstructured.Unstructured) { u.SetAnnotations(nil); u.SetLabels(nil) }, forget: true, kept: true},
		"with the label of another name": {change: func(u *unstructured.Unstructured) { u.SetLabels(map[string]string{v1alpha1.OwnerLabel: "other"}) }},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			o := b.configMap(plain)
			entry := b.apply(o, v1alpha1.InventoryEntry{}, nil)
			if test.change != nil {
				b.edit(o, "somebody", test.change)
			}
			if test.forget {
				entry = v1alpha1.InventoryEntry{Version: "v1"}
			}
			if _, err := b.hands.Puts.Apply(t.Context(), o, entry, nil); (err != nil) != test.kept {
				t.Errorf("applied again: %v", err)
			}
			if test.change != nil && !test.kept {
				b.edit(o, "somebody", test.change)
			}
			fate, err := b.hands.Deletes.Remove(t.Context(), o.ID, entry)
			if err != nil || !fate.Gone || (fate.Kept != "") != test.kept {
				t.Errorf("removed: %+v, %v", fate, err)
			}
		})
	}
}

// Whoever may annotate an object must not keep what Git takes away, nor take what
// Git has stay.
func TestGitAloneSaysWhetherAnObjectStays(t *testing.T) {
	const opted = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: ns, annotations: {bulla.dev/prune: disabled}}, data: {key: ours}}"
	for name, test := range map[string]struct {
		manifest, live string
		kept           bool
	}{
		"a tenant says that it stays": {manifest: plain, live: "disabled"},
		"a tenant says that it goes":  {manifest: opted, live: "force", kept: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			o := b.configMap(test.manifest)
			entry := b.apply(o, v1alpha1.InventoryEntry{}, nil)
			b.edit(o, "a-tenant", func(u *unstructured.Unstructured) {
				annotations := u.GetAnnotations()
				annotations[v1alpha1.PruneAnnotation] = test.live
				u.SetAnnotations(annotations)
			})
			fate, err := b.hands.Deletes.Remove(t.Context(), o.ID, entry)
			if err != nil || !fate.Gone || (fate.Kept != "") != test.kept {
				t.Errorf("removed: %+v, %v", fate, err)
			}
		})
	}
}

// A process that dies between the creation and its answer has left an object
// whose uid nobody wrote down.
func TestWhatWasMadeJustBeforeACrashIsOurs(t *testing.T) {
	b := newBench(t)
	o := b.configMap(plain)
	if _, err := b.hands.Puts.send(t.Context(), o, nil, terms{}); err != nil { // and no more
		t.Fatal(err)
	}
	intended := v1alpha1.InventoryEntry{ID: "ns_a__ConfigMap", Version: "v1"}
	if _, err := b.as("other").Puts.Apply(t.Context(), o, intended, nil); !errors.As(err, new(*ConflictError)) {
		t.Errorf("another placement took it: %v", err)
	}
	entry := b.apply(o, intended, nil)
	live := b.live(o)
	if !b.hands.Claims.Proven(o.ID, &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{UID: live.GetUID(), Annotations: live.GetAnnotations()}}) || entry.UID == "" {
		t.Errorf("it has no proof: %v", live.GetAnnotations())
	}
}

// What Git moves to another placement is taken alive by that one, and kept by it.
func TestAProofIsHandedOver(t *testing.T) {
	b := newBench(t)
	o := b.configMap(plain)
	entry := b.apply(o, v1alpha1.InventoryEntry{}, nil)
	other := b.as("other")
	moved, err := other.Puts.Apply(t.Context(), o, v1alpha1.InventoryEntry{}, nil)
	if err != nil || moved.UID != entry.UID {
		t.Fatalf("not taken over: %v", err)
	}
	fate, err := b.hands.Deletes.Remove(t.Context(), o.ID, entry)
	if err != nil || fate.Kept == "" {
		t.Errorf("the placement that had it removed it: %+v, %v", fate, err)
	}
}

// An operator says that the cluster's keys were made anew: this placement's
// labels count once, and no others.
func TestLabelsCountWhenAnOperatorSaysSo(t *testing.T) {
	o := newBench(t).configMap(plain)
	for placement, want := range map[string]bool{owner.Placement: true, "other": false} {
		b := newBench(t, theirs(Owner{Fleet: owner.Fleet, Placement: placement}.Labels()))
		b.hands.Claims.Readopt = true
		if _, err := b.hands.Puts.Apply(t.Context(), o, v1alpha1.InventoryEntry{}, nil); (err == nil) != want {
			t.Errorf("with the label of %q: %v", placement, err)
		}
	}
}
