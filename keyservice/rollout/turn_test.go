package rollout

import (
	"strings"
	"testing"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// rolling is a fleet of three waves whose clusters say what they like.
type rolling struct {
	plan  *plan
	q     question
	kept  map[string]store.Wave
	ready map[string]bool
}

func newRolling() *rolling {
	r := &rolling{kept: map[string]store.Wave{}, ready: map[string]bool{}}
	r.q = question{
		placement: "shop",
		rollout:   &api.PlacementRollout{Pause: &api.Duration{Duration: time.Hour}},
		waves: []model.Wave{
			{RolloutWave: api.RolloutWave{ClusterName: "canary"}, Clusters: []string{"canary"}},
			{RolloutWave: api.RolloutWave{ClusterSet: "eu", MaxUnavailable: "50%",
				Pause: &api.Duration{}}, Clusters: []string{"eu-1", "eu-2", "eu-3"}},
			{Clusters: []string{"us"}},
		},
		known: r.kept, ready: func(name string) bool { return r.ready[name] },
		now: time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC),
	}
	r.plan = &plan{rollout: r.q.rollout, waves: r.q.waves, waveOf: map[string]int{}}
	for i, wave := range r.q.waves {
		for _, name := range wave.Clusters {
			r.plan.waveOf[name] = i
		}
	}
	return r
}

// may asks for a cluster, and keeps what the answer says of waves, as the store does.
func (r *rolling) may(t *testing.T, cluster string, want bool, why string) {
	t.Helper()
	at, changed := r.q.front()
	for _, w := range changed {
		r.kept[w.Of] = w
	}
	turn := r.plan.turn(cluster, at)
	if turn.May != want || !strings.Contains(turn.Why, why) || !want && turn.Again <= 0 {
		t.Errorf("%s may: %v (%s, again in %s); want %v, %q", cluster, turn.May, turn.Why, turn.Again, want, why)
	}
}

func (r *rolling) says(clusters ...string) {
	for _, name := range clusters {
		r.ready[strings.TrimPrefix(name, "-")] = !strings.HasPrefix(name, "-")
	}
}

func TestAWaveBeginsOnceThoseBeforeItStoodForTheirPause(t *testing.T) {
	r := newRolling()
	r.may(t, "canary", true, "")
	r.may(t, "eu-1", false, "wave cluster/canary is not Ready with it; hint: ")
	r.says("canary")
	r.may(t, "eu-1", false, "pauses until 2026-11-29T13:00:00Z")
	r.q.now = r.q.now.Add(50 * time.Minute)
	r.says("-canary") // its pause begins anew
	r.may(t, "eu-1", false, "is not Ready with it")
	r.says("canary")
	r.may(t, "us", false, "pauses until 2026-11-29T13:50:00Z")
	r.q.now = r.q.now.Add(time.Hour)
	r.may(t, "us", false, "wave set/eu is not Ready with it")
	r.says("-canary") // it passed: what it is now holds nobody
	r.may(t, "eu-3", true, "")
	r.says("eu-1", "eu-3")
	r.may(t, "us", true, "")
	// So a revert to this release runs through at once, whatever clusters say of it.
	r.says("-canary", "-eu-1", "-eu-3")
	for _, name := range []string{"canary", "eu-1", "us"} {
		r.may(t, name, true, "")
	}
	r.q.rollout.Paused = true
	r.may(t, "canary", false, "Git pauses the rollout")
}

func TestNobodyPassesForAWaveWithoutClusters(t *testing.T) {
	r := newRolling()
	r.q.waves[0].Clusters = nil
	r.may(t, "us", false, "wave cluster/canary has no cluster that could show that the release is good; hint: ")
	r.may(t, "stranger", false, "no wave has this cluster")
}

// TestOneClusterAtLeastShowsThatAReleaseIsGood: an amount that covers the whole wave, as
// once it has shrunk, lets nothing through unseen.
func TestOneClusterAtLeastShowsThatAReleaseIsGood(t *testing.T) {
	r := newRolling()
	r.q.waves[0].MaxUnavailable, r.q.waves[1].MaxUnavailable = "1", "9"
	r.may(t, "eu-1", false, "wave cluster/canary is not Ready with it")
	r.says("canary")
	r.may(t, "eu-1", false, "pauses")
	r.q.now = r.q.now.Add(time.Hour)
	r.may(t, "us", false, "wave set/eu is not Ready with it")
	if may := r.q.waves[1].MayLack(3); may != 2 {
		t.Errorf("of 3 clusters %d may lack", may)
	}
	r.says("eu-2")
	r.may(t, "us", true, "")
}

// TestNobodyLooksAtTheLastWave: nobody comes after it, and it may be ten thousand.
func TestNobodyLooksAtTheLastWave(t *testing.T) {
	r := newRolling()
	r.q.ready = func(name string) bool {
		if name == "us" {
			t.Error("the last wave was looked at")
		}
		return true
	}
	r.q.rollout.Pause = nil
	r.may(t, "us", true, "")
}

// TestThoseFurtherBehindAskLessOften, and nobody later than at the end of a pause.
func TestThoseFurtherBehindAskLessOften(t *testing.T) {
	r := newRolling()
	next, last := r.plan.turn("eu-1", front{why: "lacks"}), r.plan.turn("us", front{why: "lacks"})
	if next.Again < askAgain || last.Again <= next.Again {
		t.Errorf("the next wave asks again in %s, the last in %s", next.Again, last.Again)
	}
	for range 100_000 {
		r.plan.waves[2].Clusters = append(r.plan.waves[2].Clusters, "x")
	}
	if last = r.plan.turn("us", front{why: "lacks"}); last.Again != mostAgain {
		t.Errorf("one of many asks again in %s", last.Again)
	}
	if last = r.plan.turn("us", front{why: "pauses", again: time.Second}); last.Again != time.Second {
		t.Errorf("at a pause's end it asks again in %s", last.Again)
	}
}

func TestAReleaseIsWhatIsBuiltWhateverTheNumberOfClusters(t *testing.T) {
	one := releaseOf(map[string]string{"a": "x"})
	if more := releaseOf(map[string]string{"a": "x", "b": "x"}); more != one {
		t.Error("a cluster more makes another release")
	}
	if other := releaseOf(map[string]string{"a": "x", "b": "y"}); other == one {
		t.Error("another variant makes no other release")
	}
}

func TestAClockThatIsSetBackEndsNoPause(t *testing.T) {
	r := newRolling()
	r.says("canary")
	r.may(t, "us", false, "pauses until 2026-11-29T13:00:00Z")
	r.q.now = r.q.now.Add(-24 * time.Hour)
	r.may(t, "us", false, "pauses until 2026-11-28T13:00:00Z")
}

// TestAClusterIsToldTheSameWhileAWaveComes: each that waits reports what it is told, and
// who else is unwell is not for it to know.
func TestAClusterIsToldTheSameWhileAWaveComes(t *testing.T) {
	r := newRolling()
	r.says("canary")
	r.q.rollout.Pause, r.q.waves[1].MaxUnavailable = nil, ""
	const told = "wave set/eu is not Ready with it; hint: bulla status --rollout --placement shop says who lacks; " +
		"mend the release, or revert it"
	for _, next := range []string{"eu-1", "-eu-1", "eu-2"} {
		at, _ := r.q.front()
		if turn := r.plan.turn("us", at); turn.Why != told {
			t.Errorf("told %q, want %q", turn.Why, told)
		}
		r.says(next)
	}
}
