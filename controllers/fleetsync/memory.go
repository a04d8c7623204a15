package fleetsync

import (
	"context"
	"errors"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	keyservice "github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/kustomize/follow"
	"github.com/bulla-dev/bulla/kustomize/signing"
	"github.com/bulla-dev/bulla/kustomize/source"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// lastHead is what a FleetSync's status and this cluster's identity know of the head
// accepted last. It implements [follow.Memory] for one pass. The status outlives the
// mirror.
type lastHead struct {
	enrolment *enrolment
	p         *pass
	// unusable is why the floor cannot be used, see [remote.hold].
	unusable error
	// word is an operator's, shown to be in the audit log; nil for none.
	word *keyservice.Rewrite
}

// Recall implements [follow.Memory].
func (m lastHead) Recall(context.Context) (follow.Accepted, error) {
	accepted := hashOf(m.p.obj.Status.Head)
	rewrite := acceptedRewrite(m.p.obj, accepted)
	if rewrite == "" && m.word != nil && m.word.From == accepted {
		rewrite = m.word.To
	}
	return follow.Accepted{Hash: accepted, Known: m.p.identity.Known(), Rewrite: rewrite}, nil
}

// Remember implements [follow.Memory]. What this cluster refuses for reasons of its own
// is refused before: a head that is not accepted must leave nothing behind, or the
// accepted one would be a rollback to the next restart.
func (m lastHead) Remember(ctx context.Context, next *follow.Head) error {
	if m.unusable != nil {
		return m.unusable
	}
	if _, err := membership(next.Model, m.p.obj.Spec.ClusterName, m.p.identity); err != nil {
		return err
	}
	return m.enrolment.remember(ctx, m.p, next)
}

// hold sets what heads are held to: what the join token pinned, and the floor in this
// FleetSync. The key service holds them to the same rule; here it means that a Git host
// which shows this cluster other commits than it shows the key service still cannot
// place anything.
// The error is for heads that are new: what was accepted under a floor that can be used
// goes on.
func (r *remote) hold(p *pass) error {
	floor, err := signing.Floor(p.obj.Spec.Signing)
	if err != nil {
		err = loop.Stalled(v1alpha1.CommitNotVerifiedReason, "spec.signing of this FleetSync cannot be used: %w", err)
	}
	r.rule.Source = hasty{r.mirror.Source, timeoutOf(p.obj)}
	r.rule.Pins = follow.Pins{Fleet: p.identity.Fleet(), RootKey: p.identity.RootKey(), Floor: floor}
	r.rule.Now = r.now
	return err
}

// refusedHead says in this FleetSync's words why a head is not accepted, and what takes
// it all the same.
func refusedHead(obj *v1alpha1.FleetSync, err error) error {
	var refused *follow.Refusal
	var ours *follow.MemoryError
	switch {
	case errors.As(err, &ours):
		return ours.Err
	case !errors.As(err, &refused):
		return gitError(obj, err)
	}
	accepted, reason, why := hashOf(obj.Status.Head), refused.Reason.Word(), refused.Err
	switch {
	case refused.Reason == follow.Rewritten:
		return loop.Stalled(reason, "the remote's head %s does not descend from the accepted %s; nothing changes here until the history is restored, "+
			"or the annotation %s=%s..%s accepts it", refused.Head, obj.Status.Head, v1alpha1.AcceptRewriteAnnotation, accepted, refused.Head)
	case refused.Reason == follow.TooLong:
		return loop.Stalled(reason, "more commits than are read lie between the remote's head %s and the accepted %s; "+
			"push in smaller steps, or the annotation %s=%s..%s accepts it",
			refused.Head, obj.Status.Head, v1alpha1.AcceptRewriteAnnotation, accepted, refused.Head)
	case refused.Reason == follow.NotVerified && accepted != "":
		return loop.Stalled(reason, "head %s is not accepted: %w; the annotation %s=%s..%s takes that head alone, if it is signed",
			refused.Head, why, v1alpha1.AcceptRewriteAnnotation, accepted, refused.Head)
	case refused.Reason == follow.NotVerified:
		return loop.Stalled(reason, "head %s is not accepted: %w", refused.Head, why)
	case refused.Reason == follow.RolledBack:
		return loop.Stalled(reason, "%w; put the newer one back, or have the change signed anew", why)
	case refused.Reason == follow.OtherFleet:
		return loop.Stalled(reason, "the repository is not of this cluster's fleet: %w", why)
	case refused.Reason == follow.NotSigned:
		return loop.Stalled(reason, "fleet.yaml is not signed by the pinned root key: %w", why)
	case errors.Is(why, source.ErrUnknownRevision), errors.Is(why, tree.ErrCorrupt):
		return loop.Waiting(v1alpha1.GitOperationFailedReason, "read head %s: %w", refused.Head, why)
	case errors.Is(why, tree.ErrTooLarge):
		return gitError(obj, why)
	}
	return loop.Stalled(reason, "head %s is not a fleet: %w", refused.Head, why)
}
