package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/drift"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/controllers/report"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/kustomize"
)

// Reconciler makes one placement so. A pass never blocks on health, on
// rollouts or on deletions: it looks, and comes back when something moved, so
// that one sick application holds no worker and a newer digest is taken up at
// once.
type Reconciler struct {
	options  Options
	client   client.Client // writes Deliveries; reads them from the cache
	reader   client.Reader // the API server itself
	writers  *writers
	finder   discovery.DiscoveryInterface
	watcher  *drift.Watcher
	recorder record.EventRecorder
	adopter  *adopter
	memories *memories
	queue    atomic.Pointer[workqueue.TypedRateLimitingInterface[reconcile.Request]]
	now      func() time.Time
}

// deliveryPass is one look at one Delivery, and what is done about it.
type deliveryPass struct {
	*Reconciler
	obj *v1alpha1.Delivery
	// saved is the Delivery as the API server has it.
	saved    *v1alpha1.Delivery
	mem      *memory
	snapshot *view.Snapshot
	placed   *kustomize.Placed
	hands    *apply.Client

	// objects are what Git wants to stand, without those in conflict.
	objects []apply.Object
	desired map[ObjectID]apply.Object
	inv     inventory.Inventory
	// remembered is how many entries the saved status has, parts are what it is to
	// name beside itself.
	remembered int
	parts      []inventory.Part
	dirty      map[ObjectID]bool
	// hold is why the build is not begun, nil when it is.
	hold error
	// pruned is what this pass confirmed absent, for the event.
	pruned []string
	// failures are what this pass could not do.
	failures failures
	// blind are kinds that cannot be watched.
	blind map[schema.GroupVersionKind]error
	// putOff are objects that differ, and whose revert waits.
	putOff []drift.Contest
	// running: something that ends by itself has not ended.
	running bool
	// notes are said in the Ready message of a success.
	notes []string
	// again asks for another pass within this time, 0 for none.
	again time.Duration
}

// errQuiet ends a pass that has nothing to say: the status stays as it is.
var errQuiet = errors.New("nothing to do")

