package rollout

import (
	"context"
	"errors"
	"time"

	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/clerk"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// Pacing answers clusters that ask for their turn.
type Pacing struct {
	*clerk.Clerk

	Heads   *heads.Heads
	Store   Store
	Reports *Reports

	plans plans
}

// Store is what is kept of rollouts, and what clusters said.
type Store interface {
	// EachState hands over what clusters said of themselves last, one at a time; of all
	// of them for "". A state is gone when the call returns.
	EachState(ctx context.Context, fleet, cluster string, each func(name string, state []byte)) error
	// Waves is what is kept of a release, by wave.
	Waves(ctx context.Context, fleet, placement, release string) (map[string]store.Wave, error)
	PutWave(fleet, placement, release string, w store.Wave) store.Change
	// ForgetWaves drops what is kept of other releases that nobody asked for since.
	ForgetWaves(fleet, placement, release string, since time.Time) store.Change
	// Pauses are those of operators that count at a time, by placement.
	Pauses(ctx context.Context, fleet string, now time.Time) (map[string]store.Pause, error)
	PutPause(fleet string, p store.Pause) store.Change
	Do(ctx context.Context, changes ...store.Change) error
}

// MayTake says whether the caller's wave may take a release of a placement now. The
// cluster is the certificate's.
func (s *Pacing) MayTake(ctx context.Context, in *keyservicev1.MayTakeRequest) (*keyservicev1.MayTakeResponse, error) {
	who, err := authority.CallingCluster(ctx)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonCertificate, err)
	}
	if problem := checkQuestion(in); problem != "" {
		return nil, s.RefuseRecorded(ctx, who.Entry(audit.Report, keyservicev1.ReasonRequest), errors.New(problem))
	}
	s.Heads.Know(ctx, in.GetRevision())
	now, err := s.Heads.Usable(ctx)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "cluster", who.Name)
	}
	if _, reason := heads.Admit(now.Model, who.Name, who.Identity); reason != "" {
		return nil, s.RefuseRecorded(ctx, who.Entry(audit.Report, reason),
			errors.New("the accepted head does not have this cluster take anything"))
	}
	turn, err := s.turn(ctx, now, who.Name, in)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "cluster", who.Name)
	}
	return &keyservicev1.MayTakeResponse{
		May: turn.May, Why: printable.Line(turn.Why, protocol.MaxMessage), Again: turn.Again.Microseconds(),
	}, nil
}

func checkQuestion(in *keyservicev1.MayTakeRequest) (problem string) {
	switch {
	case !hexid.IsCommit(in.GetRevision()):
		return "revision is not 40 or 64 hexadecimal digits"
	case !protocol.IsName(in.GetPlacement()):
		return "placement is no name"
	case !hexid.IsDigest(in.GetRelease()):
		return "release is not sha256: and 64 hexadecimal digits"
	}
	return ""
}

// turn decides at the service's own head. What a cluster says of itself, that it was
// Ready with this before, counts for itself alone.
func (s *Pacing) turn(ctx context.Context, at *heads.Head, cluster string, in *keyservicev1.MayTakeRequest) (
	Turn, error,
) {
	placement := at.Model.Placements[in.GetPlacement()]
	switch {
	case placement == nil:
		return Turn{Why: "the key service's head does not have it", Again: askAgain}, nil
	case placement.Spec.Rollout == nil:
		return Turn{May: true}, nil
	}
	plan, err := s.plans.get(ctx, at, in.GetPlacement())
	if err != nil {
		return Turn{}, err
	}
	switch release, placed := plan.releases[cluster]; {
	case !placed:
		return Turn{Why: "the key service's head does not place it here", Again: askAgain}, nil
	case plan.building:
		return Turn{Why: "the key service is still building this release", Again: askAgain}, nil
	case release == "":
		return Turn{Why: "the key service cannot build it for this cluster; hint: bulla validate says why",
			Again: askAgain}, nil
	case release != in.GetRelease():
		return Turn{Why: "the key service's head has another release; hint: if that stays, bring the key service " +
			"and this controller to one version of bulla: another one may build something else", Again: askAgain}, nil
	}
	// Whoever asks starts the pause anew of a release that was reverted during it.
	front, err := s.front(ctx, plan)
	if err != nil {
		return Turn{}, err
	}
	if in.GetStood() && !plan.rollout.Paused && front.paused == "" {
		return Turn{May: true}, nil
	}
	return plan.turn(cluster, front), nil
}
