package apply

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/controllers/internal/inventory"
)

// standing is an API server beside which another one, of Widgets, is down. It notes who
// was asked for.
type standing struct {
	server
	t     *testing.T
	live  map[string]string
	asked []string
}

func (s *standing) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	gvk := o.GetObjectKind().GroupVersionKind()
	s.asked = append(s.asked, gvk.Kind+"/"+key.Name)
	resource := schema.GroupResource{Group: gvk.Group, Resource: gvk.Kind}
	switch text, ok := s.live[gvk.Kind+"/"+key.Name]; {
	case gvk.Kind == "Widget":
		return apierrors.NewServiceUnavailable("the server is currently unable to handle the request")
	case gvk.Kind == "Valve" && !slices.Contains(s.served, gvk.Version):
		return s.server.Get(ctx, key, o, opts...)
	case !ok:
		return apierrors.NewNotFound(resource, key.Name)
	default:
		u := o.(interface{ SetUnstructuredContent(map[string]any) })
		u.SetUnstructuredContent(manifest(s.t, text).Object)
		return nil
	}
}

// A server that is down keeps what its objects may name, and no more; an object is found
// in whatever version it is served in; and what names nothing is not asked for.
func TestWhatStandsKeepsWhatItNamesAndAServerThatIsDownNoMore(t *testing.T) {
	const spec = "template: {spec: {containers: [{name: c, image: i, envFrom: [{secretRef: {name: NAME}}]}]}}"
	s := &standing{t: t, server: server{served: []string{"v2"}, defined: true}, live: map[string]string{
		"Deployment/web": replace("{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: ns}, spec: {"+
			spec+"}}", "NAME", "db"),
		"Valve/one": replace("{apiVersion: plant.example/v2, kind: Valve, metadata: {name: one, namespace: ns}, spec: {"+
			spec+"}}", "NAME", "valve"),
	}}
	inv := inventory.Inventory{}
	for _, id := range []ID{
		{Kind: "Widget", Group: "down.example", Namespace: "edge", Name: "a"},
		{Kind: "Widget", Group: "down.example", Namespace: "edge", Name: "b"},
		{Kind: "Deployment", Group: "apps", Namespace: "ns", Name: "web"},
		{Kind: "Deployment", Group: "apps", Namespace: "far", Name: "web"},
		{Kind: "Role", Group: "rbac.authorization.k8s.io", Namespace: "ns", Name: "r"},
		{Kind: "PersistentVolumeClaim", Namespace: "ns", Name: "data"}, {Kind: "Secret", Namespace: "ns", Name: "db"},
		{Kind: "ConfigMap", Namespace: "ns", Name: "c"}, {Kind: "Service", Namespace: "ns", Name: "s"},
		{Kind: "ServiceAccount", Namespace: "ns", Name: "robot"},
	} {
		inv.Add(id, "v1", "")
	}
	inv.Add(ID{Kind: "Valve", Group: "plant.example", Namespace: "ns", Name: "one"}, "v1", "")
	secret := func(namespace, name string) ID { return ID{Kind: "Secret", Namespace: namespace, Name: name} }
	got, err := NewHands(Claims{}, s, nil, s).Live.UsersAmong(t.Context(), inv, []ID{secret("ns", "db"),
		secret("ns", "valve"), secret("ns", "revoked"), secret("edge", "kept")})
	if err != nil {
		t.Fatal(err)
	}
	want := map[ID]string{secret("ns", "db"): "Deployment ns/web", secret("ns", "valve"): "Valve ns/one",
		secret("edge", "kept"): "Widget edge/a, which cannot be looked at now,"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
	slices.Sort(s.asked)
	if diff := cmp.Diff([]string{"Deployment/web", "ServiceAccount/robot", "Valve/one", "Valve/one", "Widget/a"},
		s.asked); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
}
