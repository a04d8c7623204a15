// Package rotatecmd is `bulla rotate`: values that a program made are made anew, by
// what their stub says of how they were made.
//
// What a lost cluster had is decided by package exposure. Here nobody opens anything:
// a value that a person brought is listed, and not touched.
package rotatecmd

import (
	"context"
	"math"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/auditcmd"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/render"
	"github.com/bulla-dev/bulla/desk/values"
)

const long = `Make values anew that a program made.

"bulla set --generate" writes into the stub how a value was made:
bulla.dev/generate: password=32,alnum. "bulla rotate" makes another by that, which
nobody sees, and seals it for whom the old one was. Values that somebody brought stay:
they are listed, with who reads them. "bulla edit" writes the annotation for a value
that may be made from now on.

With STUB, its values, or those of the keys alone, in the working tree.

With --exposed CLUSTER, the cluster is lost. One commit on a branch of its own replaces
all that the audit log says it opened and the working tree still carries, and nothing
else; no new value has a lock for the cluster. What only people can replace is listed,
and the exit code is 3. The cluster's file must be gone or say suspend: true first:
a lock for a set opens wherever the set is. It reads the audit log, which needs "bulla login"
and the role auditor or operator, or an export with --log; and it needs a clone with
history, as "bulla audit who --cluster" does.

A new value in Git is half of it. A database, a peer, a user must be told the same
value, or must read it from the cluster: look at who reads each one.`

const example = `  bulla rotate apps/payments/payments-db.yaml
  bulla rotate apps/payments/payments-db.yaml token

  # store-17 was stolen
  bulla cluster remove store-17 --keep-objects
  git commit -am "store-17: lost" && git push
  bulla rotate --exposed store-17`

type options struct {
	exposed, branch           string
	log                       auditcmd.Log
	noBranch, dryRun, unknown bool
	format                    render.Format
}

// New is the command.
func New(s *shell.Shell) *cobra.Command {
	o := options{format: render.Text}
	cmd := &cobra.Command{
		Use: "rotate [STUB [KEY...]]", Short: "Make values anew that a program made", Long: long, Example: example,
		Args: command.Args("a stub file and keys of it, or --exposed", 0, math.MaxInt),
		RunE: func(cmd *cobra.Command, args []string) error { return run(cmd.Context(), s, o, args) },
	}
	f := cmd.Flags()
	f.StringVar(&o.exposed, "exposed", "", "replace all that this lost `cluster` opened")
	o.log.Flag(cmd, "log")
	f.StringVar(&o.branch, "branch", "", "with --exposed, `name` of the branch (default: bulla-rotate-CLUSTER- and when)")
	f.BoolVar(&o.noBranch, "no-branch", false, "with --exposed, make no branch and no commit: write into the working tree")
	f.BoolVar(&o.unknown, "unknown", false,
		"with --exposed, replace too what was opened at commits that this clone does not have")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would be replaced, and write nothing")
	render.FlagNoNames(f, &o.format)
	_ = cmd.RegisterFlagCompletionFunc("exposed", s.CompleteNames(func(n shell.Names) []string { return n.Clusters }))
	return cmd
}

func run(ctx context.Context, s *shell.Shell, o options, args []string) error {
	if err := o.check(args); err != nil {
		return err
	}
	repo, err := s.OpenVerified()
	if err != nil {
		return err
	}
	r := &rotation{options: o, shell: s, repo: repo, builder: shell.Builder(repo.Root), tree: repo.Tree,
		files: map[string][]byte{}, report: report{Replaced: []replaced{}, People: []people{}},
		store: s.Store(repo.Model.Fleet.Spec.ID), keep: map[string][]byte{}}
	defer r.store.Close()
	if o.exposed != "" {
		return r.exposed(ctx)
	}
	return r.one(ctx, args[0], args[1:])
}

// check refuses flags that say nothing together.
func (o options) check(args []string) error {
	if err := o.format.CheckNoNames(); err != nil {
		return err
	}
	switch {
	case o.exposed == "" && len(args) == 0:
		return fault.NewUsage("bulla rotate STUB, or bulla rotate --exposed CLUSTER", "nothing says what to rotate")
	case o.exposed != "" && len(args) > 0:
		return fault.NewUsage("leave the stub out: the audit log says which", "--exposed takes no stub")
	case o.exposed == "" && (o.branch != "" || o.noBranch || o.unknown):
		return fault.NewUsage("give --exposed CLUSTER", "--branch, --no-branch and --unknown are for a lost cluster")
	case o.noBranch && o.branch != "":
		return fault.NewUsage("give one of the two", "--branch and --no-branch exclude one another")
	}
	for _, key := range args[min(1, len(args)):] {
		if err := values.CheckKey(key); err != nil {
			return err
		}
	}
	return nil
}