// Reconcile makes one pass.
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (ctrl.Result, error) {
	obj := &v1alpha1.Delivery{}
	// Not the cache: a pass on an inventory that is one write old could forget
	// an object.
	if err := r.reader.Get(ctx, request.NamespacedName, obj); err != nil {
		if client.IgnoreNotFound(err) == nil {
			r.memories.forget(request.Name)
			r.options.Reporter.Left(request.Name)
			r.unwatch(ctx)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !obj.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	p := &deliveryPass{
		Reconciler: r, obj: obj, saved: obj.DeepCopy(),
		mem: r.memories.of(obj), snapshot: r.options.Snapshots.Load(),
	}
	return p.finish(ctx, p.run(ctx))
}

// run decides what kind of pass this is.
func (p *deliveryPass) run(ctx context.Context) error {
	if p.snapshot == nil {
		return errQuiet
	}
	if p.obj.Spec.Suspend {
		return held(v1alpha1.SuspendedReason, "suspended on this cluster%s: nothing is applied, healed or pruned; hint: %s",
			report.BySince(report.Suspension(p.obj)), report.ResumeHint(p.obj.Name))
	}
	p.placed = p.snapshot.Placed(p.obj.Name)
	if p.obj.Spec.Removed {
		return p.remove(ctx)
	}
	switch {
	case p.placed == nil:
		return errQuiet
	case p.placed.Placement.Spec.Suspend:
		return held(v1alpha1.SuspendedReason, "Git suspends the placement as of %s: nothing is applied, healed or pruned", p.snapshot.Revision)
	case p.placed.Err != nil:
		return p.broken(ctx)
	case p.placed.Build == nil || p.placed.Build.Digest != p.obj.Spec.BuildDigest:
		return errQuiet // FleetSync is about to write the digest
	}
	return p.deliver(ctx)
}

// deliver makes the cluster as the build says: plan, unseal, intend, apply,
// prune, settle, health.
func (p *deliveryPass) deliver(ctx context.Context) error {
	policy, err := p.options.policyOf(p.placed.Placement)
	if err != nil {
		return err
	}
	if err := p.begin(ctx, policy); err != nil {
		return err
	}
	if p.hold == nil {
		p.hold = p.dependencies(ctx)
	}
	if p.hold != nil {
		return p.waits(ctx, p.hold)
	}
	full := p.full()
	if full || len(p.dirty) > 0 {
		p.mem.planned = false
		if err := p.converge(ctx, full); err != nil {
			return p.waits(ctx, err)
		}
		p.watch(ctx) // a CRD of this build may just have come
	}
	if err := p.conflicts(); err != nil {
		return errors.Join(p.failed(), err)
	}
	if full && !p.failures.any() {
		p.applied()
	}
	inUse := p.prune(ctx, p.guard)
	if !stays(inUse) {
		return errors.Join(p.failed(), inUse)
	}
	p.settle(ctx)
	return p.conclusion(ctx, inUse)
}

// conclusion is how a pass ends that went through: what failed comes first, then
// who undoes what was done, then what is not well yet.
func (p *deliveryPass) conclusion(ctx context.Context, inUse error) error {
	err := p.runs(ctx)
	if unwell := together(p.health(ctx), inUse); err == nil {
		err = unwell
	}
	if looked := p.rollouts(ctx); err == nil {
		err = looked
	}
	for _, unwatched := range p.blind {
		err = applyFailed(unwatched)
	}
	if contested := p.contested(); contested != nil {
		err = contested
	}
	if failed := p.failed(); failed != nil {
		err = failed
	}
	return err
}

// broken is a placement that does not build: what stood is all there is.
func (p *deliveryPass) broken(ctx context.Context) error {
	hold := failed(meta.BuildFailedReason, p.placed.Err)
	if errors.Is(p.placed.Err, kustomize.ErrBuilding) {
		hold = progressing("%v", p.placed.Err) // FleetSync comes back with the build
	}
	policy, err := p.options.policyOf(p.placed.Placement)
	if err == nil {
		err = p.begin(ctx, policy)
	}
	if err != nil {
		return hold
	}
	return p.waits(ctx, hold)
}

// full says whether every object is to be compared, or only the dirty ones.
func (p *deliveryPass) full() bool {
	m, status := p.mem, p.obj.Status
	return !m.planned || m.digest != p.obj.Spec.BuildDigest ||
		status.AppliedBuildDigest != p.obj.Spec.BuildDigest ||
		p.requested() != status.LastHandledReconcileAt ||
		!p.now().Before(m.backstop)
}

// begin readies what every working pass needs: the inventory, the objects to
// stand, the clients, the watches.
func (p *deliveryPass) begin(ctx context.Context, policy *v1alpha1.DeliveryPolicy) error {
	p.dirty = p.mem.takeDirty()
	p.obj.Status.Policy = policy
	fleet := p.snapshot.Fleet.Spec.ID
	key, err := p.options.MACKey(ctx)
	if err != nil {
		return fmt.Errorf("read the cluster's comparison key: %w", err)
	}
	writer, err := p.writers.as(policy.ServiceAccount)
	if err != nil {
		return err
	}
	p.hands = &apply.Client{
		Owner:  apply.Owner{Fleet: fleet, Placement: p.obj.Name},
		Reader: p.reader, Writer: writer, Finder: p.finder, Key: key, Delivery: string(p.obj.UID),
		Readopt: p.obj.Spec.Revision != "" && p.obj.Annotations[v1alpha1.TakeOverAnnotation] == p.obj.Spec.Revision,
	}
	p.hold = p.want(fleet)
	if err := p.remember(ctx); err != nil {
		return err
	}
	p.watch(ctx)
	return nil
}

// want prepares the objects of the build that the revision's one map gives to
// this placement: an object that two claim, nobody gets.
func (p *deliveryPass) want(fleet string) error {
	p.desired = map[ObjectID]apply.Object{}
	if p.placed == nil || p.placed.Build == nil || p.obj.Spec.Removed {
		return nil
	}
	objects, err := p.mem.prepare(fleet, p.placed.Build)
	if err != nil {
		return failed(meta.BuildFailedReason, err)
	}
	for _, o := range objects {
		if inOwnNamespace(o.ID, p.options.Namespace) {
			return held(v1alpha1.ConflictReason, "%s: %q is the controller's own namespace, and no placement writes there",
				inventory.Describe(o.ID), p.options.Namespace)
		}
		if owner, ok := p.snapshot.Resolution.Owner(o.ID); ok && owner == p.obj.Name {
			p.objects = append(p.objects, o)
			p.desired[o.ID] = o
		}
	}
	return nil
}

// inOwnNamespace says whether an object is in the namespace that holds the
// cluster's keys, or is that namespace. A Pod there could mount them, and who
// has them opens what is locked to this cluster.
func inOwnNamespace(id ObjectID, own string) bool {
	return id.Namespace == own || id.Group == "" && id.Kind == "Namespace" && id.Name == own
}

// remember reads the inventory. An empty one on a Delivery that never settled
// may be a Delivery that somebody deleted: its objects carry the proof of it.
func (p *deliveryPass) remember(ctx context.Context) error {
	known, err := p.readInventory(ctx)
	// Parts that somebody took away are as a Delivery that somebody deleted.
	lost := err != nil && len(p.obj.Status.InventoryParts) > 0 && p.missing(err)
	if err != nil && !lost {
		return err
	}
	if known == nil {
		known = inventory.Inventory{}
	}
	p.inv, p.remembered = known, len(known)
	if lost || len(known) == 0 && p.obj.Status.AppliedBuildDigest == "" {
		adopted, err := p.adopter.adopt(ctx, p.obj, p.hands)
		if err != nil {
			return fmt.Errorf("look for objects to adopt again: %w", err)
		}
		maps.DeleteFunc(adopted, func(id ObjectID, _ v1alpha1.InventoryEntry) bool { return !p.reaches(id) })
		if len(adopted) > 0 {
			p.event("Adopted", fmt.Sprintf("%d objects are proved to be this placement's", len(adopted)))
			p.inv, p.obj.Status.Objects = adopted, len(adopted)
		}
	}
	p.mem.learn(p.inv)
	return nil
}

// reaches reports whether an object is one that the build wants, or stands where
// the placement may write. Of a placement that is gone nobody knows where that
// was: the proof has to do.
func (p *deliveryPass) reaches(id ObjectID) bool {
	if _, wanted := p.desired[id]; wanted || p.placed == nil {
		return true
	}
	own := p.placed.Placement.Spec.AllNamespaces()
	if id.Namespace != "" {
		return slices.Contains(own, id.Namespace)
	}
	kind, allow := schema.GroupKind{Group: id.Group, Kind: id.Kind}.String(), p.placed.Placement.Spec.Allow
	return kind == "Namespace" && slices.Contains(own,
		id.Name) || allow != nil && slices.Contains(allow.ClusterResources, kind)
}

// watch watches the kinds of the inventory and of the build, and no longer those
// of nobody: the informer of a kind whose CRD is gone would ask for ever. A kind
// that cannot be watched is told at the end: it keeps nothing else.
func (p *deliveryPass) watch(ctx context.Context) {
	kinds := p.inv.Kinds()
	for _, o := range p.objects {
		kinds = append(kinds, o.Manifest.GroupVersionKind())
	}
	p.mem.watches(kinds)
	for _, gvk := range kinds {
		if p.blind[gvk] != nil {
			continue // it takes long to find out
		}
		if err := p.watcher.Watch(ctx, gvk); err != nil {
			if p.blind == nil {
				p.blind = map[schema.GroupVersionKind]error{}
			}
			p.blind[gvk] = err
		}
	}
	p.unwatch(ctx)
}

func (r *Reconciler) unwatch(ctx context.Context) {
	used := r.memories.kinds()
	for _, gvk := range r.watcher.Kinds() {
		if !used[gvk] {
			r.watcher.Unwatch(ctx, gvk)
		}
	}
}

// dependencies holds a new digest until what it depends on stands at its own.
func (p *deliveryPass) dependencies(ctx context.Context) error {
	if p.obj.Status.AppliedBuildDigest == p.obj.Spec.BuildDigest {
		return nil
	}
	for _, dependency := range p.placed.Placement.Spec.DependsOn {
		other := &v1alpha1.Delivery{}
		key := client.ObjectKey{Namespace: p.obj.Namespace, Name: dependency.Name}
		if err := client.IgnoreNotFound(p.client.Get(ctx, key, other)); err != nil {
			return fmt.Errorf("read dependency %q: %w", dependency.Name, err)
		}
		if standsAtHead(p.snapshot.Placed(dependency.Name), other) {
			continue
		}
		if never := p.snapshot.Never(p.obj.Name, dependency.Name); never != "" {
			return held(meta.DependencyNotReadyReason, "%s", never)
		}
		p.again = dependencyRetry
		return held(meta.DependencyNotReadyReason, "waits for placement %q to be ready on this cluster%s",
			dependency.Name, whyNot(other))
	}
	return nil
}

// standsAtHead: Ready, and at the digest that the snapshot gives it.
func standsAtHead(placed *kustomize.Placed, d *v1alpha1.Delivery) bool {
	return placed != nil && placed.Build != nil && ready(d) &&
		d.Spec.BuildDigest == placed.Build.Digest &&
		d.Status.AppliedBuildDigest == placed.Build.Digest &&
		d.Status.ObservedGeneration == d.Generation
}

// lastPolicy is for a removal whose policy was lost with the status.
func (o Options) lastPolicy(spec v1alpha1.DeliverySpec) (*v1alpha1.DeliveryPolicy, error) {
	policy := &v1alpha1.DeliveryPolicy{Prune: true}
	if spec.TargetNamespace != "" { // of a version that wrote it
		var err error
		policy, err = o.policyOf(&api.Placement{Spec: api.PlacementSpec{
			TargetNamespace: spec.TargetNamespace, ServiceAccountName: spec.ServiceAccountName,
		}})
		if err != nil {
			return nil, err
		}
	}
	policy.Timeout.Duration = defaultRemovalTimeout
	return policy, nil
}

// policyOf is what a Placement wants of its objects' going, and as whom it is
// applied.
func (o Options) policyOf(placement *api.Placement) (*v1alpha1.DeliveryPolicy, error) {
	policy := &v1alpha1.DeliveryPolicy{Prune: placement.Spec.PruneEnabled()}
	policy.Timeout.Duration = placement.Spec.TimeoutOrDefault()
	account := cmp.Or(placement.Spec.ServiceAccountName, o.DefaultServiceAccount)
	switch {
	case account != "":
		policy.ServiceAccount = placement.Spec.AllNamespaces()[0] + "/" + account
	case !o.ApplyAsController:
		return nil, held(v1alpha1.NoServiceAccountReason,
			"the placement has no serviceAccountName, and the controller applies nothing in its own name; "+
				"hint: name an account of namespace %q in the placement, or give the controller --default-service-account", placement.Spec.AllNamespaces()[0])
	}
	return policy, nil
}
