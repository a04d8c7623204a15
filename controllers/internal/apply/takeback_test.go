package apply

import (
	"encoding/base64"
	"errors"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

func put(path ...string) func(*unstructured.Unstructured) {
	return func(u *unstructured.Unstructured) {
		value := base64.StdEncoding.EncodeToString([]byte("added"))
		_ = unstructured.SetNestedField(u.Object, value, path...)
	}
}

func TestWhatIsAddedByHandIsTakenBack(t *testing.T) {
	for name, test := range map[string]struct {
		sealed  bool
		manager string
		change  func(*unstructured.Unstructured)
		at      []string
		stays   bool
	}{
		"a key, by kubectl edit":                 {manager: "kubectl-edit", change: put("data", "added"), at: []string{"data", "added"}},
		"a key, by kubectl patch":                {manager: "kubectl-patch", change: put("data", "added"), at: []string{"data", "added"}},
		"a label, by kubectl label":              {manager: "kubectl-label", change: put("metadata", "labels", "added"), at: []string{"metadata", "labels", "added"}},
		"a key, by a controller":                 {manager: "injector", change: put("data", "added"), at: []string{"data", "added"}, stays: true},
		"a key of a sealed Secret, by kubectl":   {sealed: true, manager: "kubectl-edit", change: put("data", "added"), at: []string{"data", "added"}},
		"a key of a sealed Secret, by whomever":  {sealed: true, manager: "injector", change: put("data", "added"), at: []string{"data", "added"}},
		"a label of a sealed Secret, by another": {sealed: true, manager: "injector", change: put("metadata", "labels", "added"), at: []string{"metadata", "labels", "added"}, stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			o, values := b.configMap(plain), map[string]string(nil)
			if test.sealed {
				o, values = b.secret(), value("one")
			}
			entry := b.apply(o, v1alpha1.InventoryEntry{}, values)
			b.edit(o, test.manager, test.change)
			if test.sealed { // the dry run of plain objects is shown on a real API server
				verdict, seen, err := b.hands.Inspector.Inspect(t.Context(), o, entry)
				if err != nil || (verdict == Drifted) == test.stays {
					t.Errorf("verdict %v, %v", verdict, err)
				}
				if !test.stays && seen.By != test.manager {
					t.Errorf("blames %q", seen.By)
				}
			}
			next := b.apply(o, entry, values)
			live := b.live(o)
			if _, ok, _ := unstructured.NestedString(live.Object, test.at...); ok != test.stays {
				t.Errorf("it stands: %v", ok)
			}
			if test.sealed {
				if next.ResourceVersion != live.GetResourceVersion() {
					t.Error("the inventory has another version than what stands")
				}
				if verdict, _, err := b.hands.Inspector.Inspect(t.Context(), o, next); verdict != Same || err != nil {
					t.Errorf("it differs again: %v, %v", verdict, err)
				}
			}
		})
	}
}

func TestALiveObjectIsTakenOverWhereGitSaysSo(t *testing.T) {
	standing := theirs(map[string]string{"app.kubernetes.io/managed-by": "Helm"})
	standing.OwnerReferences = []metav1.OwnerReference{{APIVersion: "example.com/v1", Kind: "Tool", Name: "x", UID: "x"}}
	standing.Data["left"] = "over"
	standing.ManagedFields = []metav1.ManagedFieldsEntry{{
		Manager: "helm", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1", FieldsType: "FieldsV1",
		FieldsV1: metav1.NewFieldsV1(`{"f:data":{".":{},"f:key":{},"f:left":{}},"f:metadata":{"f:labels":{".":{},"f:app.kubernetes.io/managed-by":{}}}}`),
	}}
	for _, say := range []string{"", "false", "yes", "true"} {
		b := newBench(t, standing.DeepCopy())
		built := manifest(t, plain)
		if say != "" {
			annotate(built.Unstructured, v1alpha1.TakeOverAnnotation, say)
		}
		o := prepare(t, built)["ConfigMap/a"]
		entry, err := b.hands.Puts.Apply(t.Context(), o, v1alpha1.InventoryEntry{}, nil)
		live := b.live(o)
		if say != "true" {
			if !errors.As(err, new(*ConflictError)) || live.Object["data"].(map[string]any)["key"] != "theirs" {
				t.Errorf("with %q it was taken over: %v", say, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if live.GetUID() != "theirs" || len(live.GetOwnerReferences()) > 0 || !entry.TakenOver || entry.UID != "theirs" {
			t.Errorf("uid %s, owners %v, entry %+v", live.GetUID(), live.GetOwnerReferences(), entry)
		}
		data, _, _ := unstructured.NestedStringMap(live.Object, "data")
		if data["key"] != "ours" || len(data) != 1 || live.GetLabels()["app.kubernetes.io/managed-by"] != "" {
			t.Errorf("something of the other deployer is left: %v %v", data, live.GetLabels())
		}
		if again := b.apply(o, entry, nil); !again.TakenOver {
			t.Error("it is forgotten that it was taken over")
		}
	}
}
