package rollout

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/clerk"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// maxLacking is how many clusters of a wave that lack are shown.
const maxLacking = 10

// Showing answers people who ask how far releases came. It only looks.
type Showing struct {
	*clerk.Clerk

	Heads   *heads.Heads
	Store   Store
	Reports *Reports
}

// ListRollouts says it of every placement with waves, or of one.
func (s *Showing) ListRollouts(ctx context.Context, in *keyservicev1.ListRolloutsRequest) (
	*keyservicev1.ListRolloutsResponse, error,
) {
	who, err := authority.CallingPerson(ctx)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonCertificate, err)
	}
	if in.GetPlacement() != "" && !protocol.IsName(in.GetPlacement()) {
		return nil, s.Refuse(keyservicev1.ReasonRequest, errors.New("placement is no name"), "person", who.Name)
	}
	now, err := s.Heads.Usable(ctx)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "person", who.Name)
	}
	out, err := s.list(ctx, now, in.GetPlacement())
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "person", who.Name)
	}
	return out, nil
}

func (s *Showing) list(ctx context.Context, at *heads.Head, only string) (*keyservicev1.ListRolloutsResponse, error) {
	out := &keyservicev1.ListRolloutsResponse{Head: at.Hash, Time: s.Now().UnixMicro()}
	pauses, err := s.Store.Pauses(ctx, s.Fleet, s.Now())
	if err != nil {
		return nil, err
	}
	var said map[string]releases
	for _, name := range slices.Sorted(maps.Keys(at.Model.Placements)) {
		if at.Model.Placements[name].Spec.Rollout == nil || only != "" && name != only {
			continue
		}
		plan, err := newPlan(ctx, at, name)
		if err != nil {
			return nil, err
		}
		if said == nil {
			if said, err = s.Reports.all(ctx); err != nil {
				return nil, err
			}
		}
		known, err := s.Store.Waves(ctx, s.Fleet, name, plan.release)
		if err != nil {
			return nil, err
		}
		shown := plan.show(said, known, s.Now())
		if p, ok := pauses[name]; ok {
			shown.Pause = spellPause(p)
		}
		out.Rollouts = append(out.Rollouts, shown)
	}
	return out, nil
}

func (p *plan) show(said map[string]releases, known map[string]store.Wave, now time.Time) *keyservicev1.Rollout {
	out := &keyservicev1.Rollout{Placement: p.placement, Paused: p.rollout.Paused, Building: p.building}
	for _, wave := range p.waves {
		row, n := known[wave.Of()], len(wave.Clusters)
		shown := &keyservicev1.RolloutWave{
			Name: wave.String(), Clusters: uint32(n), MayLack: uint32(wave.MayLack(n)),
			Pause: p.rollout.PauseAfter(wave.RolloutWave).Microseconds(),
		}
		if !row.Since.IsZero() {
			shown.Since = row.Since.UnixMicro()
		}
		if row.HasPassed(now) {
			shown.Passed = row.Passed.UnixMicro()
			if !row.Until.IsZero() {
				shown.Until = row.Until.UnixMicro()
			}
		}
		for _, name := range wave.Clusters {
			if isReady(said[name], p.placement, p.releases[name]) {
				shown.Ready++
			} else if len(shown.Lacking) < maxLacking {
				shown.Lacking = append(shown.Lacking, name)
			}
		}
		out.Waves = append(out.Waves, shown)
	}
	return out
}
