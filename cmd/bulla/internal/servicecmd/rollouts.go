package servicecmd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/render"
	"github.com/bulla-dev/bulla/desk/login"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// rollouts is how far releases came, at one time. Ready is each cluster's own word.
type rollouts struct {
	Head     string    `json:"head"`
	Time     time.Time `json:"time"`
	Rollouts []rollout `json:"rollouts"`
}

type rollout struct {
	Placement string `json:"placement"`
	Paused    bool   `json:"paused,omitempty"`
	Building  bool   `json:"building,omitempty"`
	// Pause is an operator's, without a commit.
	Pause *pause `json:"pause,omitempty"`
	Waves []wave `json:"waves"`
}

type pause struct {
	Since  *time.Time `json:"since"`
	Until  *time.Time `json:"until"`
	Reason string     `json:"reason"`
	Person string     `json:"person"`
}

type wave struct {
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

// rollouts is `bulla status --rollout`.
func (a run) rollouts(ctx context.Context, f statusFlags, secret string) error {
	if secret != "" || f.cluster != "" || f.check || f.wait || f.head != "" {
		return fault.NewUsage("of the other filters it takes --placement", "--rollout is about whole placements")
	}
	admin, err := a.Admin(f.fleet)
	if err != nil {
		return err
	}
	defer admin.Close()
	answer, err := admin.ListRollouts(ctx, f.placement)
	if err != nil {
		return login.Refused(err)
	}
	said := rolloutsOf(answer)
	if f.placement != "" && len(said.Rollouts) == 0 {
		return a.NoWaves(f.fleet, f.placement)
	}
	if err := f.format.Print(a.Stdout, said, rolloutsTable(said)); err != nil {
		return err
	}
	if f.format == render.Text {
		for _, r := range said.Rollouts {
			if r.Pause != nil {
				a.Printf("%s pauses until %s, by %s: %s\n", r.Placement, r.Pause.Until.Format(time.RFC3339), r.Pause.Person,
					r.Pause.Reason)
			}
		}
		a.Nothing(len(said.Rollouts), "no placement has waves")
	}
	return nil
}

func rolloutsOf(in *keyservicev1.ListRolloutsResponse) rollouts {
	out := rollouts{Head: in.GetHead(), Time: time.UnixMicro(in.GetTime()).UTC(), Rollouts: []rollout{}}
	for _, r := range in.GetRollouts() {
		one := rollout{Placement: r.GetPlacement(), Paused: r.GetPaused(), Building: r.GetBuilding(), Waves: []wave{}}
		if p := r.GetPause(); p != nil {
			one.Pause = &pause{timeOf(p.GetSince()), timeOf(p.GetUntil()), p.GetReason(), p.GetPerson()}
		}
		front := true
		for _, w := range r.GetWaves() {
			said := waveOf(w)
			said.State = stateOf(said, front, r.GetPaused() || one.Pause != nil, out.Time)
			front = front && w.GetPassed() != 0
			one.Waves = append(one.Waves, said)
		}
		out.Rollouts = append(out.Rollouts, one)
	}
	return out
}

func waveOf(w *keyservicev1.RolloutWave) wave {
	said := wave{
		Name: w.GetName(), Clusters: w.GetClusters(), Ready: w.GetReady(), MayLack: w.GetMayLack(),
		Since: timeOf(w.GetSince()), Passed: timeOf(w.GetPassed()), Lacking: w.GetLacking(),
	}
	if said.Until = timeOf(w.GetUntil()); said.Since != nil && said.Passed == nil {
		until := said.Since.Add(time.Duration(w.GetPause()) * time.Microsecond)
		said.Until = &until
	}
	return said
}

// stateOf is how far one wave is. front: every wave before it has passed.
func stateOf(w wave, front, paused bool, now time.Time) string {
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

func timeOf(us int64) *time.Time {
	if us == 0 {
		return nil
	}
	t := time.UnixMicro(us).UTC()
	return &t
}

func rolloutsTable(said rollouts) render.Table {
	table := render.Table{Header: []string{"PLACEMENT", "WAVE", "READY", "STATE", "SINCE", "LACKING"}}
	for _, r := range said.Rollouts {
		for _, w := range r.Waves {
			since, state := w.Since, w.State
			if w.Passed != nil {
				since = w.Passed
			}
			if state == "Pausing" {
				state += " until " + w.Until.Format(time.RFC3339)
			}
			lacking := strings.Join(w.Lacking, ",")
			if more := int(w.Clusters) - int(w.Ready) - len(w.Lacking); more > 0 {
				lacking += fmt.Sprintf(" and %d more", more)
			}
			table.Rows = append(table.Rows, []string{r.Placement, w.Name, fmt.Sprintf("%d/%d", w.Ready, w.Clusters), state,
				shell.Ago(said.Time, since), lacking})
		}
	}
	return table
}
