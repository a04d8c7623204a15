package apply

import (
	"encoding/json"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/kustomize"
)

func noDigest(*kustomize.Stub) (string, error) { return "sha256:0", nil }

// TestNoTolerantGetterStandsBeforeAWrite: what cannot be read is an error, never
// a map that is written back without what it held.
func TestNoTolerantGetterStandsBeforeAWrite(t *testing.T) {
	for _, metadata := range []string{
		`{"name":"x","labels":{"pod-security.kubernetes.io/enforce":"restricted","cost-center":4711}}`,
		`{"name":"x","labels":["a"]}`,
		`{"name":"x","annotations":{"a":"b","c":true}}`,
		`{"name":"x","annotations":"text"}`,
	} {
		u := &unstructured.Unstructured{}
		if err := json.Unmarshal([]byte(`{"apiVersion":"v1","kind":"Namespace","metadata":`+metadata+`}`), &u.Object); err != nil {
			t.Fatal(err)
		}
		if objects, err := Prepare(Owner{"fleet", "app"}, []kustomize.Object{{Unstructured: u}}, noDigest); err == nil {
			t.Errorf("%s is prepared as %v", metadata, objects[0].Manifest.Object["metadata"])
		}
	}
}

// FuzzPrepare: whatever JSON stands in an object, preparing it for a cluster fails
// or keeps its labels and annotations.
func FuzzPrepare(f *testing.F) {
	seeded(f,
		`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","labels":{"a":"b"}}}`,
		`{"apiVersion":"v1","kind":5,"metadata":{"name":"x"}}`,
		`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"x"},"spec":{"template":{"metadata":{"annotations":{"a":1}},"spec":{"containers":[{"envFrom":[5]}],"volumes":{}}}}}`,
		`{"apiVersion":"batch/v1","kind":"CronJob","metadata":{"name":"x","annotations":null},"spec":{"jobTemplate":[{"spec":{}}]}}`,
		`{"metadata":5}`, `{}`, `{"kind":"","metadata":{"labels":[]}}`)
	f.Fuzz(func(t *testing.T, data []byte) {
		u := &unstructured.Unstructured{}
		if json.Unmarshal(data, &u.Object) != nil || u.Object == nil {
			return
		}
		before, _, err := unstructured.NestedStringMap(u.Object, "metadata", "labels")
		objects, failed := Prepare(Owner{"fleet", "app"}, []kustomize.Object{{Unstructured: u}}, noDigest)
		if failed != nil {
			return
		}
		if err != nil {
			t.Fatalf("labels that are not text are prepared: %v", err)
		}
		for key, value := range before {
			if key != v1alpha1.OwnerLabel && key != v1alpha1.FleetLabel && objects[0].Manifest.GetLabels()[key] != value {
				t.Errorf("label %q is lost", key)
			}
		}
	})
}

// seeded adds what fuzzing begins with, and what a plain test run tries.
func seeded(f *testing.F, seeds ...string) {
	if len(seeds) == 0 {
		f.Fatal("no seeds: nothing is tried")
	}
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
}
