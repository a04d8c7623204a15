package ledger

import (
	"time"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// Rollouts is how far releases came, at one time. Ready is each cluster's own word.
type Rollouts struct {
	Head     string    `json:"head"`
	Time     time.Time `json:"time"`
	Rollouts []Rollout `json:"rollouts"`
}

// Rollout is that of one placement with waves.
type Rollout struct {
	Placement string `json:"placement"`
	Paused    bool   `json:"paused,omitempty"`
	Building  bool   `json:"building,omitempty"`
	// Pause is an operator's, without a commit.
	Pause *Pause `json:"pause,omitempty"`
	Waves []Wave `json:"waves"`
}

// Pause is who lets nothing new start, until when and why.
type Pause struct {
	Since  *time.Time `json:"since"`
	Until  *time.Time `json:"until"`
	Reason string     `json:"reason"`
	Person string     `json:"person"`
}

// Wave is how far one wave is.
type Wave struct {
	Name string `json:"name"`
	// State is Passed, Promoted, Ready, Pausing, Running, Paused, Waiting or Empty.
	State    string     `json:"state"`
	Clusters uint32     `json:"clusters"`
	Ready    uint32     `json:"ready"`
	MayLack  uint32     `json:"mayLack"`
	Since    *time.Time `json:"since,omitempty"`
	Passed   *time.Time `json:"passed,omitempty"`
	// Until is when its pause ends, or its promotion.
	Until   *time.Time `json:"until,omitempty"`
	Lacking []string   `json:"lacking,omitempty"`
}

// ReadRollouts reads an answer of the service.
func ReadRollouts(in *keyservicev1.ListRolloutsResponse) Rollouts {
	out := Rollouts{Head: in.GetHead(), Time: time.UnixMicro(in.GetTime()).UTC(), Rollouts: []Rollout{}}
	for _, r := range in.GetRollouts() {
		one := Rollout{Placement: r.GetPlacement(), Paused: r.GetPaused(), Building: r.GetBuilding(), Waves: []Wave{}}
		if p := r.GetPause(); p != nil {
			one.Pause = &Pause{moment(p.GetSince()), moment(p.GetUntil()), p.GetReason(), p.GetPerson()}
		}
		front := true
		for _, w := range r.GetWaves() {
			said := readWave(w)
			said.State = said.stateAt(out.Time, front, r.GetPaused() || one.Pause != nil)
			front = front && w.GetPassed() != 0
			one.Waves = append(one.Waves, said)
		}
		out.Rollouts = append(out.Rollouts, one)
	}
	return out
}

func readWave(w *keyservicev1.RolloutWave) Wave {
	said := Wave{
		Name: w.GetName(), Clusters: w.GetClusters(), Ready: w.GetReady(), MayLack: w.GetMayLack(),
		Since: moment(w.GetSince()), Passed: moment(w.GetPassed()), Lacking: w.GetLacking(),
	}
	if said.Until = moment(w.GetUntil()); said.Since != nil && said.Passed == nil {
		until := said.Since.Add(time.Duration(w.GetPause()) * time.Microsecond)
		said.Until = &until
	}
	return said
}

// stateAt is how far one wave is. front: every wave before it has passed.
func (w Wave) stateAt(now time.Time, front, paused bool) string {
	switch {
	case w.Passed != nil && w.Until != nil:
		return "Promoted"
	case w.Passed != nil:
		return "Passed"
	case w.Clusters == 0:
		return "Empty"
	case w.Ready+w.MayLack >= w.Clusters && w.Until != nil && w.Until.After(now):
		return "Pausing"
	case w.Ready+w.MayLack >= w.Clusters:
		return "Ready"
	case front && paused:
		return "Paused"
	case front:
		return "Running"
	}
	return "Waiting"
}
