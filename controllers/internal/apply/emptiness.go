package apply

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
)

// system kinds and objects are made by Kubernetes itself and go with their
// namespace.
var (
	systemKinds = map[schema.GroupKind]bool{
		{Kind: "Event"}:                                        true,
		{Group: "events.k8s.io", Kind: "Event"}:                true,
		{Kind: "Endpoints"}:                                    true,
		{Group: "discovery.k8s.io", Kind: "EndpointSlice"}:     true,
		{Group: "metrics.k8s.io", Kind: "PodMetrics"}:          true,
		{Group: "coordination.k8s.io", Kind: "LeaseCandidate"}: true,
	}
	systemObjects = map[ID]bool{
		{Kind: "ServiceAccount", Name: "default"}:     true,
		{Kind: "ConfigMap", Name: "kube-root-ca.crt"}: true,
	}
)

// Empty is an error where something would die with a Namespace or a CRD. Whose it is
// counts first: one that somebody else made holds no prune, for it stays as it is.
func (r *Deletes) Empty(ctx context.Context, id ID, entry v1alpha1.InventoryEntry) error {
	if kind := groupKind(id); kind != namespace && kind != crd {
		return nil
	}
	fate, err := r.Look(ctx, id, entry)
	if err != nil || fate.Gone {
		return err
	}
	occupant, err := r.live.Occupied(ctx, id)
	if err != nil || occupant == "" {
		return err
	}
	return fmt.Errorf("%s stays: it still holds %s; hint: take away what it holds, or put it back into Git: "+
		"with %s: disabled, merged before it is dropped again, it is let go of",
		inventory.Describe(id), occupant, v1alpha1.PruneAnnotation)
}

// Occupied names something that would die with a Namespace or a CRD, "" when
// nothing would. Everything of ours went in earlier stages, so whatever is left
// is somebody else's, or still going. An answer that is not complete is an
// error: it deletes nothing.
func (l *Live) Occupied(ctx context.Context, id ID) (string, error) {
	switch groupKind(id) {
	case namespace:
		return l.inNamespace(ctx, id.Name)
	case crd:
		return l.instances(ctx, id.Name)
	}
	return "", nil
}

func (l *Live) inNamespace(ctx context.Context, name string) (string, error) {
	lists, err := l.kinds.finder.ServerPreferredNamespacedResources()
	if err != nil {
		return "", fmt.Errorf("look into namespace %q: %w", name, err)
	}
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return "", fmt.Errorf("look into namespace %q: %w", name, err)
		}
		for _, resource := range list.APIResources {
			gvk := gv.WithKind(resource.Kind)
			if !slices.Contains(resource.Verbs, "list") || systemKinds[gvk.GroupKind()] {
				continue
			}
			found, err := l.first(ctx, gvk, client.InNamespace(name))
			if err != nil || found != "" {
				return found, err
			}
		}
	}
	return "", nil
}

func (l *Live) instances(ctx context.Context, name string) (string, error) {
	definition := &unstructured.Unstructured{}
	definition.SetGroupVersionKind(crd.WithVersion("v1"))
	if err := l.reader.Get(ctx, client.ObjectKey{Name: name}, definition); err != nil {
		return "", client.IgnoreNotFound(err)
	}
	if neverServed(definition) {
		return "", nil
	}
	group, _, _ := unstructured.NestedString(definition.Object, "spec", "group")
	kind, _, _ := unstructured.NestedString(definition.Object, "spec", "names", "kind")
	versions, _, _ := unstructured.NestedSlice(definition.Object, "spec", "versions")
	for _, item := range versions {
		version, _ := item.(map[string]any)
		text, _ := version["name"].(string)
		if served, _ := version["served"].(bool); !served || text == "" {
			continue
		}
		// Every version shows the same objects: one is enough.
		return l.first(ctx, schema.GroupVersionKind{Group: group, Version: text, Kind: kind})
	}
	// Objects that it had before are in the store all the same, and go with it.
	return "", fmt.Errorf("look for objects of %s: it serves no version; "+
		"hint: serve one again, or delete the definition by hand", name)
}

// neverServed: its names were refused from the beginning, so that nobody could make an
// object of it. A definition that was established once stays so.
func neverServed(definition *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(definition.Object, "status", "conditions")
	return slices.ContainsFunc(conditions, func(item any) bool {
		condition, _ := item.(map[string]any)
		return condition["type"] == "Established" && condition["status"] == "False"
	})
}

// first names an object of a kind, "" for none.
func (l *Live) first(ctx context.Context, gvk schema.GroupVersionKind, options ...client.ListOption) (string, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	// More than the system puts into a namespace is enough to tell.
	options = append(options, client.Limit(len(systemObjects)+1))
	// A kind that the mapper does not know has been there a moment ago: that it was
	// not found says nothing of its objects.
	if err := l.reader.List(ctx, list, options...); err != nil {
		return "", fmt.Errorf("list %s: %w", gvk.GroupKind(), err)
	}
	for _, item := range list.Items {
		if !systemObjects[ID{Group: gvk.Group, Kind: gvk.Kind, Name: item.Name}] {
			return inventory.Describe(ID{Kind: gvk.Kind, Namespace: item.Namespace, Name: item.Name}), nil
		}
	}
	return "", nil
}
