package fleetsync

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fluxcd/pkg/apis/meta"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/controllers/internal/own"
	"github.com/bulla-dev/bulla/controllers/internal/say"
	"github.com/bulla-dev/bulla/controllers/unseal"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/kustomize"
)

// delivering tells Deliveries what is placed here. It is the only writer of their
// specs.
type delivering struct {
	*Options
	remote *remote
	// covering is of the last pass.
	covering covering
}

// deliver makes the Deliveries say what the snapshot places. A Delivery is
// written only when its build digest or its removal changes, or consent to an earlier
// revision is to end: a head that moved without touching it writes nothing.
func (r *delivering) deliver(ctx context.Context, p *pass) error {
	if p.snapshot.ClusterSuspended {
		return loop.Waiting(v1alpha1.NotInFleetReason,
			"%s: nothing new is unsealed, nothing is pruned, what runs keeps running", p.snapshot.NotInFleet)
	}
	deliveries, err := r.standing(ctx)
	if err != nil {
		return err
	}
	covering := r.covered(p)
	plan := planDeliveries(p.snapshot, p.obj.Spec.ClusterName, deliveries, r.consented(ctx, covering))
	for _, d := range plan.create {
		if err := r.create(ctx, d); err != nil {
			return err
		}
	}
	for _, w := range plan.update {
		patch := client.MergeFrom(w.from)
		if err := r.Client.Patch(ctx, w.to, patch,
			client.FieldOwner(own.FieldManager)); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("write delivery %q: %w", w.to.Name, err)
		}
		if w.to.Spec.Removed && !w.from.Spec.Removed {
			r.note(p.obj, "DeliveryRemoved", fmt.Sprintf("placement %q left this cluster at %s", w.to.Name,
				p.snapshot.Revision))
		}
	}
	r.Metrics.Deliveries(len(deliveries)+len(plan.create), len(plan.blocked))
	if p.moved {
		if err := r.dropAnswers(ctx, p.snapshot, deliveries); err != nil {
			return err
		}
	}
	return plan.verdict(p.snapshot, covering.astray)
}

// dropAnswers deletes kept answers and inventories of Deliveries that are neither
// there nor placed. A Delivery drops its own when it has pruned; these are of one
// that somebody deleted before Git dropped its placement.
func (r *delivering) dropAnswers(ctx context.Context, s *view.Snapshot, standing []v1alpha1.Delivery) error {
	for _, label := range []string{unseal.AnswersLabel, own.InventoryLabel} {
		secrets := &metav1.PartialObjectMetadataList{}
		secrets.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
		if err := r.Client.List(ctx, secrets, client.InNamespace(r.Namespace), client.HasLabels{label}); err != nil {
			return fmt.Errorf("list kept answers: %w", err)
		}
		for _, secret := range secrets.Items {
			name := secret.Labels[label]
			if s.Placed(name) != nil || slices.ContainsFunc(standing,
				func(d v1alpha1.Delivery) bool { return d.Name == name }) {
				continue
			}
			if err := r.Client.Delete(ctx, &secret,
				client.Preconditions{UID: &secret.UID}); client.IgnoreNotFound(err) != nil {
				return fmt.Errorf("drop kept answers of %q: %w", name, err)
			}
		}
	}
	return nil
}

func (r *delivering) create(ctx context.Context, d *v1alpha1.Delivery) error {
	d.Namespace = r.Namespace
	d.Labels = map[string]string{own.ManagedByLabel: own.ManagedBy}
	err := r.Client.Create(ctx, d, client.FieldOwner(own.FieldManager))
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create delivery %q: %w", d.Name, err)
	}
	return nil
}

// standing gives the Deliveries of this cluster, by name.
func (r *Options) standing(ctx context.Context) ([]v1alpha1.Delivery, error) {
	list := &v1alpha1.DeliveryList{}
	if err := r.Client.List(ctx, list, client.InNamespace(r.Namespace)); err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	slices.SortFunc(list.Items, func(a, b v1alpha1.Delivery) int { return strings.Compare(a.Name, b.Name) })
	return list.Items, nil
}

// deliveryPlan is what to write, and what is held back.
type deliveryPlan struct {
	create []*v1alpha1.Delivery
	update []deliveryWrite
	// held are Deliveries that Git may have dropped, and that stay because the
	// snapshot cannot tell for certain.
	held []string
	// blocked are those that the guard holds until somebody consents.
	blocked []string
	total   int
}

type deliveryWrite struct{ from, to *v1alpha1.Delivery }

