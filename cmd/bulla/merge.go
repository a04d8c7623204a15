package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/atomicfile"
	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

const mergeLong = `Merge two changes of one stub, for Git.

Git calls this for files with the attribute merge=bulla, which "bulla init"
writes into .gitattributes, where the clone says how:

  git config merge.bulla.driver 'bulla merge %O %A %B %P'

"bulla init" and "bulla merge --install" set that. Without it Git merges text, as
ever: two people who each add a key then conflict.

Sealed values that one side added, changed or took away are taken from that side,
payload and locks together. Where both sides changed one value nobody but a person
can choose: the file gets Git's usual marks, and the exit code is 3. Other files
are merged as text, references too: where both sides changed which stub one names,
keep one side whole.`

const mergeExample = `  # once in each clone
  bulla merge --install

  # after a conflict: keep one side, then seal the value of the other again
  git checkout --ours apps/payments/payments-db.yaml`

// mergeDriver is how Git calls this.
const mergeDriver = "bulla merge %O %A %B %P"

func newMerge(a *app) *cobra.Command {
	var install bool
	cmd := &cobra.Command{
		Use: "merge BASE OURS THEIRS [PATH]", Short: "Merge two changes of one stub, for Git", Long: mergeLong,
		Example: mergeExample,
		Args:    command.Args("three files, and the path that they are of", 0, 4),
		RunE: func(cmd *cobra.Command, args []string) error {
			if install {
				return a.installMerge(cmd.Context(), a.Repo)
			}
			if len(args) < 3 {
				return fault.NewUsage("Git gives them; `bulla merge --install` tells it to",
					"%s takes three files", cmd.CommandPath())
			}
			return a.merge(cmd.Context(), append(args, args[1])[:4])
		},
	}
	cmd.Flags().BoolVar(&install, "install", false, "have Git call this in the clone")
	return cmd
}

// installMerge sets the driver in the clone's own configuration.
func (a *app) installMerge(ctx context.Context, folder string) error {
	for _, setting := range [][2]string{
		{"merge.bulla.name", "sealed values, each from the side that changed it"},
		{"merge.bulla.driver", mergeDriver},
	} {
		if _, err := runGit(ctx, folder, nil, "config", "--local", setting[0], setting[1]); err != nil {
			return fault.New("git config "+setting[0]+" '"+setting[1]+"'", "have Git merge stubs: %w", err)
		}
	}
	return nil
}

// noteMerge says in a clone that merges stubs as text what would merge them, where a merge left
// its marks. Where Git calls [mergeDriver] already, both sides changed one value, and nothing
// but a person can choose.
func (a *app) noteMerge(ctx context.Context, said string) {
	if !strings.Contains(said, api.MergeMarkProblem) {
		return
	}
	if driver, err := runGit(ctx, a.Repo, nil, "config", "--get", "merge.bulla.driver"); err != nil || driver == "" {
		a.Notef("this clone merges stubs as text; after `bulla merge --install`, git checkout --merge merges them value by " +
			"value")
	}
}

func (a *app) merge(ctx context.Context, args []string) error {
	base, ours, theirs, path := args[0], args[1], args[2], args[3]
	var texts [3][]byte
	stubs := 0
	for i, file := range []string{base, ours, theirs} {
		data, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("merge %s: %w", path, err)
		}
		if texts[i] = data; i > 0 && api.ClaimsStub(data) {
			stubs++
		}
	}
	if stubs < 2 {
		return mergeText(ctx, path, base, ours, theirs)
	}
	merged, err := stub.Merge(path, texts[0], texts[1], texts[2])
	var conflict *stub.ConflictError
	if errors.As(err, &conflict) {
		_ = mergeText(ctx, path, base, ours, theirs) // leaves the usual marks
		return &fault.Error{Code: fault.Findings, Err: fmt.Errorf("merge %s: %w", path, err),
			Hint: keepOneSide(path)}
	}
	if err != nil {
		err = mergeText(ctx, path, base, ours, theirs)
		if err != nil && (refers(texts[1]) || refers(texts[2])) {
			// What is right of each would name the stub of one side and the fields of both.
			return fault.WithHint(err, keepOneSide(path))
		}
		return err
	}
	return atomicfile.Replace(ours, texts[1], merged)
}

func refers(data []byte) bool {
	_, kind, _ := api.KindOf(data)
	return kind == api.KindSealedReference
}

func keepOneSide(path string) string {
	return "keep one side (git checkout --ours or --theirs " + printable.Word(path) +
		"), then seal what the other side changed again"
}

// mergeText is Git's own merge, into ours.
func mergeText(ctx context.Context, path, base, ours, theirs string) error {
	_, err := runGit(ctx, ".", nil, "merge-file", "-L", "ours", "-L", "base", "-L", "theirs", ours, base, theirs)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() < 128 {
		return &fault.Error{
			Code: fault.Findings, Hint: "keep what is right of each (git diff shows it), then git add the file",
			Err: fmt.Errorf("merge %s: both sides changed the same lines", path),
		}
	}
	return err
}
