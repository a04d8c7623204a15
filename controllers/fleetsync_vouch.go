package controllers

import (
	"context"
	"errors"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/kustomize/signing"
	"github.com/bulla-dev/bulla/kustomize/source"
)

// vouch holds every commit since the accepted head to the signing rules that
// stood before it, and to the floor in this FleetSync. The key service does the
// same; here it means that a Git host which shows this cluster other commits
// than it shows the key service still cannot place anything.
func (r *FleetSyncReconciler) vouch(ctx context.Context, p *pass) error {
	accepted := hashOf(p.obj.Status.Head)
	if p.head == accepted {
		return nil
	}
	floor, err := signing.Floor(p.obj.Spec.Signing)
	if err != nil {
		return stalled(v1alpha1.CommitNotVerifiedReason, "spec.signing of this FleetSync cannot be used: %w", err)
	}
	_, err = r.mirror.Vouch(ctx, source.Acceptance{
		Head: p.head, Last: accepted, Rewritten: p.rewritten, Floor: floor, Now: p.now,
	})
	var refused *signing.UnverifiedError
	if errors.As(err, &refused) && accepted != "" {
		return stalled(v1alpha1.CommitNotVerifiedReason, "head %s is not accepted: %w; the annotation %s=%s..%s takes that head alone, if it is signed",
			p.head, refused, v1alpha1.AcceptRewriteAnnotation, accepted, p.head)
	}
	if errors.As(err, &refused) {
		return stalled(v1alpha1.CommitNotVerifiedReason, "head %s is not accepted: %w", p.head, refused)
	}
	if err != nil {
		return gitError(p.obj, err)
	}
	return nil
}
