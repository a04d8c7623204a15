package fleetsync

import (
	"context"
	"errors"
	"fmt"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/controllers/internal/say"
	keyservice "github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/kustomize/follow"
)

// prover shows by whose word the key service left a head; *[keyservice.Client] is one.
// Nil is for nobody's. What the audit log does not bear out is an error.
type prover interface {
	AcceptedRewrite(ctx context.Context, from, ref string) (*keyservice.Rewrite, error)
}

// byWord takes a tip that was refused, for an operator's word at the key service, where
// this FleetSync opted in. The word stands in the place of the annotation, and the tip is
// held to the whole rule again: so it is good for one step, from the head accepted here.
func (r *remote) byWord(ctx context.Context, last lastHead, tip string, why error) (*follow.Head, error) {
	obj := last.p.obj
	refused := refusedHead(obj, why)
	if obj.Spec.AcceptRewrites != v1alpha1.AcceptRewritesOfKeyService || !mayBeAccepted(why) {
		return nil, refused
	}
	word, err := r.word(ctx, obj)
	if err != nil {
		return nil, alsoSay(refused, "spec.acceptRewrites: %v", say.Steady(err))
	}
	if word == nil {
		return nil, alsoSay(refused, "spec.acceptRewrites: the key service follows no head that an operator accepted in "+
			"the place of this cluster's; hint: bulla history accept HASH")
	}
	last.word = word
	next, err := r.rule.Next(ctx, tip, last)
	if err != nil {
		return nil, alsoSay(refusedHead(obj, err), "spec.acceptRewrites: entry %d of the audit log accepts %s, and that "+
			"alone", word.Index, word.To)
	}
	if next.Rewritten == word.To {
		last.p.rewrite = &v1alpha1.FollowedRewrite{
			Entry: word.Index, LogKey: r.enrolment.logKey(), From: word.From, To: word.To,
		}
	}
	return next, nil
}

// noteRewrite writes down by which word the head was followed that is accepted now.
func (r *acceptance) noteRewrite(p *pass) {
	if by := p.rewrite; by != nil {
		p.obj.Status.Rewrite = by
		r.note(p.obj, "RewriteFollowed",
			fmt.Sprintf("history rewritten: entry %d of the audit log lets %s follow %s", by.Entry, by.To, by.From))
	}
}

// mayBeAccepted says whether a refusal is one that an operator's word lifts.
func mayBeAccepted(err error) bool {
	var refused *follow.Refusal
	if !errors.As(err, &refused) {
		return false
	}
	switch refused.Reason {
	case follow.Rewritten, follow.TooLong, follow.NotVerified:
		return true
	}
	return false
}

// word asks for the word by which the key service left the head accepted here. One that
// the log has before the last that was followed was for another time: a history that was
// given up would come back with it.
func (r *remote) word(ctx context.Context, obj *v1alpha1.FleetSync) (*keyservice.Rewrite, error) {
	accepted := hashOf(obj.Status.Head)
	asked, ok := r.Link.Current().(prover)
	switch {
	case accepted == "":
		return nil, nil
	case !ok:
		return nil, errors.New("there is no connection to the key service, so nobody was asked; hint: it is made once " +
			"this cluster is enrolled: see the conditions of this FleetSync")
	case r.Snapshots.Load() == nil:
		return nil, errors.New("no fleet.yaml was read yet since this controller started, so no answer could be held " +
			"against the audit log, and nobody was asked; hint: it is tried again; if that stays, this cluster lost its " +
			"copy of the history, and the annotation accepts the head")
	case r.enrolment.logKey() == "":
		return nil, errors.New("fleet.yaml has no spec.logKey, so no answer could be held against the audit log, and " +
			"nobody was asked; hint: the annotation accepts the head")
	}
	word, err := asked.AcceptedRewrite(ctx, accepted, refOf(obj))
	if err != nil || word == nil {
		return nil, err
	}
	last := obj.Status.Rewrite
	if last != nil && last.LogKey == r.enrolment.logKey() && word.Index <= last.Entry {
		return nil, fmt.Errorf("entry %d of the audit log is no newer than entry %d, which this cluster followed last",
			word.Index, last.Entry)
	}
	return word, nil
}

// alsoSay adds to what a condition says.
func alsoSay(err error, format string, args ...any) error {
	var ended *loop.Error
	if !errors.As(err, &ended) {
		return err
	}
	own := *ended
	own.Message += "; " + fmt.Sprintf(format, args...)
	return &own
}
