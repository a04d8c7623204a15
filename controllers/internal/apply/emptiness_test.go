package apply

import (
	"context"
	"errors"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// shelf is an API server with one definition, and what a list of its objects gives.
type shelf struct {
	client.Reader
	discovery.DiscoveryInterface
	served  bool
	refused bool // its names are another's
	objects []string
	fails   error
}

func (s *shelf) Get(_ context.Context, _ client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	o.(*unstructured.Unstructured).Object["spec"] = map[string]any{
		"group": "plant.example", "names": map[string]any{"kind": "Valve"},
		"versions": []any{map[string]any{"name": "v1", "served": s.served, "storage": true}},
	}
	if s.refused {
		o.(*unstructured.Unstructured).Object["status"] = map[string]any{
			"conditions": []any{map[string]any{"type": "Established", "status": "False"}},
		}
	}
	return nil
}

func (s *shelf) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	for _, name := range s.objects {
		at := list.(*metav1.PartialObjectMetadataList)
		object := metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}}
		at.Items = append(at.Items, object)
	}
	return s.fails
}

func (s *shelf) ServerPreferredNamespacedResources() ([]*metav1.APIResourceList, error) {
	return []*metav1.APIResourceList{{GroupVersion: "plant.example/v1", APIResources: []metav1.APIResource{
		{Kind: "Valve", Name: "valves", Verbs: metav1.Verbs{"list", "delete"}},
	}}}, nil
}

// A CustomResourceDefinition takes its objects along, a Namespace what is in it. What
// cannot be looked at is not empty.
func TestWhatCannotBeLookedAtIsNotEmpty(t *testing.T) {
	unknown := &meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: "plant.example", Kind: "Valve"}}
	definition := ID{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition", Name: "valves.plant.example"}
	namespace := ID{Kind: "Namespace", Name: "ns"}
	for name, test := range map[string]struct {
		id    ID
		shelf shelf
		holds string // what it holds
		why   string // why nobody can tell
	}{
		"nothing": {id: definition, shelf: shelf{served: true}},
		"somebody's object": {
			id: definition, shelf: shelf{served: true, objects: []string{"one"}}, holds: "Valve ns/one",
		},
		"no version is served": {
			id: definition, shelf: shelf{objects: []string{"one"}}, why: "serves no version",
		},
		"the mapper has not heard of the kind": {
			id: definition, shelf: shelf{served: true, fails: unknown}, why: "no matches",
		},
		"it never was served": {id: definition, shelf: shelf{served: true, refused: true, fails: unknown}},
		"the list breaks off": {
			id: definition, shelf: shelf{served: true, fails: errors.New("cut")}, why: "cut",
		},
		"the mapper knows less than discovery": {id: namespace, shelf: shelf{fails: unknown}, why: "no matches"},
		"a namespace with an object": {
			id: namespace, shelf: shelf{objects: []string{"one"}}, holds: "Valve ns/one",
		},
		"a kind that takes nothing along": {id: ID{Kind: "ConfigMap", Name: "a"}, shelf: shelf{fails: unknown}},
	} {
		t.Run(name, func(t *testing.T) {
			c := NewHands(Claims{}, &test.shelf, nil, &test.shelf).Live
			holds, err := c.Occupied(t.Context(), test.id)
			if holds != test.holds {
				t.Errorf("it holds %q, want %q", holds, test.holds)
			}
			if (err != nil) != (test.why != "") || err != nil && !strings.Contains(err.Error(), test.why) {
				t.Errorf("got error %v, want %q", err, test.why)
			}
		})
	}
}
