package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/clerk"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/keyservice/store"
)

const (
	// maxPause is for how long an operator may pause or promote: what is to stay belongs in
	// Git.
	maxPause = 31 * 24 * time.Hour
	// promotedFor is how long a promotion counts that says no time.
	promotedFor = 24 * time.Hour
	// maxOrderReason bounds the reason, in bytes.
	maxOrderReason = 256
)

// Ordering takes what operators say about pace, without a commit. It moves nothing but
// pace: what opens, what Git pauses and what its windows hold is as before.
type Ordering struct {
	*clerk.Clerk

	Pacing *Pacing
}

// PromoteRollout has waves of a release count as passed until a time, of the release of
// the head that the operator looked at, and of no other. What began until then goes on.
func (s *Ordering) PromoteRollout(ctx context.Context, in *keyservicev1.PromoteRolloutRequest) (
	*keyservicev1.PromoteRolloutResponse, error,
) {
	who, err := authority.CallingPerson(ctx)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonCertificate, err)
	}
	refuse := func(reason string, err error) error { return s.Refuse(reason, err, "person", who.Name) }
	if !hexid.IsCommit(in.GetHead()) {
		return nil, refuse(keyservicev1.ReasonRequest, errors.New("head is not 40 or 64 hexadecimal digits"))
	}
	at, problem, err := s.ordered(ctx, in.GetPlacement(), in.GetReason())
	switch {
	case err != nil:
		return nil, refuse(keyservicev1.ReasonUnavailable, err)
	case problem == "" && at.Hash != in.GetHead():
		problem = "the accepted head is another than the one that was looked at"
	}
	if problem != "" {
		return nil, refuse(keyservicev1.ReasonRequest, errors.New(problem))
	}
	until := s.Now().Add(promotedFor)
	if in.GetUntil() != 0 {
		until = time.UnixMicro(in.GetUntil())
	}
	if !until.After(s.Now()) || until.After(s.Now().Add(maxPause)) {
		return nil, refuse(keyservicev1.ReasonRequest, errors.New("until is not within 31 days from now"))
	}
	out, changes, release, err := s.promote(ctx, at, in, until)
	var unfit unfitError
	if errors.As(err, &unfit) {
		return nil, refuse(keyservicev1.ReasonRequest, err)
	}
	if err != nil {
		return nil, refuse(keyservicev1.ReasonUnavailable, err)
	}
	e := who.Entry(audit.Person, audit.Done, fmt.Sprintf("waves %s of release %s count as passed until %s: %s",
		strings.Join(out.GetPassed(), ", "), release, until.UTC().Format(time.RFC3339), in.GetReason()))
	e.Placement, e.Head = in.GetPlacement(), at.Hash
	if _, err := s.AppendAt(ctx, at, s.Journal.Leave, []audit.Entry{e}, changes...); err != nil {
		return nil, refuse(keyservicev1.ReasonUnavailable, err)
	}
	s.Log.Warn("an operator promoted a release", "person", who.Name, "placement", in.GetPlacement(),
		"waves", out.GetPassed())
	return out, nil
}

// unfitError is what cannot be promoted as it is.
type unfitError string

func (e unfitError) Error() string { return string(e) }

// promote finds the waves that are to count as passed, and what is to be kept of them.
func (s *Ordering) promote(ctx context.Context, at *heads.Head, in *keyservicev1.PromoteRolloutRequest,
	end time.Time,
) (
	out *keyservicev1.PromoteRolloutResponse, changes []store.Change, release string, err error,
) {
	plan, err := newPlan(ctx, at, in.GetPlacement())
	switch {
	case err != nil:
		return nil, nil, "", err
	case plan.building:
		return nil, nil, "", unfitError("the key service is still building this release")
	case !plan.whole:
		return nil, nil, "", unfitError("the key service cannot build it for every cluster")
	case plan.rollout.Paused:
		return nil, nil, "", unfitError("Git pauses the rollout (spec.rollout.paused)")
	}
	front, err := s.Pacing.findFront(ctx, plan, s.Now())
	if err != nil {
		return nil, nil, "", err
	}
	last := len(plan.waves) - 1
	if front.wave >= last {
		return nil, nil, "", unfitError("every wave may begin already")
	}
	if front.paused != "" {
		return nil, nil, "", unfitError("an operator pauses the rollout")
	}
	until := front.wave + 1
	if in.GetAll() {
		until = last
	}
	out = &keyservicev1.PromoteRolloutResponse{Next: plan.waves[until].String(), Until: end.UnixMicro()}
	for _, wave := range plan.waves[front.wave:until] {
		out.Passed = append(out.Passed, wave.String())
		changes = append(changes, s.Pacing.Store.PutWave(s.Fleet, plan.placement, plan.release,
			store.Wave{Of: wave.Of(), Passed: s.Now(), Until: end}))
	}
	return out, changes, plan.release, nil
}

