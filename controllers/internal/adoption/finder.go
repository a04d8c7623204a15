// Package adoption finds the objects of Deliveries whose status is lost, by the
// proofs that they carry.
package adoption

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
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
// of the cluster, by metadata, once for all Deliveries that exist then, and for
// all names that have none: nobody but a Delivery's pass makes an object with a
// proof, so what a look did not find of such a name is not there until its first
// Delivery works. A Delivery that is made once more asks for another look.
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
	// worked are the names whose Deliveries stood at the last look or worked since. It is
	// nil while no look saw every kind: what one left out may be anybody's.
	worked map[string]bool
	found  map[string]inventory.Inventory
	fleet  string // that the last look was for
}

// Works notes a Delivery that needs no look: it works by the inventory that it has, and
// what it makes no earlier look has seen.
func (a *Finder) Works(d *v1alpha1.Delivery) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.worked != nil {
		a.worked[d.Name] = true
	}
}

// Adopt gives what is proved to be of a Delivery's placement.
func (a *Finder) Adopt(ctx context.Context, d *v1alpha1.Delivery, hands *apply.Hands) (inventory.Inventory, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	first := a.worked != nil && !a.worked[d.Name]
	if a.fleet != hands.Claims.Owner.Fleet || !first && !a.covered[d.UID] {
		if err := a.look(ctx, d, hands); err != nil {
			return nil, err
		}
	}
	if a.worked != nil {
		a.worked[d.Name] = true
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
	whole := err == nil
	covered, worked := map[types.UID]bool{asking.UID: true}, map[string]bool{asking.Name: true}
	for _, d := range known.Items {
		covered[d.UID], worked[d.Name] = true, true
	}
	a.covered, a.worked, a.found, a.fleet = nil, nil, map[string]inventory.Inventory{}, hands.Claims.Owner.Fleet
	listable, err := listable(kinds)
	if err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(atOnce)
	looks := make([]look, len(listable))
	for i, gvk := range listable {
		group.Go(func() error {
			looks[i] = a.lookAt(ctx, gvk, hands)
			return nil
		})
	}
	_ = group.Wait()
	for _, one := range looks {
		// A kind that cannot be listed (its webhook is broken, its server is
		// away) must not keep every new application out either.
		if one.err != nil {
			logf.FromContext(ctx).Error(one.err, "objects of this kind are not looked through for ones to adopt again")
		}
		whole = whole && one.whole
		for _, found := range one.found {
			if a.found[found.placement] == nil {
				a.found[found.placement] = inventory.Inventory{}
			}
			a.found[found.placement][found.id] = found.entry
		}
	}
	a.covered = covered
	if whole {
		a.worked = worked
	}
	return nil
}

// atOnce is how many kinds are listed at once.
const atOnce = 8

// listable are the kinds whose objects can be listed and deleted.
func listable(lists []*metav1.APIResourceList) ([]schema.GroupVersionKind, error) {
	var kinds []schema.GroupVersionKind
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, fmt.Errorf("discover kinds: %w", err)
		}
		for _, resource := range list.APIResources {
			if slices.Contains(resource.Verbs, "list") && slices.Contains(resource.Verbs, "delete") {
				kinds = append(kinds, gv.WithKind(resource.Kind))
			}
		}
	}
	return kinds, nil
}

// look is what one kind has.
type look struct {
	found []proven
	// whole: every object that could be pruned was seen.
	whole bool
	err   error
}

type proven struct {
	placement string
	id        inventory.ID
	entry     v1alpha1.InventoryEntry
}

func (a *Finder) lookAt(ctx context.Context, gvk schema.GroupVersionKind, hands *apply.Hands) (seen look) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	err := a.Reader.List(ctx, list, client.MatchingLabels{v1alpha1.FleetLabel: hands.Claims.Owner.Fleet},
		client.HasLabels{v1alpha1.OwnerLabel})
	switch {
	case apierrors.IsForbidden(err), apierrors.IsMethodNotSupported(err):
		return look{whole: true} // nor could it be pruned
	case meta.IsNoMatchError(err), apierrors.IsNotFound(err):
		return look{} // it may come back
	case err != nil:
		return look{err: fmt.Errorf("list %s: %w", gvk.GroupKind(), err)}
	}
	for i := range list.Items {
		item := &list.Items[i]
		id := inventory.ID{Group: gvk.Group, Kind: gvk.Kind, Namespace: item.Namespace, Name: item.Name}
		// Labels are copied, by people and by controllers (a Service's reach its
		// EndpointSlices), and forged: the proof alone counts.
		if name := hands.Claims.ProvenFor(id, item); name != "" {
			seen.found = append(seen.found, proven{name, id, v1alpha1.InventoryEntry{
				ID: inventory.Format(id), Version: gvk.Version, UID: string(item.UID),
				Prune: v1alpha1.Said(item, v1alpha1.PruneAnnotation), // nobody else remembers
			}})
		}
	}
	seen.whole = true
	return seen
}
