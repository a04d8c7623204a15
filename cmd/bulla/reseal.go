package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/reseal"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/desk/login"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

const resealLong = `Move the locks of all stubs to the fleet's Active sealing key.

After "bulla-keyservice keys rotate" and the merge of its fleet.yaml, old locks
are under a Superseded key. This asks the key service to move them: it opens each
lock in the HSM and seals what is in it to the Active key, for the same target
and the same object. No value is seen, here or there. Only stubs that the accepted
head places somewhere are moved, and only by an operator ("bulla login").

Files are changed in place, in the text of their locks alone, to be reviewed and
merged as any change; --commit also commits them, and nothing else. Payloads and
content digests stay, so that clusters neither unseal nor restart anything when
it is merged. What cannot be moved, or not even be read, is listed with the reason
and stays as it is; the others are moved, and the exit code is 3. Run it again
after an interruption: it goes on.

Of a reference the moved stub goes into the key service's store, which takes the
role developer too. Where these are two people, the operator runs this with --inline,
which has the file be the moved stub itself, and gives the working tree to a developer,
who runs "bulla reference FILE" and commits.`

const resealExample = `  git switch -c reseal
  bulla reseal --commit
  bulla keys ls            # what still needs the old key`

func newReseal(a *app) *cobra.Command {
	var commit, inline bool
	cmd := &cobra.Command{
		Use: "reseal", Short: "Move the locks of all stubs to the Active sealing key", Long: resealLong,
		Example: resealExample, Args: command.None,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if commit && inline {
				return fault.NewUsage("have a developer run `bulla reference FILE`, and commit then: what is committed as a stub "+
					"stays in Git's history", "--commit and --inline exclude one another")
			}
			return a.reseal(cmd.Context(), commit, inline)
		},
	}
	cmd.Flags().BoolVar(&commit, "commit", false, "commit the changed stubs, with your own git")
	cmd.Flags().BoolVar(&inline, "inline", false, "references become the moved stubs, and nothing goes into the store")
	return cmd
}

func (a *app) reseal(ctx context.Context, commit, inline bool) error {
	repo, err := a.OpenVerified()
	if err != nil {
		return err
	}
	head, err := runGit(ctx, repo.Root, nil, "rev-parse", "HEAD")
	if err != nil {
		return fault.New("run this in a clone of the fleet repository", "find the commit that is checked out: %w", err)
	}
	admin, err := a.Admin("")
	if err != nil {
		return err
	}
	defer admin.Close()
	store := a.Shell.Store(repo.Model.Fleet.Spec.ID)
	defer store.Close()
	job := &reseal.Job{Repo: repo, Service: admin, Store: store, Inline: inline,
		Head: strings.TrimSpace(head), Progress: a.Progress()}
	out, err := job.Run(ctx)
	if out != nil {
		a.reportReseal(out)
	}
	if err != nil {
		return explainReseal(err)
	}
	a.Remember(repo)
	if commit && len(out.Moved) > 0 {
		if err := a.commitReseal(ctx, repo.Root, out); err != nil {
			return err
		}
	}
	if len(out.Left) > 0 {
		return &fault.Error{Code: fault.Findings, Hint: "each warning says why",
			Err: fmt.Errorf("%s not moved", plural.Of(len(out.Left), "stub"))}
	}
	return nil
}

func (a *app) reportReseal(out *reseal.Outcome) {
	for _, file := range out.Moved {
		a.Printf("%s\n", file)
	}
	for _, left := range out.Left {
		a.Warnf("%s stays as it is: %s", left.Path, whyLeft(left))
	}
	a.Printf("%s moved to key %s\n", plural.Of(len(out.Moved), "stub"), out.Key)
}

func whyLeft(left reseal.Left) string {
	switch left.Refusal {
	case keyservicev1.Refusal_REFUSAL_NOT_PLACED, keyservicev1.Refusal_REFUSAL_STALE_REVISION:
		return "the head that the key service follows places it nowhere, or not with these bytes: merge it " +
			"first, or take it out"
	case keyservicev1.Refusal_REFUSAL_KEY:
		return "a lock is under a key that opens no more: seal its values again"
	case keyservicev1.Refusal_REFUSAL_INVALID:
		return "a lock of it does not open for this object and target: seal its values again, or take that lock out"
	case keyservicev1.Refusal_REFUSAL_UNAVAILABLE:
		return "the key service could not move it now: run this again"
	}
	return fault.Line(left.Err)
}

func explainReseal(err error) error {
	var denied *client.DeniedError
	switch {
	case errors.Is(err, reseal.ErrOtherKey):
		return fault.New(
			"merge the fleet.yaml with the new key, and update your clone; the service follows the merged branch",
			"move locks: %w", err)
	case errors.As(err, &denied) && denied.Reason == keyservicev1.ReasonRole:
		return fault.New("an operator moves locks: ask one, or for the role in the key service's configuration",
			"move locks: %w", err)
	case errors.Is(err, client.ErrUnavailable) && !client.IsRepositoryStale(err) && !client.IsHeadRefused(err):
		return fault.New("what is listed as moved is written; run this again when the key service answers",
			"move locks: %w", err)
	}
	return login.Refused(fmt.Errorf("move locks: %w", err))
}

// commitReseal commits exactly the moved stubs, with the user's own git: their
// name, their signature, their hooks.
func (a *app) commitReseal(ctx context.Context, root string, out *reseal.Outcome) error {
	message := fmt.Sprintf(
		"Move %s to sealing key %s\n\nOnly locks changed: no value did, and no cluster has anything to do.",
		plural.Of(len(out.Moved), "stub"), out.Key)
	paths := []byte(strings.Join(out.Moved, "\x00"))
	if _, err := runGit(ctx, root, paths, "commit", "--quiet", "--message", message, "--pathspec-from-file=-",
		"--pathspec-file-nul"); err != nil {
		return fault.New("the stubs are changed in the working tree: commit them yourself", "commit: %w", err)
	}
	a.Printf("committed; review it with `git show --stat`\n")
	return nil
}

// git runs the user's git in a folder.
func runGit(ctx context.Context, folder string, stdin []byte, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", folder, "--literal-pathspecs"}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, bytes.TrimSpace(exit.Stderr))
	}
	return string(out), err
}