// ordered checks what every order has, at the head that counts.
func (s *Ordering) ordered(ctx context.Context, placement, reason string) (at *heads.Head, problem string, err error) {
	if !protocol.IsName(placement) {
		return nil, "placement is no name", nil
	}
	if problem := protocol.TextProblem("reason", reason, 1, maxOrderReason); problem != "" {
		return nil, problem, nil
	}
	at, err = s.Pacing.Heads.Usable(ctx)
	if err != nil {
		return nil, "", err
	}
	if p := at.Model.Placements[placement]; p == nil || p.Spec.Rollout == nil {
		return nil, "the accepted head has no such placement with waves", nil
	}
	return at, "", nil
}

// PauseRollout lets nothing of a placement start anew until a time, or ends that. Every
// replica has it within the time that it answers from memory.
func (s *Ordering) PauseRollout(ctx context.Context, in *keyservicev1.PauseRolloutRequest) (
	*keyservicev1.PauseRolloutResponse, error,
) {
	who, err := authority.CallingPerson(ctx)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonCertificate, err)
	}
	refuse := func(reason string, err error) error { return s.Refuse(reason, err, "person", who.Name) }
	now, until := s.Now(), time.UnixMicro(in.GetUntil())
	_, problem, err := s.ordered(ctx, in.GetPlacement(), in.GetReason())
	if err != nil {
		return nil, refuse(keyservicev1.ReasonUnavailable, err)
	}
	detail := "rollout paused until " + until.UTC().Format(time.RFC3339) + ": " + in.GetReason()
	switch {
	case problem != "":
	case in.GetUntil() == 0:
		until, detail = now, "rollout resumed: "+in.GetReason()
	case !until.After(now) || until.After(now.Add(maxPause)):
		problem = fmt.Sprintf("until is not within %d days from now", int(maxPause.Hours()/24))
	}
	if problem != "" {
		return nil, refuse(keyservicev1.ReasonRequest, errors.New(problem))
	}
	pauses, err := s.Pacing.Store.Pauses(ctx, s.Fleet, now)
	if err != nil {
		return nil, refuse(keyservicev1.ReasonUnavailable, err)
	}
	out := &keyservicev1.PauseRolloutResponse{}
	if was, ok := pauses[in.GetPlacement()]; ok {
		out.Was = spellPause(was)
	} else if in.GetUntil() == 0 {
		return nil, refuse(keyservicev1.ReasonRequest, errors.New("no operator pauses it"))
	}
	e := who.Entry(audit.Person, audit.Done, detail)
	e.Placement = in.GetPlacement()
	if _, err := s.Journal.Leave(ctx, []audit.Entry{e}, s.Pacing.Store.PutPause(s.Fleet, store.Pause{
		Placement: in.GetPlacement(), Reason: in.GetReason(), Person: who.Name, Since: now, Until: until})); err != nil {
		return nil, refuse(keyservicev1.ReasonUnavailable, err)
	}
	s.Log.Warn("an operator changed the pace of a placement", "person", who.Name, "placement", in.GetPlacement(),
		"detail", detail)
	return out, nil
}

func spellPause(p store.Pause) *keyservicev1.RolloutPause {
	return &keyservicev1.RolloutPause{Since: p.Since.UnixMicro(), Until: p.Until.UnixMicro(), Reason: p.Reason,
		Person: p.Person}
}