// planDeliveries compares what stands with what the snapshot places. It is pure.
func planDeliveries(s *view.Snapshot, cluster string, standing []v1alpha1.Delivery,
	consented func(*v1alpha1.Delivery) bool) deliveryPlan {
	var plan deliveryPlan
	var leaving []*v1alpha1.Delivery
	exists := map[string]bool{}
	for i := range standing {
		d := &standing[i]
		exists[d.Name] = true
		if !d.Spec.Removed {
			plan.total++
		}
		placed := s.Placed(d.Name)
		if placed == nil {
			if !d.Spec.Removed {
				leaving = append(leaving, d)
			}
			continue
		}
		next := d.DeepCopy()
		next.Spec.Removed = false
		// Suspended too: who hands objects to another deployer says both in one commit.
		next.Spec.DeletionPolicy = whatStays(placed.Placement)
		if !placed.Placement.Spec.Suspend {
			appliedAs(&next.Spec, placed.Placement)
		}
		if buildsHere(placed) {
			next.Spec.BuildDigest, next.Spec.Variant = placed.Build.Digest, placed.Placement.Variant
		}
		if consented(d) { // it was placed again: what covered it once covers it no more
			next.Spec.Revision = s.Revision
		}
		plan.change(d, next, s.Revision)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Resolution.Placed)) {
		if placed := s.Resolution.Placed[name]; !exists[name] && !placed.Placement.Spec.Suspend {
			plan.create = append(plan.create, newDelivery(name, placed, s.Revision))
		}
	}
	plan.remove(s, cluster, leaving, consented)
	return plan
}

// buildsHere says whether a placement tells its Delivery something new: not
// while it fails to build, and not while Git suspends it.
func buildsHere(p *kustomize.Placed) bool { return p.Err == nil && !p.Placement.Spec.Suspend }

// newDelivery is the Delivery of a placement that has none. One that fails to
// build gets it all the same, without a digest, so that `kubectl get deliveries`
// shows the failure.
func newDelivery(name string, placed *kustomize.Placed, revision string) *v1alpha1.Delivery {
	d := &v1alpha1.Delivery{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.DeliverySpec{Revision: revision}}
	appliedAs(&d.Spec, placed.Placement)
	d.Spec.DeletionPolicy = whatStays(placed.Placement)
	if placed.Err == nil {
		d.Spec.BuildDigest, d.Spec.Variant = placed.Build.Digest, placed.Placement.Variant
	}
	return d
}

// whatStays of a placement's objects once it left Git: nobody else knows it then, when
// the Delivery's status is lost, or no pass has taken it up.
func whatStays(placement *api.Placement) string {
	if placement.Spec.DeletionPolicy.Orphans(placement.Spec.PruneEnabled()) {
		return string(api.DeletionOrphan)
	}
	return ""
}

// appliedAs keeps as whom a placement is applied: once it left Git and somebody lost the
// Delivery's status, nobody else knows who may delete its objects.
func appliedAs(spec *v1alpha1.DeliverySpec, placement *api.Placement) {
	spec.ServiceAccountName = placement.Spec.ServiceAccountName
	if namespaces := placement.Spec.AllNamespaces(); len(namespaces) > 0 {
		spec.TargetNamespace = namespaces[0]
	}
}

// change adds a write when there is one. The revision goes along, and alone only where
// consent to an earlier one is to end.
func (p *deliveryPlan) change(from, to *v1alpha1.Delivery, revision string) {
	if from.Spec == to.Spec {
		return
	}
	to.Spec.Revision = revision
	p.update = append(p.update, deliveryWrite{from: from, to: to})
}

// verdict is the pass's result once everything that can be written is.
func (p *deliveryPlan) verdict(s *view.Snapshot, astray []string) error {
	if len(p.blocked) > 0 {
		return loop.Stalled(v1alpha1.PruneBlockedReason,
			"%s removes %d of %s (%s), more than the fleet's share of %d%%; "+
				"they stay until the annotation %s=%s consents, or spec.prune.consent of fleet.yaml%s",
			s.Revision, len(p.blocked), plural.Of(p.total, "delivery", "deliveries"), say.List(p.blocked),
			s.Fleet.Spec.MaxShare(), v1alpha1.ConsentAnnotation, s.Revision, view.Astray(astray))
	}
	if s.Resolution.HoldAllDeletes {
		return loop.Stalled(v1alpha1.InvalidFleetReason, "%s; nothing is pruned on this cluster until it is mended",
			s.Resolution.HoldReason)
	}
	if why := unsure(s.Model); why != "" && len(p.held) > 0 {
		return loop.Stalled(v1alpha1.InvalidFleetReason, "%s; deliveries %s stay until it is mended", why, say.List(p.held))
	}
	if names := s.Resolution.Building(); len(names) > 0 && len(names) == len(view.Failing(s)) {
		return loop.Waiting(meta.ProgressingReason, "%d of %s %s long to build (%s); the others do not wait",
			len(names), plural.Of(len(s.Resolution.Placed), "placement"), plural.Verb(len(names), "takes", "take"),
			say.List(names))
	}
	if names := view.Failing(s); len(names) > 0 {
		return loop.Waiting(meta.BuildFailedReason, "%d of %s %s not build: %w", len(names),
			plural.Of(len(s.Resolution.Placed), "placement"), plural.Verb(len(names), "does", "do"),
			s.Resolution.Placed[names[0]].Err)
	}
	return nil
}
