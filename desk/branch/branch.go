// Package branch puts files that a command wrote onto a branch of their own, with the
// user's own git: their name, their signature, their hooks.
package branch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// Tree is a working tree of Git.
type Tree struct {
	Root string
	// By is the command that writes, for what it says: "import".
	By string
	// OrElse is what else that command offers where there are local changes; "" is
	// nothing.
	OrElse string
}

// Is reports whether the folder is in a working tree.
func (t Tree) Is(ctx context.Context) bool {
	out, err := t.git(ctx, nil, "rev-parse", "--is-inside-work-tree")
	return err == nil && strings.TrimSpace(out) == "true"
}

// CheckClean refuses local changes: what is sealed is bound to what the tree builds,
// and a commit of the new files alone would build otherwise. The paths except, which
// are absolute, are what is read.
func (t Tree) CheckClean(ctx context.Context, except []string) error {
	out, err := t.git(ctx, nil, "status", "--porcelain", "-z", "--untracked-files=all", "--no-renames", "--", ".")
	if err != nil {
		return err
	}
	top, err := t.git(ctx, nil, "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	for _, line := range strings.Split(out, "\x00") {
		if len(line) < 4 {
			continue
		}
		file := line[3:]
		abs := filepath.Join(strings.TrimSuffix(top, "\n"), filepath.FromSlash(file))
		if strings.HasPrefix(line, "??") && slices.Contains(except, abs) {
			continue
		}
		return fault.New("commit or stash what is changed"+t.OrElse,
			"the working tree has local changes, such as %s", printable.Name(file))
	}
	return nil
}

// CheckSame refuses files that are not as HEAD has them: a commit of what was written
// there would take along what somebody else did, and did not mean to commit. Files that
// are not there at all are new.
func (t Tree) CheckSame(ctx context.Context, files []string) error {
	args := []string{"status", "--porcelain", "-z", "--untracked-files=all", "--ignored", "--no-renames", "--"}
	out, err := t.git(ctx, nil, append(args, files...)...)
	if err != nil {
		return err
	}
	for _, line := range strings.Split(out, "\x00") {
		if len(line) >= 4 {
			return fault.New("commit it first, or take your change back; or give --no-branch and commit all of it yourself",
				"%s would write %s, which has changes that are not committed", t.By, printable.Name(line[3:]))
		}
	}
	return nil
}

// Check refuses a name that is no branch's, or that of one that is there.
func (t Tree) Check(ctx context.Context, name string) error {
	if _, err := t.git(ctx, nil, "check-ref-format", "--branch", name); err != nil || strings.HasPrefix(name, "-") {
		return fault.NewUsage("give another with --branch", "%.80q is no name of a branch", name)
	}
	if _, err := t.git(ctx, nil, "rev-parse", "--verify", "--quiet", "refs/heads/"+name); err == nil {
		return fault.New(t.instead(ctx, name), "the branch %s is there already", name)
	}
	return nil
}

// instead says how to commit onto a branch that is there: a command makes a new one.
func (t Tree) instead(ctx context.Context, name string) string {
	const another = "give another with --branch"
	now, err := t.git(ctx, nil, "symbolic-ref", "--quiet", "--short", "HEAD")
	if err == nil && strings.TrimSpace(now) == name {
		return another + "; or --no-branch in its place, and commit what it writes on this branch yourself"
	}
	return another + "; or change to that one (git switch " + printable.Word(name) + ") and give --no-branch in its place"
}

// Begin switches to a new branch.
func (t Tree) Begin(ctx context.Context, name string) error {
	if _, err := t.git(ctx, nil, "switch", "--quiet", "--create", name); err != nil {
		return fault.New("nothing was written; `git status` says what is under way", "begin a branch: %w", err)
	}
	return nil
}

// Commit commits exactly these files.
func (t Tree) Commit(ctx context.Context, files []string, message string) error {
	paths := []byte(strings.Join(files, "\x00"))
	from := []string{"--pathspec-from-file=-", "--pathspec-file-nul"}
	_, err := t.git(ctx, paths, append([]string{"add", "--force"}, from...)...)
	if err == nil {
		_, err = t.git(ctx, paths, append([]string{"commit", "--quiet", "--message", message}, from...)...)
	}
	if err != nil {
		return fault.New("the files are written, on the new branch: commit them yourself", "commit: %w", err)
	}
	return nil
}

func (t Tree) git(ctx context.Context, stdin []byte, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", t.Root, "--literal-pathspecs"}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, bytes.TrimSpace(exit.Stderr))
	}
	if err != nil {
		return "", fault.New("is git installed?", "git %s: %w", args[0], err)
	}
	return string(out), nil
}
