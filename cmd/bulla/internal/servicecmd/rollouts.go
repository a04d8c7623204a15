package servicecmd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/render"
	"github.com/bulla-dev/bulla/desk/ledger"
	"github.com/bulla-dev/bulla/desk/login"
)

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
	said := ledger.ReadRollouts(answer)
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

func rolloutsTable(said ledger.Rollouts) render.Table {
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
