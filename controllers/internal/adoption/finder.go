// Package adoption finds the objects of Deliveries whose status is lost, by the
// proofs that they carry.
package adoption

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
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
)

// Finder finds the objects of Deliveries whose status is lost: somebody
// deleted the Delivery, its CRD or its namespace. It looks through every kind
// of the cluster, by metadata, once for all Deliveries that exist then; a
// Delivery made later asks for another look.
type Finder struct {
	// Namespace of the Deliveries.
	Namespace string
	// Deliveries lists them, from the cache; Reader is the API server itself.
	Deliveries client.Reader
	Reader     client.Reader
	// Kinds says what is served.
	Kinds discovery.DiscoveryInterface

	mu      sync.Mutex
	covered map[types.UID]bool // Deliveries that the last look may answer, once each
	found   map[string]inventory.Inventory
}

// Adopt gives what is proved to be of a Delivery's placement.
func (a *Finder) Adopt(ctx context.Context, d *v1alpha1.Delivery, hands *apply.Hands) (inventory.Inventory, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.covered[d.UID] {
		if err := a.look(ctx, d, hands); err != nil {
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

func (a *Finder) look(ctx context.Context, asking *v1alpha1.Delivery, hands *apply.Hands) error {
	known := &v1alpha1.DeliveryList{}
	if err := a.Deliveries.List(ctx, known, client.InNamespace(a.Namespace)); err != nil {
		return fmt.Errorf("list deliveries: %w", err)
	}
	// An aggregated API that is down must not keep every new application out:
	// what answers is looked through.
	kinds, err := a.Kinds.ServerPreferredResources()
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
			// A kind that cannot be listed (its webhook is broken, its server is
			// away) must not keep every new application out either.
			if err := a.lookAt(ctx, gv.WithKind(resource.Kind), hands); err != nil {
				logf.FromContext(ctx).Error(err, "objects of this kind are not looked through for ones to adopt again")
			}
		}
	}
	return nil
}

func (a *Finder) lookAt(ctx context.Context, gvk schema.GroupVersionKind, hands *apply.Hands) error {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	err := a.Reader.List(ctx, list, client.MatchingLabels{v1alpha1.FleetLabel: hands.Claims.Owner.Fleet},
		client.HasLabels{v1alpha1.OwnerLabel})
	if err != nil {
		if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) || apierrors.IsForbidden(err) ||
			apierrors.IsMethodNotSupported(err) {
			return nil // nor could it be pruned
		}
		return fmt.Errorf("list %s: %w", gvk.GroupKind(), err)
	}
	for i := range list.Items {
		item := &list.Items[i]
		id := inventory.ID{Group: gvk.Group, Kind: gvk.Kind, Namespace: item.Namespace, Name: item.Name}
		// Labels are copied, by people and by controllers (a Service's reach its
		// EndpointSlices), and forged: the proof alone counts.
		name := hands.Claims.ProvenFor(id, item)
		if name == "" {
			continue
		}
		if a.found[name] == nil {
			a.found[name] = inventory.Inventory{}
		}
		a.found[name][id] = v1alpha1.InventoryEntry{ID: inventory.Format(id), Version: gvk.Version,
			UID:   string(item.UID),
			Prune: v1alpha1.Said(item, v1alpha1.PruneAnnotation)} // nobody else remembers
	}
	return nil
}
