package servicecmd

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/render"
	"github.com/bulla-dev/bulla/desk/ledger"
	"github.com/bulla-dev/bulla/desk/login"
	"github.com/bulla-dev/bulla/desk/period"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

const statusLong = `Say where each secret and each placement stands on each cluster.

  Configured      Git places it there, and the cluster did not say anything of it
  Provisioned     it is applied
  InUse           a workload of its placement that reads it has rolled out
  Deprovisioned   it is confirmed absent
  Unknown         the cluster had it, and does not say any more what became of it

DIGEST compares what the cluster has with what the head places that the key
service accepted last: Current, Outdated, Missing, NotPlaced, Broken where the
placement cannot be read or does not build, or Unknown where the cluster does not
say. Everything but Configured is the cluster's own word.

The first line is that head. Then clusters with the head that each works at, then
secrets, then placements: those that are not ready, and those without secrets.
What is suspended says by whom and since when, where the cluster knows. When the
repository has a newer commit that the key service sees and does not accept, that
is said after the list: why, since when, and when it stops what is unsealed.

A cluster says that it is alive every ten minutes. One that did not for longer
than --silent-after is named after the list.

For CI: --check has the key service look at Git first, and fails when anything is
not as the head it then has wants it; --wait asks until it is, for --timeout;
--head REV fails until that commit, or one after it, was accepted.

--rollout says instead how far releases that come in waves are: for each wave how
many of its clusters report the release, Ready, and whether the wave has Passed, is
Running, Waiting for those before it, Pausing, or Paused in Git.

It asks the key service, with your login (see "bulla login"); any role will do.`

const statusExample = `  # everything that you may see
  bulla status

  # one secret on all clusters, one cluster, one application
  bulla status payments/payments-db
  bulla status --cluster prod-eu
  bulla status --placement payments -o json

  # how far a release came
  bulla status --rollout --placement payments

  # in a script: fail when something is not as Git has it now
  bulla status --placement payments --check

  # after a push: wait until the commit stands everywhere
  bulla status --placement payments --wait --head $(git rev-parse HEAD) --timeout 10m`

type statusFlags struct {
	fleet, cluster, placement string
	patience                  time.Duration
	check, wait, rollout      bool
	head                      string
	timeout                   time.Duration
	format                    render.Format
}

func newStatus(a run) *cobra.Command {
	f := statusFlags{format: render.Text}
	cmd := &cobra.Command{
		Use: "status [SECRET]", Short: "Say where each secret stands on each cluster", Long: statusLong,
		Example: statusExample,
		Args:    command.Args("at most one secret, NAME or NAMESPACE/NAME", 0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			secret := strings.Join(args, "")
			if err := f.format.Check(); err != nil {
				return err
			}
			if f.rollout {
				return a.rollouts(cmd.Context(), f, secret)
			}
			return a.status(cmd.Context(), f, secret)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.fleet, "fleet-id", "", "the fleet's `id`, when you are not in its repository")
	flags.StringVar(&f.cluster, "cluster", "", "only this `cluster`")
	flags.StringVar(&f.placement, "placement", "", "only what this `placement` places")
	period.Var(flags, &f.patience, "silent-after", 30*time.Minute, "how long a cluster may say nothing")
	flags.BoolVar(&f.check, "check", false,
		"exit with code 3 when something is not as Git has it now, or nothing has the name")
	flags.BoolVar(&f.wait, "wait", false,
		"ask until everything is as Git has it, and exit with code 3 when --timeout is over")
	flags.BoolVar(&f.rollout, "rollout", false, "say how far releases came in their waves")
	flags.StringVar(&f.head, "head", "", "with --check or --wait: this `commit`, or one after it, must be accepted")
	period.Var(flags, &f.timeout, "timeout", 10*time.Minute, "how long --wait asks")
	shell.OutputFlag(cmd, &f.format)
	_ = cmd.RegisterFlagCompletionFunc("cluster", a.CompleteNames(func(n shell.Names) []string { return n.Clusters }))
	_ = cmd.RegisterFlagCompletionFunc("placement", a.CompleteNames(func(n shell.Names) []string { return n.Placements }))
	return cmd
}

func (a run) status(ctx context.Context, f statusFlags, secret string) error {
	admin, err := a.Admin(f.fleet)
	if err != nil {
		return err
	}
	defer admin.Close()
	in := &keyservicev1.ListLedgerRequest{Cluster: f.cluster, Placement: f.placement}
	if strings.Contains(secret, "/") {
		in.Object = secret
	}
	if err := a.lookFirst(ctx, admin, f); err != nil {
		return err
	}
	status, err := a.readStatus(ctx, admin, f, in, secret)
	if err != nil {
		return err
	}
	if f.cluster != "" && len(status.Clusters) == 0 {
		return fault.New("names are those of the files in clusters/; `bulla status` lists them",
			"the key service knows no cluster %q", f.cluster)
	}
	table := statusTable(status)
	if f.placement != "" && secret == "" && !f.check && !f.wait && checkedNothing(f, secret, status, len(table.Rows)) {
		return fault.New("names are those of the files in placements/; `bulla status` lists them",
			"the key service knows no placement %q", f.placement)
	}
	if err := a.printStatus(f.format, status, table, secret); err != nil {
		return err
	}
	if (f.check || f.wait) &&
		(a.notThere(status, f.head) || status.Troubled() || checkedNothing(f, secret, status, len(table.Rows))) {
		return fault.ErrFindings
	}
	return nil
}

// checkedNothing: a misspelt secret or placement would pass every check, and a
// script would take it for well. A cluster may have nothing.
func checkedNothing(f statusFlags, secret string, status ledger.Status, found int) bool {
	return found == 0 && (secret != "" || f.placement != "" && len(status.Placements) == 0)
}

func refusedLedger(err error) error {
	var denied *client.DeniedError
	if errors.As(err, &denied) && denied.Reason == keyservicev1.ReasonTooMuch {
		return fault.New("ask for less: --cluster, --placement or NAMESPACE/NAME", "%w", err)
	}
	return login.Refused(err)
}

func statusTable(status ledger.Status) render.Table {
	table := render.Table{Header: []string{"SECRET", "CLUSTER", "STATE", "SINCE", "DIGEST", "USED BY", "LAST REPORT"}}
	for _, c := range status.Clusters {
		for _, s := range c.Secrets {
			match := string(s.Match)
			if s.NeverPlaced {
				match += ", never placed"
			}
			if s.Denied {
				match += ", denied"
			}
			table.Rows = append(table.Rows, []string{s.Object(), c.Name, s.State, shell.Ago(status.Time, s.Since), match,
				strings.Join(s.Workloads, ","), shell.Ago(status.Time, c.Reported)})
		}
	}
	table.Sort()
	return table
}

func (a run) warnSilent(status ledger.Status) {
	for _, c := range status.Clusters {
		switch {
		case c.Silent && c.Reported == nil:
			a.Warnf("cluster %s has never reported", c.Name)
		case c.Silent:
			a.Warnf("cluster %s is silent since %s (%s)", c.Name, c.Reported.Format(time.RFC3339),
				shell.Ago(status.Time, c.Reported))
		}
	}
}

func (a run) warnDenied(status ledger.Status) {
	for _, d := range status.Denied {
		a.Warnf("denied until %s by %s: %s (%s)", d.Until.Format(time.RFC3339), d.Person, d.What(), d.Reason)
	}
}
