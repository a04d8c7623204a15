package apply

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

// server answers as an API server does whose kinds come and go.
type server struct {
	client.Reader
	discovery.DiscoveryInterface
	// valves are in the versions that are served, down or not defined at all.
	served  []string
	exists  bool
	defined bool
	remote  bool // another server has the group
	mute    bool // discovery does not answer
}

func (s *server) Get(_ context.Context, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	gvk := o.GetObjectKind().GroupVersionKind()
	resource := schema.GroupResource{Group: gvk.Group, Resource: "valves"}
	for _, version := range s.served {
		if version != gvk.Version {
			continue
		}
		if !s.exists {
			return apierrors.NewNotFound(resource, key.Name)
		}
		o.SetName(key.Name)
		o.SetNamespace(key.Namespace)
		return nil
	}
	// What client-go makes of "404 page not found".
	return apierrors.NewGenericServerResponse(404, "get", resource, key.Name, "404 page not found", 0, true)
}

func (s *server) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	switch list := list.(type) {
	case *unstructured.UnstructuredList:
		if s.defined {
			list.Items = []unstructured.Unstructured{{Object: map[string]any{
				"metadata": map[string]any{"name": "valves.plant.example"},
				"spec":     map[string]any{"group": "plant.example", "names": map[string]any{"kind": "Valve"}},
			}}}
		}
	case *metav1.PartialObjectMetadataList:
		local := metav1.ObjectMeta{Name: "v1.apps", Labels: map[string]string{autoManaged: "onstart"}}
		list.Items = []metav1.PartialObjectMetadata{{ObjectMeta: local}}
		if s.remote {
			list.Items = append(list.Items, metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "v1.plant.example"}})
		}
	}
	return nil
}

func (s *server) ServerGroups() (*metav1.APIGroupList, error) {
	if s.mute {
		return nil, errors.New("no answer")
	}
	group := metav1.APIGroup{Name: "plant.example"}
	for _, version := range s.served {
		group.Versions = append(group.Versions, metav1.GroupVersionForDiscovery{GroupVersion: "plant.example/" + version, Version: version})
	}
	return &metav1.APIGroupList{Groups: []metav1.APIGroup{group}}, nil
}

func (s *server) ServerResourcesForGroupVersion(string) (*metav1.APIResourceList, error) {
	return &metav1.APIResourceList{APIResources: []metav1.APIResource{{Kind: "Valve"}}}, nil
}

func TestA404IsNotTakenForAbsence(t *testing.T) {
	for name, test := range map[string]struct {
		server server
		found  string // the version in which it is found
		unseen string // why nobody can tell
	}{
		"it stands":                             {server: server{served: []string{"v1alpha1"}, exists: true, defined: true}, found: "v1alpha1"},
		"it is gone":                            {server: server{served: []string{"v1alpha1"}, defined: true}},
		"its version is not served, another is": {server: server{served: []string{"v1"}, exists: true, defined: true}, found: "v1"},
		"the same, and it is gone":              {server: server{served: []string{"v1"}, defined: true}},
		"its definition serves no version":      {server: server{exists: true, defined: true}, unseen: "valves.plant.example serves no version"},
		"its definition is gone":                {server: server{}},
		"its server is out of reach":            {server: server{remote: true}, unseen: "v1.plant.example is out of reach"},
		"discovery does not answer":             {server: server{mute: true, defined: true}, unseen: "does not say"},
	} {
		t.Run(name, func(t *testing.T) {
			c := NewHands(Claims{}, &test.server, nil, &test.server).Live
			id := ID{Group: "plant.example", Kind: "Valve", Namespace: "ns", Name: "one"}
			live, err := c.metadata(t.Context(), id, schema.GroupVersionKind{Group: "plant.example", Version: "v1alpha1", Kind: "Valve"})
			var unseen *UnseenError
			switch {
			case test.unseen != "":
				if !errors.As(err, &unseen) || !strings.Contains(err.Error(), test.unseen) {
					t.Errorf("got %v", err)
				}
			case err != nil:
				t.Error(err)
			case (live != nil) != (test.found != ""):
				t.Errorf("found %v", live)
			case live != nil && live.GroupVersionKind().Version != test.found:
				t.Errorf("found in %s", live.GroupVersionKind().Version)
			}
		})
	}
}

// TestHealthOfWhatIsServedNoMoreIsNotKnown: an object whose API is gone may stand, in
// another version or behind a server that is away. Absent is what the API server says.
func TestHealthOfWhatIsServedNoMoreIsNotKnown(t *testing.T) {
	valve := manifest(t, "{apiVersion: plant.example/v1alpha1, kind: Valve, metadata: {name: one, namespace: ns}}")
	for name, test := range map[string]struct {
		server server
		status status.Status
		unseen string
	}{
		"it stands": {
			server: server{served: []string{"v1alpha1"}, exists: true, defined: true}, status: status.CurrentStatus,
		},
		"it stands in another version": {
			server: server{served: []string{"v1"}, exists: true, defined: true}, status: status.CurrentStatus,
		},
		"it is gone":                    {server: server{served: []string{"v1alpha1"}, defined: true}, status: status.NotFoundStatus},
		"its definition is not there":   {server: server{}, status: status.NotFoundStatus},
		"its definition serves nothing": {server: server{exists: true, defined: true}, unseen: "serves no version"},
		"its server is out of reach":    {server: server{remote: true}, unseen: "is out of reach"},
	} {
		live := NewHands(Claims{}, &test.server, nil, &test.server).Live
		o := prepare(t, valve)["Valve/one"]
		health, err := live.Health(t.Context(), o.ID, valve.GroupVersionKind())
		_, ended := live.Ended(t.Context(), o, v1alpha1.InventoryEntry{})
		for _, err := range []error{err, ended} {
			if (err != nil) != (test.unseen != "") || err != nil && !strings.Contains(err.Error(), test.unseen) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err == nil && health.Status != test.status {
			t.Errorf("%s: %s", name, health.Status)
		}
	}
}
