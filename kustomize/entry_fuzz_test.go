package kustomize

import (
	"testing"

	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/internal/check"
	"github.com/bulla-dev/bulla/kustomize/internal/view"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/bulla-dev/bulla/kustomize/workload"
)

// FuzzWhatABuildGives: whatever JSON comes out of a build, it is refused or has
// its types, and nothing between it and a decision panics over it.
func FuzzWhatABuildGives(f *testing.F) {
	seeds := []string{
		`{"apiVersion":"v1","kind":5,"metadata":{"name":"x"}}`, `{"apiVersion":"v1","kind":"","metadata":{}}`,
		`{"kind":"K"}`, `[]`, `{}`, `5`, `null`,
		`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"till","labels":{"a":"b","cost-center":4711}}}`,
		`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","annotations":{"bulla.dev/stub":"x"},` +
			`"ownerReferences":[5]}}`,
		`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"x","namespace":7},"data":[1]}`,
		`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"x"},"spec":{"template":{"metadata":[],` +
			`"spec":{"containers":{}}}}}`,
		`{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"x"},` +
			`"spec":{"names":5,"scope":[]}}`,
		`{"apiVersion":"a/b/c","kind":"List","metadata":{"name":"x"},"items":[{}]}`,
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds: nothing is tried")
	}
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v := view.New(tree.New("", "", tree.NewDir(0, nil), nil), placement())
		objects, err := v.Objects([][]byte{data, data})
		if err != nil {
			_ = v.Refuse(err)
			return
		}
		p := placement()
		check.Settle(p, objects)
		if err := check.Objects(p, objects); err != nil {
			_ = v.Refuse(err)
		}
		if _, err := built.Digest(objects); err != nil {
			t.Error("no digest")
		}
		r := &Resolution{Placed: map[string]*Placed{"app": {Placement: p, Build: &Build{Objects: objects}}},
			Owners: map[ObjectID]string{}, Conflicts: map[ObjectID][]string{}}
		r.claim([]string{"app"})
		for _, o := range objects {
			if len(o.GetLabels()) == 0 && holds(o.Object, "labels") || len(o.GetAnnotations()) == 0 &&
				holds(o.Object, "annotations") {
				t.Errorf("a map reads as empty: %s", data)
			}
			workload.Templates(o.Object)
			workload.Reads(o.Object)
			r.MayDelete(o.ID())
		}
	})
}

// holds reports whether an object's metadata has something under a field.
func holds(object map[string]any, field string) bool {
	metadata, _ := object["metadata"].(map[string]any)
	value, ok := metadata[field]
	return ok && !built.IsEmpty(value)
}
