package delivery

import (
	"context"
	"errors"
	"strings"

	"github.com/fluxcd/pkg/apis/meta"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
)

// removal takes a Delivery away whose placement left: everything pruned and
// confirmed absent, reported, and only then the Delivery itself.
type removal struct{ *pass }

func (r *removal) ready(ctx context.Context) error {
	if r.aim.Placed != nil || r.aim.Snapshot.ClusterSuspended {
		return errQuiet
	}
	policy := r.record.Obj.Status.Policy
	if policy == nil {
		var err error
		if policy, err = r.options.lastPolicy(r.record.Obj.Spec); err != nil {
			return err
		}
	}
	lastWord(r.record.Obj.Spec, policy)
	if _, err := r.pass.ready(ctx, policy); err != nil {
		return err
	}
	r.stand.begins(r.aim, r.record.Obj.Status.LastAttemptedRevision, r.look(ctx))
	return nil
}

// lastWord is what Git said last of what stays. No pass may have taken it up: Git suspended
// the placement with it, took it away right after, or the process died.
func lastWord(spec v1alpha1.DeliverySpec, policy *v1alpha1.DeliveryPolicy) {
	stays := spec.DeletionPolicy == string(api.DeletionOrphan)
	known := spec.TargetNamespace != "" // else it is of a version that wrote neither
	if stays == api.DeletionPolicy(policy.DeletionPolicy).Orphans(policy.Prune) || !stays && !known {
		return
	}
	policy.Prune, policy.DeletionPolicy = !stays, spec.DeletionPolicy
}

// prune needs no consent: the removal was reviewed, and that is it.
func (r *removal) prune(ctx context.Context) error {
	err := r.pruning().run(ctx, false)
	if err == nil && len(r.stand.inv) > 0 {
		r.again.Within(handOverRetry)
		err = loop.Progressing("%s", strings.Join(r.record.Notes(), "; "))
	}
	return going(err)
}

// leave forgets the answers and deletes the Delivery.
func (r *removal) leave(ctx context.Context) error {
	if err := r.unsealing().forget(ctx, nil); err != nil {
		r.again.Within(forgetRetry)
		return going(loop.Progressing("answers of values that are gone could not be dropped yet"))
	}
	r.record.KeepNothing()
	r.record.Obj.Status.Objects, r.record.Obj.Status.Secrets = 0, 0
	loop.Working(r.record.Obj, meta.ProgressingReason, "everything is gone")
	if err := r.record.Save(ctx); err != nil {
		return err
	}
	r.record.Event("Deprovisioned", r.mem.leavings.farewell(r.record.Obj))
	if err := r.record.Remove(ctx); err != nil {
		return err
	}
	return errQuiet
}

// going gives what takes time here its own reason.
func going(err error) error {
	var ended *loop.Error
	if errors.As(err, &ended) && ended.Intent == loop.Progress {
		ended.Reason = v1alpha1.DeprovisioningReason
	}
	return err
}
