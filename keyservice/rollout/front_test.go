package rollout

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/clerk"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// counted is a store that counts what is asked of it.
type counted struct {
	Store
	states        map[string][]byte
	reads, writes atomic.Int32
	known         map[string]store.Wave
	pauses        map[string]store.Pause
}

func (c *counted) Waves(context.Context, string, string, string) (map[string]store.Wave, error) {
	return c.known, nil
}

func (c *counted) Pauses(context.Context, string, time.Time) (map[string]store.Pause, error) {
	return c.pauses, nil
}

// EachState hands over one buffer again and again, as a database does.
func (c *counted) EachState(_ context.Context, _, cluster string, each func(string, []byte)) error {
	c.reads.Add(1)
	var buffer []byte
	for name, state := range c.states {
		if cluster == "" || name == cluster {
			clear(buffer)
			buffer = append(buffer[:0], state...)
			each(name, buffer)
		}
	}
	clear(buffer)
	return nil
}

func (c *counted) PutWave(_, _, _ string, w store.Wave) store.Change {
	if c.known != nil {
		c.known[w.Of] = w
	}
	return nil
}

func (c *counted) ForgetWaves(string, string, string, time.Time) store.Change { return nil }

func (c *counted) Do(context.Context, ...store.Change) error {
	c.writes.Add(1)
	return nil
}

func newPacing(s Store, now time.Time) *Pacing {
	c := &clerk.Clerk{Now: func() time.Time { return now }}
	return &Pacing{Clerk: c, Store: s, Reports: &Reports{Clerk: c, Store: s}}
}

// TestThreeThousandClustersThatWaitCostOneLook at the wave before theirs, and one write:
// what a release costs does not grow with who waits for it.
func TestThreeThousandClustersThatWaitCostOneLook(t *testing.T) {
	p := &plan{
		placement: "shop", release: "all", waveOf: map[string]int{}, releases: map[string]string{},
		looked:  &look{},
		rollout: &api.PlacementRollout{Pause: &api.Duration{Duration: time.Hour}},
	}
	s := &counted{states: map[string][]byte{}}
	state, err := proto.Marshal(&keyservicev1.ClusterState{Deliveries: []*keyservicev1.DeliveryState{
		{Placement: "shop", Ready: keyservicev1.Readiness_READINESS_READY, Release: "r"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range []int{1, 100, 3000} {
		wave := model.Wave{RolloutWave: api.RolloutWave{ClusterSet: fmt.Sprintf("s%d", i)}}
		for j := range n {
			name := fmt.Sprintf("c%d-%d", i, j)
			wave.Clusters = append(wave.Clusters, name)
			p.waveOf[name], p.releases[name], s.states[name] = i, "r", state
		}
		p.waves = append(p.waves, wave)
	}
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	pacing := newPacing(s, now)
	askAll := func() {
		var all sync.WaitGroup
		for _, name := range p.waves[2].Clusters {
			all.Go(func() {
				at, err := pacing.front(t.Context(), p)
				if err != nil || p.turn(name, at).May {
					t.Errorf("%s may begin: %v", name, err)
				}
			})
		}
		all.Wait()
	}
	askAll()
	if s.reads.Load() != 1 || s.writes.Load() != 1 {
		t.Errorf("%d reads of what clusters say and %d writes, want one each", s.reads.Load(), s.writes.Load())
	}
	// Between looks nobody is read.
	askAll()
	if s.reads.Load() != 1 {
		t.Errorf("%d reads within one answer's time", s.reads.Load())
	}
}

// TestManyPlacementsCostOneRead of what thousands of clusters say: at a commit that
// changes them all, each is asked for at the same moment.
func TestManyPlacementsCostOneRead(t *testing.T) {
	wave := model.Wave{RolloutWave: api.RolloutWave{ClusterSet: "many"}}
	for i := range 2 * fewClusters {
		wave.Clusters = append(wave.Clusters, fmt.Sprintf("c%d", i))
	}
	said := &keyservicev1.ClusterState{}
	for i := range 60 {
		said.Deliveries = append(said.Deliveries, &keyservicev1.DeliveryState{
			Placement: fmt.Sprintf("p%d", i), Ready: keyservicev1.Readiness_READINESS_READY, Release: "r",
		})
	}
	state, err := proto.Marshal(said)
	if err != nil {
		t.Fatal(err)
	}
	s := &counted{states: map[string][]byte{}}
	for _, name := range wave.Clusters {
		s.states[name] = state
	}
	pacing := newPacing(s, time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC))
	var all sync.WaitGroup
	for i := range 64 { // the last are Ready nowhere
		p := &plan{
			placement: fmt.Sprintf("p%d", i), release: "all", waveOf: map[string]int{"last": 1},
			releases: map[string]string{}, looked: &look{}, rollout: &api.PlacementRollout{},
			waves: []model.Wave{wave, {Clusters: []string{"last"}}},
		}
		for _, name := range wave.Clusters {
			p.releases[name] = "r"
		}
		all.Go(func() {
			at, err := pacing.front(t.Context(), p)
			if may := p.turn("last", at).May; err != nil || may != (i < 60) {
				t.Errorf("the last may take %s: %v, %v", p.placement, may, err)
			}
		})
	}
	all.Wait()
	if s.reads.Load() != 1 {
		t.Errorf("%d reads of what clusters say, want one", s.reads.Load())
	}
}

// TestAReleaseThatComesBackPausesAnew: it was reverted during its pause, and who takes it
// first had it before.
func TestAReleaseThatComesBackPausesAnew(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	release := "sha256:" + strings.Repeat("0", 64)
	canary := model.Wave{RolloutWave: api.RolloutWave{ClusterName: "canary"}, Clusters: []string{"canary"}}
	head := headWith("shop")
	head.Model.Placements["shop"].Spec.Rollout.Pause = &api.Duration{Duration: time.Hour}
	s := &counted{known: map[string]store.Wave{canary.Of(): {Of: canary.Of(), Since: now.Add(-2 * time.Hour)}}}
	pacing := newPacing(s, now)
	pacing.plans.at(head, "shop").plan = &plan{
		placement: "shop", rollout: head.Model.Placements["shop"].Spec.Rollout, whole: true, looked: &look{},
		waves: []model.Wave{canary, {Clusters: []string{"last"}}}, waveOf: map[string]int{"last": 1},
		releases: map[string]string{"canary": release, "last": release},
	}
	turn, err := pacing.turn(t.Context(), head, "canary",
		&keyservicev1.MayTakeRequest{Placement: "shop", Release: release, Stood: true})
	if err != nil || !turn.May {
		t.Errorf("canary may not take what it had before: %+v, %v", turn, err)
	}
	if row := s.known[canary.Of()]; !row.Since.IsZero() || !row.Passed.IsZero() {
		t.Errorf("the pause before counts: %+v", row)
	}
}
