package apply

import (
	"context"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// FuzzHealth: whatever JSON a cluster answers, its health is told or is an error.
// Custom kinds may hold anything, and who writes them may not write a Delivery.
func FuzzHealth(f *testing.F) {
	seeded(f,
		`{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"x"},"spec":{"parallelism":[]},"status":{"conditions":[5,{"type":5,"status":"True"}]}}`,
		`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"x","generation":"7"},"spec":{"replicas":"0","paused":5},"status":{"observedGeneration":0.5,"replicas":{}}}`,
		`{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"x"},"spec":{"updateStrategy":[],"replicas":1e300},"status":5}`,
		`{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"x","annotations":[5]},"spec":{"storageClassName":{}},"status":{"phase":5}}`,
		`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"status":{"phase":"Pending","conditions":{"type":"x"},"containerStatuses":[5]}}`,
		`{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"x"},"status":{"conditions":[[]]}}`,
		`{"apiVersion":"example.com/v1","kind":"K","metadata":{"name":"x","generation":{},"deletionTimestamp":5},"status":{"conditions":"Ready","observedGeneration":"x"}}`,
		`{"apiVersion":5,"kind":[],"metadata":{},"spec":5,"status":[]}`, `{}`)
	f.Fuzz(func(t *testing.T, data []byte) {
		live := &unstructured.Unstructured{}
		if utiljson.Unmarshal(data, &live.Object) != nil || live.Object == nil {
			return
		}
		kind := live.GroupVersionKind()
		id := ID{Group: kind.Group, Kind: kind.Kind, Namespace: live.GetNamespace(), Name: live.GetName()}
		client := NewHands(Claims{}, answering{live}, nil, nil).Live
		health, err := client.Health(t.Context(), id, kind)
		if err == nil && health.Status == "" {
			t.Error("no word for its health")
		}
	})
}

// answering is a cluster that has one object.
type answering struct{ live *unstructured.Unstructured }

func (a answering) Get(_ context.Context, _ client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	into.(*unstructured.Unstructured).Object = a.live.DeepCopy().Object
	return nil
}

func (answering) List(context.Context, client.ObjectList, ...client.ListOption) error { return nil }
