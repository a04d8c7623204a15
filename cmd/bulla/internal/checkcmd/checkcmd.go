// Package checkcmd diagnoses an installation end to end: what is here, the key service,
// the fleet, and one cluster. It only looks, but for one look at Git that it asks the
// key service for.
package checkcmd

import (
	"context"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/render"
	"github.com/bulla-dev/bulla/desk/period"
)

const long = `Look at an installation from end to end, and say what is wrong with it.

  client        this program, and what it needs of this machine
  repository    the fleet's keys under the pinned root key; the commit that stands here
  key service   whether it is reached, its version, clock and certificates, the HSM,
                its store, its webhooks, and the head that it follows beside Git's
  fleet         which clusters report, with which version, at which head
  cluster       that of --context, or of the current context: its API server, the
                definitions, the FleetSync, the controller and its rights

Each line says what was looked at, what was found and, where there is something to
do, what. What cannot be asked is said and is no failure: the key service without a
login (see "bulla login"), a cluster without a kubeconfig, rights that you have not.

The exit code is 1 where something failed. It changes nothing; the key service is
asked to look at Git now, where your role lets it.

With --pre it looks at what must be there before bulla is installed on a cluster, as
"flux check --pre" does: the API server's version, and your right to install.`

const example = `  # everything that this machine can reach
  bulla check

  # before helm install
  bulla check --pre --context prod-eu

  # for a monitor: what failed, and its hint
  bulla check -o json | jq -r '.checks[] | select(.standing == "Failed") | .what + ": " + .says'`

// run is one run of the command.
type run struct {
	*shell.Shell
	*report

	fleet, context, kubeconfig, namespace string
	pre                                   bool
	timeout                               time.Duration
	format                                render.Format
	// head is the one that the key service accepted last; "" where it was not asked.
	head string
	now  func() time.Time
}

// New is the command.
func New(s *shell.Shell) *cobra.Command {
	a := &run{Shell: s, report: &report{}, now: time.Now}
	cmd := &cobra.Command{
		Use: "check", Short: "Say what is wrong with an installation", Long: long, Example: example, Args: command.None,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.format.CheckNoNames(); err != nil {
				return err
			}
			return a.check(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&a.fleet, "fleet-id", "", "the fleet's `id`, when you are not in its repository")
	cmd.Flags().BoolVar(&a.pre, "pre", false, "look at what must be there before it is installed on a cluster")
	cmd.Flags().StringVarP(&a.namespace, "namespace", "n", "", "`namespace` of the controller (default the FleetSync's)")
	period.Var(cmd.Flags(), &a.timeout, "timeout", 15*time.Second, "how long one question may take")
	shell.KubeFlags(cmd, &a.context, &a.kubeconfig)
	render.FlagNoNames(cmd.Flags(), &a.format)
	return cmd
}

func (a *run) check(ctx context.Context) error {
	progress := a.Progress()
	a.tell = a.told(progress)
	for _, part := range []struct {
		name string
		look func(context.Context)
	}{
		{"client", a.lookAtClient},
		{"repository", a.lookAtRepository},
		{"key service", a.lookAtService},
		{"cluster", a.lookAtCluster},
	} {
		a.part = part.name
		progress("looks at the %s", part.name)
		part.look(ctx)
	}
	progress("")
	out := struct {
		Checks   []Line `json:"checks"`
		Failed   int    `json:"failed"`
		Warnings int    `json:"warnings"`
		NotAsked int    `json:"notAsked"`
	}{a.lines, a.count(Failed), a.count(Warning), a.count(NotAsked)}
	if a.format != render.Text {
		if err := a.format.Print(a.Stdout, out, render.Table{}); err != nil {
			return err
		}
	} else {
		a.Printf("\n%s failed, %s, %d could not be asked\n", plural.Of(out.Failed, "check"),
			plural.Of(out.Warnings, "warning"), out.NotAsked)
	}
	if out.Failed > 0 {
		return fault.ErrUnwell
	}
	return nil
}

// told prints a line as it comes, with the part's name above its first.
func (a *run) told(progress func(string, ...any)) func(Line) {
	if a.format != render.Text {
		return func(Line) {}
	}
	marks, part := ascii, ""
	if file, ok := a.Terminal.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		marks = signs
	}
	return func(line Line) {
		progress("")
		if line.Part != part {
			if part != "" {
				a.Printf("\n")
			}
			part = line.Part
			a.Printf("%s\n", part)
		}
		a.Printf("  %s %s", marks[line.Is], line.What)
		if line.Says != "" {
			a.Printf(": %s", line.Says)
		}
		a.Printf("\n")
		if line.Hint != "" {
			a.Printf("       hint: %s\n", line.Hint)
		}
	}
}

// The marks of a line: signs on a terminal, words for whoever reads a file.
var (
	signs = map[Standing]string{OK: "✔", Warning: "!", Failed: "✗", NotAsked: "-"}
	ascii = map[Standing]string{OK: "ok  ", Warning: "warn", Failed: "FAIL", NotAsked: "-   "}
)
