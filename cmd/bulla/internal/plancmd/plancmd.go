// Package plancmd is `bulla plan`: what a change of the fleet repository grants, takes
// away and changes, from two revisions alone.
package plancmd

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/manual"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/version"
	"github.com/bulla-dev/bulla/desk/revisions"
	"github.com/bulla-dev/bulla/kustomize/printable"
	"github.com/bulla-dev/bulla/plan"
	"github.com/bulla-dev/bulla/plan/render"
)

const long = `Show what a change does before it is merged: which clusters gain or lose the
ability to open which secrets, and by which file; which objects are added,
changed, moved and removed; which secrets no lock opens where they are placed
now.

Two revisions are all that it reads: no cluster, no key service, no key. Grants
are decided by the code by which the key service decides, and builds run confined
as everywhere. What operators deny at the key service is not in Git, and not here.

BASE is the default branch unless told (origin/HEAD, main or master), HEAD is
what is checked out. Where BASE has gone on since, the commit at which the two
parted counts, as in a pull request: merge BASE first to see both together. A
HEAD that lies before BASE shows what going back would do.

--comment keeps one comment on the pull request at GitHub, GitLab, Gitea or
Forgejo, and edits it in place; --status sets the commit's status too. The token
is in GITHUB_TOKEN, GITLAB_TOKEN or GITEA_TOKEN, and a job's environment says
which repository and which pull request it is.

The exit code is that of diff: 0 for no changes, 1 for changes, 2 for trouble. A
placement that does not build at HEAD, and did at BASE, is trouble; what can be
told is printed all the same.`

const example = `  # what this branch does to main
  bulla plan

  # what a revert would take away
  bulla plan HEAD HEAD~1

  # as a comment on a pull request: at most 65,536 characters
  bulla plan -o markdown

  # in a job for a pull request, with GITHUB_TOKEN in its environment
  bulla plan origin/main --comment github --status

  # what to look at, for code scanning: SARIF 2.1.0
  bulla plan origin/main -o sarif > plan.sarif

  # by program; the form is ` + manual.At + `reference/plan.schema.json
  bulla plan origin/main -o json | jq '.summary'`

type options struct {
	format string
	told   told
}

// New is the command.
func New(s *shell.Shell) *cobra.Command {
	o := options{format: "text"}
	cmd := &cobra.Command{
		Use: "plan [BASE] [HEAD]", Short: "Show what a change grants, takes away and changes", Long: long,
		Example: example,
		Args:    command.Args("at most two revisions", 0, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := run(cmd.Context(), s, args, o)
			if err == nil || err == fault.ErrDifferent { //nolint:errorlint // itself, not what wraps it
				return err
			}
			return fault.AsUsage(err) // 2 is trouble, whatever it is
		},
	}
	o.told.flags(cmd)
	cmd.Flags().StringVarP(&o.format, "output", "o", o.format, "`format`: "+strings.Join(formats, ", "))
	return cmd
}

var formats = []string{"text", "markdown", "json", "sarif"}

func run(ctx context.Context, s *shell.Shell, args []string, o options) error {
	if !slices.Contains(formats, o.format) {
		return fault.NewUsage("-o takes "+strings.Join(formats, ", "), "output format %q is unknown", o.format)
	}
	at, err := o.told.place(args)
	if err != nil {
		return err
	}
	p, err := between(ctx, s, args)
	if at != nil && ctx.Err() == nil {
		if failed := o.told.tell(ctx, *at, p, err); failed != nil {
			return errors.Join(err, failed, shown(s, p, o))
		}
	}
	if err != nil {
		return err
	}
	return show(s, p, o)
}

// shown has the output say what the forge did not take.
func shown(s *shell.Shell, p *plan.Plan, o options) error {
	if p == nil {
		return nil
	}
	if err := show(s, p, o); err != fault.ErrDifferent { //nolint:errorlint // itself, not what wraps it
		return err
	}
	return nil
}

// between makes the plan.
func between(ctx context.Context, s *shell.Shell, args []string) (*plan.Plan, error) {
	clone, err := revisions.Open(s.Repo, time.Now())
	if err != nil {
		return nil, err
	}
	r := &repository{clone}
	compared, err := r.compared(args)
	if err != nil {
		return nil, err
	}
	base, err := r.Read(compared.base)
	if err != nil {
		return nil, err
	}
	head, err := r.Read(compared.head)
	if err != nil {
		return nil, err
	}
	if err := r.mustBeFleet(head); err != nil {
		return nil, err
	}
	p, err := plan.Between(ctx, base, head, plan.Options{Builder: shell.TellingBuilder(r.Folder),
		Progress: s.Progress(), History: r.History()})
	if err != nil {
		return nil, err
	}
	p.Notes = append(p.Notes, compared.notes...)
	verify(s, base, head, p)
	return p, nil
}

func show(s *shell.Shell, p *plan.Plan, o options) error {
	if err := write(s, p, o); err != nil {
		return fault.New("look at where the output goes: what is there is not the whole plan", "write the plan: %w", err)
	}
	switch {
	case p.Blocked():
		return fault.New("mend them at the head, and run this again; `bulla validate` there says more",
			"%s at %s: see above", plural.Of(len(p.Blockers), "new problem"), p.Head.Name)
	case p.Changes():
		return fault.ErrDifferent
	}
	return nil
}

func write(s *shell.Shell, p *plan.Plan, o options) error {
	switch o.format {
	case "json":
		return render.JSON(s.Stdout, p)
	case "markdown":
		return render.Markdown(s.Stdout, p, version.Text())
	case "sarif":
		return render.SARIF(s.Stdout, p, version.Text())
	}
	width, terminal := printable.Screen(s.Stdout)
	_, plain := os.LookupEnv("NO_COLOR")
	return render.Text(s.Stdout, p, render.TextOptions{Width: width, Colour: terminal && !plain})
}
