package delivery

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/say"
	"github.com/bulla-dev/bulla/controllers/unseal"
	"github.com/bulla-dev/bulla/controllers/view"
)

// stood is the build that a Delivery applied last, as it was to stand.
type stood struct {
	digest  string
	objects []apply.Object
	// asked is the snapshot that did not have it.
	asked *view.Snapshot
}

// waits ends a pass that something keeps from the build that is to come: a value
// that is not to be had, a dependency, a build that fails. What stood is healed
// as it stood, and only what is new waits.
func (p *deliveryPass) waits(ctx context.Context, hold error) error {
	if p.placed.Err == nil && p.obj.Status.AppliedBuildDigest == p.obj.Spec.BuildDigest {
		return hold // nothing is new: the plan healed what it could
	}
	if err := p.heal(ctx); err != nil && ctx.Err() == nil {
		logf.FromContext(ctx).Error(say.Steady(err), "what stood is not healed", "placement", p.obj.Name)
		p.later(healRetry)
	}
	return hold
}

// heal brings back what stood and was changed or deleted. It asks nobody for a
// value: what has no kept answer waits with the rest.
func (p *deliveryPass) heal(ctx context.Context) error {
	objects, err := p.healable(ctx)
	if err != nil || len(objects) == 0 {
		return err
	}
	changes := p.plan(ctx, objects, true)
	var sealed []unseal.Sealed
	for _, c := range changes {
		if c.object.Sealed() {
			sealed = append(sealed, unseal.Sealed{Object: c.object.Built, Content: c.object.Content})
		}
	}
	var values map[ObjectID]map[string]string
	if len(sealed) > 0 {
		if values, err = p.options.Unsealer.Kept(ctx, p.obj.Name, p.snapshot, sealed); err != nil {
			return err
		}
	}
	var possible []change
	for _, c := range changes {
		if _, ok := values[c.object.ID]; ok || !c.object.Sealed() {
			possible = append(possible, c)
		}
	}
	p.apply(ctx, possible, values)
	return p.failed()
}

// healable are the objects whose present form the inventory has: of the build
// that was applied last, and of the one that waits where the two are alike or an
// apply got so far. An object that the head gives to another placement is that
// one's to heal. A sealed object that the head places nowhere is not brought
// back: Git took the grant away, and whoever deletes it by hand did so sooner.
func (p *deliveryPass) healable(ctx context.Context) ([]apply.Object, error) {
	before, err := p.stood(ctx)
	if err != nil {
		return nil, err
	}
	var objects []apply.Object
	taken := map[ObjectID]bool{}
	for _, o := range append(append([]apply.Object{}, p.objects...), before...) {
		entry, known := p.inv[o.ID]
		owner, owned := p.snapshot.Resolution.Owner(o.ID)
		switch {
		case taken[o.ID], !known, entry.Applied != o.Hash, entry.Content != o.Content,
			owned && owner != p.obj.Name, !owned && !mayStand(p.placed.Placement, o.ID),
			!owned && o.Sealed() && p.placed.Err == nil,
			o.Sealed() && entry.MAC == "":
			continue
		}
		taken[o.ID] = true
		objects = append(objects, o)
	}
	return objects, nil
}

// mayStand says whether a placement, as the head has it, may place an object: what
// it may no longer is not made again, though it stood.
func mayStand(placement *api.Placement, id ObjectID) bool {
	namespaces := placement.Spec.AllNamespaces()
	switch {
	case id.Namespace != "":
		return slices.Contains(namespaces, id.Namespace)
	case id.Group == "" && id.Kind == "Namespace" && slices.Contains(namespaces, id.Name):
		return true
	}
	allow := placement.Spec.Allow
	kind := schema.GroupKind{Group: id.Group, Kind: id.Kind}
	return allow != nil && slices.Contains(allow.ClusterResources, kind.String())
}

// stood gives the objects of the build that was applied last. This process has
// them, or the revision that they were built from is in the mirror.
func (p *deliveryPass) stood(ctx context.Context) ([]apply.Object, error) {
	m, digest := p.mem, p.obj.Status.AppliedBuildDigest
	switch {
	case digest == "":
		return nil, nil
	case m.stood.digest == digest:
		return m.stood.objects, nil
	case m.stood.asked == p.snapshot || p.snapshot.Stood == nil:
		return nil, nil
	}
	build := p.snapshot.Stood(ctx, p.obj)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if build == nil {
		m.stood = stood{asked: p.snapshot}
		return nil, nil
	}
	objects, err := prepare(p.snapshot.Fleet.Spec.ID, build)
	if err != nil {
		return nil, failed(v1alpha1.ApplyFailedReason, err)
	}
	m.stood = stood{digest: digest, objects: objects}
	return objects, nil
}
