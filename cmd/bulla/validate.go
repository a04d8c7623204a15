package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/atomicfile"
	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/check"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/likely"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/mend"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/passed"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/render"
	"github.com/bulla-dev/bulla/cmd/internal/version"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
)

const validateLong = `Check a whole fleet before it is pushed or merged.

Verifies the fleet's keys under the pinned root key, parses every file strictly,
builds every placement for every cluster with the code that the key service and
the controllers use, and looks whether every sealed value is bound to the object
that it becomes and locked for every cluster that it is placed on.

A value that the fleet's recovery keys do not open, or that another key opens, is a
problem if it was sealed since the fleet has them, and a warning if it is older:
nobody here can seal them in. The history that the branch has in common with the default
branch says which; where there is no other, the branch's own, and the warning tells.

Objects of Kubernetes' own kinds are read as an API server reads them: a field
that there is not, or a value of the wrong type, is a problem. Custom kinds are
left to their owners.

What looks like a secret in the clear, in any file, is told with its line and column,
by the rules of gitleaks: a warning. A line with gitleaks:allow is passed over.
An attribute in .gitattributes by which a checkout differs from what Git keeps is a
warning too: clusters read what Git keeps.

--keys-of REVISION takes the keys in fleet.yaml for good where they are signed as at that
commit, which somebody else looked at: for a job that is given no root key, as those for
a fork's branch. Which values are older than the recovery keys is read there, too.

--fix takes away what counts for nothing, and only that: locks for clusters and sets
that the fleet does not have, beside others, and targets that have ended. A lock for
what a placement still names stays, and so does everything while a file is refused:
it says so.

Problems are printed one to a line, as FILE:LINE:COLUMN: FIELD: PROBLEM. The exit code
is 3 when there are any; warnings alone count only with --strict. No network and
no cluster is asked.

The folder is compared with the last commit too: another value for a Secret that
is immutable is a problem, and a placement that is gone is a note.

What was built, which files had no secret in them, and which clusters' keys are keys, is
kept in Git's own folder (.git/bulla, at most 64 MiB), by all that was read for it and
by the program; deleting it costs time and nothing else.`

const validateExample = `  bulla validate

  bulla validate --fix

  # in CI, where nothing is pinned
  bulla validate --strict --root-key "$BULLA_ROOT_KEY"

  # for a fork's branch, by the keys of the branch that it is for
  bulla validate --keys-of origin/main

  bulla validate -o json | jq '.findings[].file'`

func newValidate(a *app) *cobra.Command {
	format := render.Text
	var strict, fix bool
	var keysOf string
	cmd := &cobra.Command{
		Use: "validate [DIR]", Short: "Check a whole fleet", Long: validateLong, Example: validateExample,
		Args: command.Args("one folder", 0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				a.Repo = args[0]
			}
			if err := format.CheckNoNames(); err != nil {
				return err
			}
			switch {
			case keysOf != "" && a.RootKey != "":
				return fault.NewUsage("give one of the two", "--keys-of and --root-key exclude one another")
			case keysOf != "" && fix:
				return fault.NewUsage("run --fix where a root key is pinned", "--keys-of and --fix exclude one another")
			case fix:
				if err := a.fix(); err != nil {
					return err
				}
			}
			return a.validate(cmd.Context(), keysOf, format, strict)
		},
	}
	render.FlagNoNames(cmd.Flags(), &format)
	cmd.Flags().BoolVar(&strict, "strict", false, "warnings are problems too")
	cmd.Flags().StringVar(&keysOf, "keys-of", "", "in the place of a root key: the keys are those of this `revision`")
	cmd.Flags().BoolVar(&fix, "fix", false, "take away what counts for nothing, then check")
	return cmd
}

func (a *app) validate(ctx context.Context, keysOf string, format render.Format, strict bool) error {
	report, err := a.check(ctx, keysOf)
	if err != nil {
		return err
	}
	if format != render.Text {
		if err := format.Print(a.Stdout, report, render.Table{}); err != nil {
			return err
		}
	} else {
		for _, finding := range report.Findings {
			a.Printf("%s\n", finding)
		}
		a.noteMerge(ctx, fmt.Sprint(report.Findings))
		a.summarize(report, strict)
	}
	if report.Errors() > 0 || strict && report.Warnings() > 0 {
		return fault.ErrFindings
	}
	return nil
}

// fix writes what is certain. What it did is told on standard error: the findings are
// those of the mended tree.
func (a *app) fix() error {
	repo, err := a.OpenVerified()
	if err != nil {
		return err
	}
	fixes, kept := mend.Fixes(repo.Tree, repo.Model)
	for _, fix := range fixes {
		if err := atomicfile.Replace(repo.Abs(fix.File), fix.Old, fix.Data); err != nil {
			return err
		}
		for _, done := range fix.Done {
			a.Notef("%s: took away %s", fix.File, done)
		}
	}
	for _, why := range kept {
		a.Notef("%s", why)
	}
	return nil
}

func (a *app) check(ctx context.Context, keysOf string) (*check.Report, error) {
	open := a.OpenVerified
	if keysOf != "" {
		open = func() (*fleetrepo.Repo, error) { return a.openAs(keysOf) }
	}
	repo, err := open()
	var parse *api.ParseError
	if errors.As(err, &parse) {
		// fleet.yaml itself, which was read a moment ago.
		root, _ := fleetrepo.FindRoot(a.Repo)
		data, _ := os.ReadFile(filepath.Join(root, fleetrepo.FleetFile))
		return check.Broken(fleetrepo.FleetFile, data, err), nil
	}
	if err != nil {
		return nil, err
	}
	program, _ := version.Program() // without it nothing is remembered
	git := fleetrepo.GitDir(repo.Root)
	known := &check.Known{
		Clean: likely.OpenClean(git, program), Recipients: passed.Open(git, "recipients", program),
	}
	return check.Fleet(ctx, repo.Tree, repo.Model, shell.Builder(repo.Root), check.OpenHead(repo.Root, keysOf), known,
		a.Progress())
}

// summarize says how many problems there are, as the exit code counts them.
func (a *app) summarize(r *check.Report, strict bool) {
	verdict := "ok"
	switch all := r.Errors() + r.Warnings(); {
	case strict && r.Warnings() > 0:
		verdict = fmt.Sprintf("%s, of which %s that --strict counts", plural.Of(all, "problem"),
			plural.Of(r.Warnings(), "warning"))
	case all > 0:
		verdict = fmt.Sprintf("%s, %s", plural.Of(r.Errors(), "problem"), plural.Of(r.Warnings(), "warning"))
	}
	a.Printf("%s: %s, %s, %s\n", verdict, plural.Of(r.Clusters, "cluster"), plural.Of(r.Placements, "placement"),
		plural.Of(r.Stubs, "stub"))
}
