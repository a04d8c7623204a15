package fleetsync

import (
	"context"
	"fmt"
	"time"

	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/controllers/unseal"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// retryBuilds is how long a snapshot with failing builds stands before they are
// tried again at the same head. A build is a function of the tree, so only a
// time-out or a starved machine can heal by itself.
const retryBuilds = 10 * time.Minute

// acceptance makes accepted heads the standing snapshot.
type acceptance struct {
	*Options
	remote    *remote
	enrolment *enrolment
	resolved  time.Time // when the standing snapshot was resolved
}

// accept turns the head into the standing snapshot: the fleet's signature under
// the pinned root key, this cluster's own file, what is placed here, built. A
// head that fails any of that is not accepted, and what stood stays.
func (r *acceptance) accept(ctx context.Context, p *pass) error {
	standing := r.Snapshots.Load()
	if standing != nil && standing.Head == p.head && !p.damaged && !r.rebuild(p, standing) && !r.over(p, standing) {
		p.snapshot = standing
	} else {
		next, err := r.snapshot(ctx, p)
		if err != nil {
			return err
		}
		r.store(p, next)
	}
	status := &p.obj.Status
	if status.Head != p.snapshot.Revision {
		r.note(p.obj, "HeadAccepted", "accepted head "+p.snapshot.Revision)
	}
	status.Head = p.snapshot.Revision
	r.noteRewrite(p)
	noteEnd(p)
	status.Placements = len(p.snapshot.Model.PlacedOn(p.obj.Spec.ClusterName))
	return nil
}

func (r *acceptance) store(p *pass, next *view.Snapshot) {
	r.Snapshots.Store(next)
	r.resolved = p.now
	p.snapshot, p.moved = next, true
	r.Metrics.Snapshot(next)
}

// rebuild says whether failing builds are tried again at the same head.
func (r *acceptance) rebuild(p *pass, standing *view.Snapshot) bool {
	if len(view.Failing(standing)) == 0 || standing.ClusterSuspended {
		return false
	}
	if len(standing.Resolution.Building()) > 0 {
		return true
	}
	return p.requested() != p.handled || p.now.Sub(r.resolved) > retryBuilds
}

// restore brings back the accepted head from the mirror after a restart that
// finds the remote down or its new head refused: drift heals meanwhile.
//
// A process that was killed after it remembered a head's fleet.yaml, and before it
// wrote its status, left a status with a head that is a rollback by now. The head that
// was remembered was accepted too.
func (r *acceptance) restore(ctx context.Context, p *pass) {
	if p.identity == nil || r.remote.mirror.Source == nil {
		return
	}
	_ = r.remote.hold(p)
	for _, accepted := range []string{hashOf(p.obj.Status.Head), p.identity.KnownSince()} {
		if accepted == "" || !r.remote.mirror.Contains(accepted) {
			continue
		}
		p.head, p.next = accepted, nil
		next, err := r.snapshot(ctx, p)
		if err == nil {
			r.store(p, next)
			return
		}
		logf.FromContext(ctx).Info("accepted head is not restored", "head", accepted, "why", err.Error())
		if loop.End(err, "").Reason != v1alpha1.FleetRolledBackReason {
			return
		}
	}
}

// snapshot resolves the head of a pass. One that is not new is read again, and held to
// what the join token pinned.
func (r *acceptance) snapshot(ctx context.Context, p *pass) (*view.Snapshot, error) {
	head, err := p.next, error(nil)
	if head == nil {
		if head, err = r.remote.rule.Read(ctx, p.head, p.identity.Known()); err != nil {
			return nil, refusedHead(p.obj, err)
		}
	}
	model := head.Model.At(r.asOf(p))
	next := &view.Snapshot{
		Head: head.Hash, Revision: revisionOf(p.obj, head.Hash), Fleet: model.Fleet, Model: model,
		Stood: buildsAgain(r.remote.mirror, r.Builder, p.obj.Spec.ClusterName),
	}
	next.Consented = newConsents(r.remote.mirror, r.Builder, next, p.obj.Spec.ClusterName).guarded
	if next.NotInFleet, err = membership(model, p.obj.Spec.ClusterName, p.identity); err != nil {
		return nil, err
	}
	// The rule remembers heads that are new. The status may know one as accepted, and
	// this identity not: it came from a backup, or pins another root key.
	if err := r.enrolment.remember(ctx, p, head); err != nil {
		return nil, err
	}
	if next.NotInFleet != "" {
		next.ClusterSuspended = true
		next.Resolution, err = r.delivered(ctx, p)
		return next, err
	}
	started := r.now()
	next.Resolution = r.Builder.ResolveSoon(ctx, head.Tree, model, p.obj.Spec.ClusterName)
	r.Metrics.Resolve(r.now().Sub(started))
	return next, ctx.Err()
}

// membership reads this cluster's own file. It gives why the cluster is not in
// the fleet now, "" when it is. Keys that are not exactly its own mean that
// somebody else would get its secrets: that stops everything, and comes before
// suspension and decommission, since such a file may not decide those either.
func membership(m *model.Model, name string, identity *unseal.Identity) (string, error) {
	for _, problem := range m.Problems {
		if problem.Kind == "Cluster" && problem.Name == name {
			return fmt.Sprintf("%s cannot be read: %v", problem.File, problem.Err), nil
		}
	}
	own := m.Clusters[name]
	if own == nil {
		return fmt.Sprintf("the repository has no file for cluster %q", name), nil
	}
	file := m.Files["Cluster/"+name]
	if own.Spec.Identity != identity.Fingerprint() {
		return "", loop.Stalled(v1alpha1.RecipientMismatchReason, "%s: spec.identity is %s, and this cluster's is %s",
			file, own.Spec.Identity, identity.Fingerprint())
	}
	if own.Spec.Recipient != identity.Recipient() {
		return "", loop.Stalled(v1alpha1.RecipientMismatchReason,
			"%s: spec.recipient is not this cluster's, which is in status.recipient", file)
	}
	if own.Spec.Suspend {
		return file + " suspends this cluster", nil
	}
	return "", nil
}

// delivered is what was delivered last, for a cluster that Git suspends: the
// resolution that stood or, after a restart, what each Delivery was told, built
// again from the commit that it was told at. It holds all deletes.
func (r *acceptance) delivered(ctx context.Context, p *pass) (*kustomize.Resolution, error) {
	const why = "this cluster is suspended in Git"
	if standing := r.Snapshots.Load(); standing != nil {
		held := *standing.Resolution
		held.HoldAllDeletes, held.HoldReason = true, why
		return &held, nil
	}
	held := &kustomize.Resolution{
		Cluster: p.obj.Spec.ClusterName, HoldAllDeletes: true, HoldReason: why,
		Placed: map[string]*kustomize.Placed{}, Owners: map[kustomize.ObjectID]string{},
	}
	deliveries, err := r.standing(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range deliveries {
		placed := r.deliveredOne(ctx, held.Cluster, &d)
		if placed == nil {
			continue
		}
		held.Placed[d.Name] = placed
		for _, object := range placed.Build.Objects {
			held.Owners[object.ID()] = d.Name
		}
	}
	return held, ctx.Err()
}

// deliveredOne builds a Delivery as it was told; nil when that is not to be had
// any more, and the Delivery then waits.
func (r *acceptance) deliveredOne(ctx context.Context, cluster string, d *v1alpha1.Delivery) *kustomize.Placed {
	if d.Spec.Removed {
		return nil
	}
	return buildAgain(ctx, r.remote.mirror, r.Builder, cluster, d.Name, d.Spec.Revision, d.Spec.BuildDigest)
}

// buildsAgain is for [view.Snapshot]. The mirror is the one that the snapshot
// came from, whatever is opened later.
func buildsAgain(mirror openMirror, builder *kustomize.Builder, cluster string) func(context.Context,
	*v1alpha1.Delivery) *kustomize.Build {
	return func(ctx context.Context, d *v1alpha1.Delivery) *kustomize.Build {
		status := d.Status
		placed := buildAgain(ctx, mirror, builder, cluster, d.Name, status.LastAppliedRevision, status.AppliedBuildDigest)
		if placed == nil {
			return nil
		}
		return placed.Build
	}
}

// buildAgain builds a placement at an earlier revision, in the variant and with the
// values that this cluster had there. Nothing but the digest that was noted then counts:
// a revision that gives another is not what stood.
func buildAgain(ctx context.Context, mirror openMirror, builder *kustomize.Builder, cluster, name, revision,
	digest string) *kustomize.Placed {
	hash := hashOf(revision)
	if hash == "" || !mirror.Contains(hash) {
		return nil
	}
	tree, model, err := mirror.read(hash)
	if err != nil || model.Placements[name] == nil {
		return nil
	}
	placed := builder.On(ctx, tree, model, name, cluster)
	if placed.Err != nil || placed.Build.Digest != digest {
		return nil
	}
	return placed
}
