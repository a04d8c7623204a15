package scope

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// The table is written by hand; kustomize's own, made from an API server, says
// the same of every kind that it knows.
func TestScopesAgreeWithKubernetes(t *testing.T) {
	known := New(nil)
	namespaced := []schema.GroupVersionKind{
		{Version: "v1", Kind: "Secret"}, {Version: "v1", Kind: "ServiceAccount"},
		{Version: "v1", Kind: "PersistentVolumeClaim"},
		{Group: "apps", Version: "v1", Kind: "Deployment"}, {Group: "batch", Version: "v1", Kind: "CronJob"},
		{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "Role"},
		{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"},
		{Group: "policy", Version: "v1", Kind: "PodDisruptionBudget"},
		{Group: "coordination.k8s.io", Version: "v1", Kind: "Lease"},
		{Group: "discovery.k8s.io", Version: "v1", Kind: "EndpointSlice"},
	}
	var checked []string
	for name := range clusterScoped {
		gk := schema.ParseGroupKind(name)
		for _, version := range []string{"v1", "v1beta1", "v1alpha1"} {
			if scoped, ok := openapi.IsNamespaceScoped(yaml.TypeMeta{APIVersion: schema.GroupVersion{Group: gk.Group,
				Version: version}.String(), Kind: gk.Kind}); ok {
				checked = append(checked, name)
				if scoped {
					t.Errorf("%s is namespaced in %s", name, version)
				}
			}
		}
	}
	if len(checked) < 20 {
		t.Errorf("kustomize knows only %v", checked)
	}
	for _, gvk := range namespaced {
		scoped, ok := openapi.IsNamespaceScoped(yaml.TypeMeta{APIVersion: gvk.GroupVersion().String(), Kind: gvk.Kind})
		if !ok || !scoped || known.Cluster(gvk.GroupKind()) {
			t.Errorf("%s: kustomize says namespaced %v (%v), the table says cluster %v", gvk, scoped, ok,
				known.Cluster(gvk.GroupKind()))
		}
		if !Builtin(gvk.Group) {
			t.Errorf("group %q is not known as Kubernetes' own", gvk.Group)
		}
	}
	for _, group := range []string{"example.com", "cluster.x-k8s.io", "snapshot.storage.k8s.io", "bulla.dev"} {
		if Builtin(group) {
			t.Errorf("group %q is taken for Kubernetes' own", group)
		}
	}
}
