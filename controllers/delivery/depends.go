package delivery

import (
	"context"
	"fmt"
	"slices"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/judging"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/expression"
)

// dependencies holds a new digest until what it depends on stands at its own.
func (p *pass) dependencies(ctx context.Context) error {
	d := p.record.Obj
	if d.Status.AppliedBuildDigest == d.Spec.BuildDigest {
		return nil
	}
	set, err := p.mem.expressions.Compiled(p.aim.Placed.Placement)
	if err != nil && slices.ContainsFunc(p.aim.Placed.Placement.Spec.DependsOn, hasReadyExpr) {
		return err
	}
	for _, dependency := range p.aim.Placed.Placement.Spec.DependsOn {
		other := &v1alpha1.Delivery{}
		key := client.ObjectKey{Namespace: d.Namespace, Name: dependency.Name}
		if err := client.IgnoreNotFound(p.client.Get(ctx, key, other)); err != nil {
			return fmt.Errorf("read dependency %q: %w", dependency.Name, err)
		}
		if hasReadyExpr(dependency) {
			if hold := p.readyByExpr(ctx, set, dependency.Name, other); hold != nil {
				return hold
			}
			continue
		}
		if standsAtHead(p.aim.Snapshot.Placed(dependency.Name), other) {
			continue
		}
		if never := p.aim.Snapshot.Never(d.Name, dependency.Name); never != "" {
			return loop.Stalled(meta.DependencyNotReadyReason, "%s", never)
		}
		p.again = loop.Again(dependencyRetry)
		return loop.Stalled(meta.DependencyNotReadyReason, "waits for placement %q to be ready on this cluster%s",
			dependency.Name, whyNot(other))
	}
	return nil
}

func hasReadyExpr(r api.PlacementReference) bool { return r.ReadyExpr != "" }

// readyByExpr holds a dependent until readyExpr holds. What Git alone says can never be
// is told all the same.
func (p *pass) readyByExpr(ctx context.Context, set *expression.Set, name string, other *v1alpha1.Delivery) error {
	if never := p.aim.Snapshot.Never(p.record.Obj.Name, name); never != "" {
		return loop.Stalled(meta.DependencyNotReadyReason, "%s", never)
	}
	if other.Name != "" {
		ready, asked, err := judging.ReadyBy(ctx, set, name, p.record.Obj, other)
		if err != nil {
			p.again = loop.Again(dependencyRetry)
			return loop.Stalled(meta.DependencyNotReadyReason, "readyExpr of placement %q: %w", name, err)
		}
		if ready && asked {
			return nil
		}
	}
	p.again = loop.Again(healthPoll)
	return loop.Stalled(meta.DependencyNotReadyReason, "waits for placement %q: its readyExpr does not hold%s", name,
		whyNot(other))
}

// standsAtHead: Ready, and at the digest that the snapshot gives it.
func standsAtHead(placed *kustomize.Placed, d *v1alpha1.Delivery) bool {
	return placed != nil && placed.Build != nil && ready(d) &&
		d.Spec.BuildDigest == placed.Build.Digest &&
		d.Status.AppliedBuildDigest == placed.Build.Digest &&
		d.Status.ObservedGeneration == d.Generation
}

// whyNot is what keeps a dependency, in its own words.
func whyNot(d *v1alpha1.Delivery) string {
	ready := conditions.Get(d, meta.ReadyCondition)
	switch {
	case d.Spec.Suspend:
		return ": its Delivery is suspended here"
	case ready == nil || conditions.IsTrue(d, meta.ReadyCondition):
		return ""
	}
	return fmt.Sprintf(": it says %s", ready.Reason)
}

func ready(d *v1alpha1.Delivery) bool { return conditions.IsTrue(d, meta.ReadyCondition) }
