package keyservice

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/kustomize/signing"
	"github.com/bulla-dev/bulla/kustomize/source"
)

// plan is a tip that was fetched, and what it would follow.
type plan struct {
	tip string
	// began is when the look began that found it.
	began time.Time
	// last is the head accepted last; its hash is "" before the first.
	last store.Head
	// rewrite is set when an operator accepted the tip, or an ancestor of it, in
	// the place of what follows last.
	rewrite *store.Rewrite
}

// fetch brings the remote's tip, forward from the head accepted last: commits
// that were refused may leave the branch again. What does not descend from it is
// fetched only if an operator accepted exactly that.
func (h *heads) fetch(ctx context.Context, remote string) (*plan, error) {
	p := &plan{}
	var err error
	if p.last, err = h.rows.LastHead(ctx, h.fleet, h.ref); err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	accepted, err := h.acceptedRewrite(ctx, p.last.Hash)
	if err != nil {
		return nil, err
	}
	p.tip, err = h.mirror.Fetch(ctx, p.last.Hash)
	if errors.Is(err, source.ErrHistoryRewritten) && accepted != nil {
		p.tip, err = h.mirror.Fetch(ctx, accepted.To)
	}
	if errors.Is(err, source.ErrHistoryRewritten) {
		return nil, &refusedHead{hash: remote, reason: v1alpha1.HistoryRewrittenReason, err: fmt.Errorf(
			"it does not descend from the accepted head %s; hint: restore the branch, or accept it: bulla-keyservice history accept --head %s: %w", p.last.Hash, remote, err)}
	}
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	if accepted != nil && h.isFrom(p.tip, accepted.To) {
		p.rewrite = accepted
	}
	return p, nil
}

// acceptedRewrite is the head that an operator accepted in the place of what
// follows last; nil when there is none.
func (h *heads) acceptedRewrite(ctx context.Context, last string) (*store.Rewrite, error) {
	if last == "" {
		return nil, nil
	}
	accepted, err := h.rows.OpenRewrite(ctx, h.fleet, h.ref, last)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &accepted, nil
}

func (h *heads) isFrom(tip, base string) bool {
	ok, err := h.mirror.Follows(tip, base)
	return err == nil && ok
}

// vouch holds every commit since the accepted head to the rules that stood
// before it, and to the floor.
func (h *heads) vouch(ctx context.Context, p *plan) (*source.Vouched, error) {
	a := source.Acceptance{Head: p.tip, Last: p.last.Hash, Floor: h.floor, Now: h.now()}
	if p.rewrite != nil {
		a.Rewritten = p.rewrite.To
	}
	vouched, err := h.mirror.Vouch(ctx, a)
	var refused *signing.UnverifiedError
	if errors.As(err, &refused) {
		return nil, &refusedHead{hash: p.tip, reason: v1alpha1.CommitNotVerifiedReason, err: refused}
	}
	return vouched, err
}

// vouchedDetail says in the log who vouched for a head, and for which rewrite an
// operator did.
func vouchedDetail(p *plan, v *source.Vouched) string {
	const most = 5
	detail := ""
	if len(v.Signers) > 0 {
		shown := v.Signers[max(0, len(v.Signers)-most):]
		detail += fmt.Sprintf("; %d signatures by %s", v.Signatures, strings.Join(shown, ", "))
		if more := len(v.Signers) - len(shown); more > 0 {
			detail += fmt.Sprintf(" and %d more", more)
		}
	}
	if p.rewrite != nil {
		detail += "; history rewritten: an operator accepted " + p.rewrite.To
	}
	return detail
}
