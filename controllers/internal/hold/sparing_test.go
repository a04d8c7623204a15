package hold

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/kustomize"
)

// service is a key service whose answers take some time.
type service struct {
	now   time.Time
	takes time.Duration
	err   error
	asked int
}

func (s *service) MayTake(ctx context.Context, _ *keyservicev1.MayTakeRequest) (bool, string, time.Duration, error) {
	s.asked++
	if until, ok := ctx.Deadline(); !ok || time.Until(until) > answerIn {
		return false, "", 0, errors.New("it may take for ever")
	}
	s.now = s.now.Add(s.takes)
	return false, "wave canary is not Ready with it", time.Minute, s.err
}

// TestASlowKeyServiceKeepsNoWorkersBusy: a removal waits for a worker, and not for two
// hundred Deliveries that ask one after the other.
func TestASlowKeyServiceKeepsNoWorkersBusy(t *testing.T) {
	s := &service{now: time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)}
	sparing := &Sparing{Now: func() time.Time { return s.now }}
	placed := &kustomize.Placed{Placement: &api.Placement{Spec: api.PlacementSpec{Rollout: &api.PlacementRollout{}}}}
	ask := func(asked int, why string) {
		t.Helper()
		for range 200 {
			held := Wave(t.Context(), sparing.Of(s), Release{Placed: placed})
			if held == nil || !strings.Contains(held.End.Message, why) {
				t.Fatalf("held: %+v, want %q", held, why)
			}
		}
		if s.asked != asked {
			t.Errorf("asked %d times, want %d", s.asked, asked)
		}
	}
	ask(200, "wave canary is not Ready with it")
	s.err = errors.New("connection refused")
	ask(400, "connection refused") // which costs nothing
	s.takes = 10 * time.Second
	s.err = nil
	Wave(t.Context(), sparing.Of(s), Release{Placed: placed})
	ask(401, "it answers slowly")
	s.now, s.takes = s.now.Add(askAgain), 0
	ask(601, "wave canary is not Ready with it")
}

// TestThoseWhoWaitAskApart, and none sooner than told.
func TestThoseWhoWaitAskApart(t *testing.T) {
	s, when := &service{}, map[time.Duration]bool{}
	placed := &kustomize.Placed{Placement: &api.Placement{Spec: api.PlacementSpec{Rollout: &api.PlacementRollout{}}}}
	for range 20 {
		held := Wave(t.Context(), s, Release{Placed: placed})
		if held.Again < time.Minute {
			t.Errorf("it asks again in %s", held.Again)
		}
		when[held.Again] = true
	}
	if len(when) == 1 {
		t.Error("all ask again at one moment")
	}
}
