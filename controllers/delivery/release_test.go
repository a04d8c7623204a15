package delivery

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/aim"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/controllers/internal/record"
	"github.com/bulla-dev/bulla/controllers/view"
)

// What leaves with its placement is as its deletionPolicy says, but no value stays.
func TestWhatBecomesOfObjectsWhenAPlacementLeaves(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	cases := map[string]struct {
		prune  *bool
		policy api.DeletionPolicy
		stays  bool
	}{
		"mirror":   {nil, api.DeletionMirrorPrune, false},
		"unpruned": {ptr.To(false), "", true},
		"delete":   {ptr.To(false), api.DeletionDelete, false},
		"waits":    {ptr.To(false), api.DeletionWaitForTermination, false},
		"orphan":   {nil, api.DeletionOrphan, true},
		"handed":   {nil, "", true},
	}
	for name, test := range cases {
		a := w.place(name, w.configMap(name, "1"), w.seal("db-"+name, map[string]string{"password": "one"}))
		a.spec.Prune, a.spec.DeletionPolicy = test.prune, test.policy
	}
	w.commit()
	w.settled()
	t.Log("Git says it while it suspends the placement, as the spec has it then")
	w.git["handed"].spec.Suspend = true
	w.commit()
	w.writeSpec(w.delivery("handed"), func(s *v1alpha1.DeliverySpec) { s.DeletionPolicy = string(api.DeletionOrphan) })
	clear(w.git)
	w.commit()
	eventually(t, "the deliveries are gone", w.settledNow)
	for name, test := range cases {
		if got := w.exists(&corev1.ConfigMap{}, name); got != test.stays {
			t.Errorf("%s: the ConfigMap stands: %t, want %t", name, got, test.stays)
		}
		if w.exists(&corev1.Secret{}, "db-"+name) {
			t.Errorf("%s: Git took the grant away, and the value stands", name)
		}
	}
}

func TestAnObjectOptsOutInFluxsWordsToo(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	keep := w.configMap("keep", "1")
	keep.SetLabels(map[string]string{"kustomize.toolkit.fluxcd.io/prune": "disabled"})
	w.place("shop", append(w.configMaps("a"), keep)...)
	w.commit()
	w.settled()
	delete(w.git, "shop")
	w.commit()
	eventually(t, "the delivery is gone", w.settledNow)
	if !w.exists(&corev1.ConfigMap{}, "keep") || w.exists(&corev1.ConfigMap{}, "a") {
		t.Error("the label was not obeyed, or obeyed by its neighbour")
	}
}

func TestWithoutPruneASealedObjectGoesAllTheSame(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	kept, sealed := w.configMaps("a", "b"), w.seal("db", map[string]string{"password": "one"})
	w.place("shop", append(kept, sealed)...).spec.Prune = ptr.To(false)
	w.commit()
	w.settled()
	w.place("shop", kept[0]).spec.Prune = ptr.To(false)
	w.commit()
	eventually(t, "the delivery stands", w.settledNow)
	if !w.exists(&corev1.ConfigMap{}, "b") || w.exists(&corev1.Secret{}, "db") {
		t.Error("the plain object went, or the value stands")
	}
}

// A policy that was lost with the status is as FleetSync wrote it into the spec, and a
// status of a version that had none mirrors prune.
func TestALostPolicyLeavesWhatGitLeft(t *testing.T) {
	for _, test := range []struct {
		spec v1alpha1.DeliverySpec
		want bool
	}{
		{v1alpha1.DeliverySpec{}, false},
		{v1alpha1.DeliverySpec{DeletionPolicy: string(api.DeletionOrphan)}, true},
		{v1alpha1.DeliverySpec{DeletionPolicy: string(api.DeletionOrphan), TargetNamespace: "shop"}, true},
	} {
		policy, err := Options{ApplyAsController: true}.lastPolicy(test.spec)
		if err != nil {
			t.Fatal(err)
		}
		d := &v1alpha1.Delivery{Spec: test.spec, Status: v1alpha1.DeliveryStatus{Policy: policy}}
		d.Spec.Removed = true
		if got := leavesPlain(d); got != test.want {
			t.Errorf("%+v leaves plain objects: %t", test.spec, got)
		}
	}
	old := &v1alpha1.Delivery{Spec: v1alpha1.DeliverySpec{Removed: true},
		Status: v1alpha1.DeliveryStatus{Policy: &v1alpha1.DeliveryPolicy{Prune: false}}}
	if !leavesPlain(old) {
		t.Error("a policy without a word on deletion does not mirror prune")
	}
}

// An apply that was cut short has no digest of a Secret in the inventory.
func TestASecretThatNobodyRecordedIsNotLeftBehind(t *testing.T) {
	secret := ObjectID{Kind: "Secret", Namespace: "ns", Name: "db"}
	if !holdsValue(secret, v1alpha1.InventoryEntry{}) {
		t.Error("a Secret counts as plain")
	}
	other := ObjectID{Group: "secrets.example.com", Kind: "Secret", Namespace: "ns", Name: "db"}
	if holdsValue(other, v1alpha1.InventoryEntry{}) || !holdsValue(other, v1alpha1.InventoryEntry{Content: "sha256:x"}) {
		t.Error("another kind is sealed where it has a content digest")
	}
}

// What stays in any case is no part of a large removal: a revoked value does not wait for
// consent to it.
func TestWhatIsLeftBehindIsNotGuarded(t *testing.T) {
	secret := ObjectID{Kind: "Secret", Namespace: "ns", Name: "db"}
	for _, prune := range []bool{true, false} {
		d := &v1alpha1.Delivery{Spec: v1alpha1.DeliverySpec{Revision: "main@sha1:new"},
			Status: v1alpha1.DeliveryStatus{Objects: 12, Policy: &v1alpha1.DeliveryPolicy{Prune: prune}}}
		p := &pruning{
			aim:    &aim.Aim{Snapshot: &view.Snapshot{Fleet: &api.Fleet{}}},
			record: record.Desk{}.Open(d), stand: &stand{inv: inventory.Inventory{}},
		}
		for i := range 10 {
			p.later = append(p.later, ObjectID{Kind: "ConfigMap", Namespace: "ns", Name: fmt.Sprint(i)})
		}
		if err := p.guard(t.Context(), []ObjectID{secret}); (err != nil) != prune {
			t.Errorf("prune %t: %v", prune, err)
		}
		if len(p.later) != 10 {
			t.Errorf("%d objects are known to go later", len(p.later))
		}
	}
}
