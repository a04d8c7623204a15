package controllers

import (
	"context"
	"fmt"
	"slices"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
)

// adopter finds the objects of Deliveries whose status is lost: somebody
// deleted the Delivery, its CRD or its namespace. It looks through every kind
// of the cluster, by metadata, once for all Deliveries that exist then; a
// Delivery made later asks for another look.
type adopter struct {
	namespace string
	client    client.Reader // lists Deliveries, from the cache
	reader    client.Reader // the API server itself
	finder    discovery.DiscoveryInterface

	mu      sync.Mutex
	covered map[types.UID]bool // Deliveries that the last look may answer, once each
	found   map[string]inventory.Inventory
}

// adopt gives what carries a Delivery's owner label.
func (a *adopter) adopt(ctx context.Context, d *v1alpha1.Delivery, fleet string) (inventory.Inventory, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.covered[d.UID] {
		if err := a.look(ctx, d, fleet); err != nil {
			return nil, err
		}
	}
	delete(a.covered, d.UID)
	found := a.found[d.Name]
	delete(a.found, d.Name)
	if found == nil {
		found = inventory.Inventory{}
	}
	return found, nil
}

func (a *adopter) look(ctx context.Context, asking *v1alpha1.Delivery, fleet string) error {
	known := &v1alpha1.DeliveryList{}
	if err := a.client.List(ctx, known, client.InNamespace(a.namespace)); err != nil {
		return fmt.Errorf("list deliveries: %w", err)
	}
	// An aggregated API that is down must not keep every new application out:
	// what answers is looked through.
	kinds, err := a.finder.ServerPreferredResources()
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		return fmt.Errorf("discover kinds: %w", err)
	}
	a.covered = map[types.UID]bool{asking.UID: true}
	for _, d := range known.Items {
		a.covered[d.UID] = true
	}
	a.found = map[string]inventory.Inventory{}
	for _, list := range kinds {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return fmt.Errorf("discover kinds: %w", err)
		}
		for _, resource := range list.APIResources {
			if !slices.Contains(resource.Verbs, "list") || !slices.Contains(resource.Verbs, "delete") {
				continue
			}
			if err := a.lookAt(ctx, gv.WithKind(resource.Kind), fleet); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *adopter) lookAt(ctx context.Context, gvk schema.GroupVersionKind, fleet string) error {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	err := a.reader.List(ctx, list, client.MatchingLabels{v1alpha1.FleetLabel: fleet}, client.HasLabels{v1alpha1.OwnerLabel})
	if err != nil {
		if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) || apierrors.IsForbidden(err) || apierrors.IsMethodNotSupported(err) {
			return nil // nor could it be pruned
		}
		return fmt.Errorf("list %s: %w", gvk.GroupKind(), err)
	}
	for _, item := range list.Items {
		if !appliedByUs(&item) {
			continue
		}
		name := item.Labels[v1alpha1.OwnerLabel]
		if a.found[name] == nil {
			a.found[name] = inventory.Inventory{}
		}
		id := ObjectID{Group: gvk.Group, Kind: gvk.Kind, Namespace: item.Namespace, Name: item.Name}
		a.found[name][id] = v1alpha1.InventoryEntry{ID: inventory.Format(id), Version: gvk.Version, UID: string(item.UID)}
	}
	return nil
}

// appliedByUs: labels are copied, by people and by controllers (a Service's
// reach its EndpointSlices). Only an object that our field manager applied, and
// that no other object owns, was made by bulla.
func appliedByUs(o *metav1.PartialObjectMetadata) bool {
	return len(o.OwnerReferences) == 0 && slices.ContainsFunc(o.ManagedFields, func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Manager == apply.FieldManager && entry.Operation == metav1.ManagedFieldsOperationApply
	})
}
