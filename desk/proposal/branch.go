package proposal

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// Prefix is what branches of changes begin with: people, rules of a forge and the console
// tell them from others by it.
const Prefix = "bulla/"

// ErrBranch says that a branch is there already, and is another one.
var ErrBranch = errors.New("the branch is there already")

// branchName is stricter than git: a name stands in addresses, commands and messages.
var branchName = regexp.MustCompile(`^bulla(/[A-Za-z0-9_][A-Za-z0-9._-]*)+$`)

// mostBranch leaves room for what a file system adds to the name of a ref, in bytes.
const mostBranch = 200

// CheckBranch refuses a name that no change's branch has.
func CheckBranch(name string) error {
	ok := len(name) <= mostBranch && branchName.MatchString(name) && !strings.Contains(name, "..")
	for _, one := range strings.Split(name, "/") {
		ok = ok && !strings.HasSuffix(one, ".") && !strings.HasSuffix(one, ".lock")
	}
	if !ok {
		return fault.NewUsage("letters, digits, dots, dashes and lines below, as bulla/payments-db",
			"%q is no name of a change's branch", printable.Line(name, mostTitle))
	}
	return nil
}

// Propose has a branch point at a commit: at the remote, or here where there is none. A
// branch that is there stays: the error is [ErrBranch], unless it is at that commit, so
// that what was cut short can be done again.
func (r Repository) Propose(ctx context.Context, commit, branch string) error {
	if err := CheckBranch(branch); err != nil {
		return err
	}
	if !hexid.IsCommit(commit) {
		return fmt.Errorf("propose: %.80q is no whole hash of a commit", commit)
	}
	ctx, cancel := r.bound(ctx)
	defer cancel()
	ref := "refs/heads/" + branch
	if r.Remote == "" {
		return r.make(ctx, commit, ref)
	}
	if err := r.checkRemote(); err != nil {
		return err
	}
	// An empty lease: the branch is made, and never moved.
	_, err := r.git(ctx, call{progress: r.Progress, args: []string{"push", "--porcelain", "--progress",
		"--no-follow-tags", "--recurse-submodules=no", "--force-with-lease=" + ref + ":", "--end-of-options", r.Remote,
		commit + ":" + ref}})
	return r.whyNotPushed(branch, err)
}

// make makes a branch here.
func (r Repository) make(ctx context.Context, commit, ref string) error {
	none := strings.Repeat("0", len(commit))
	_, err := r.git(ctx, call{args: []string{"update-ref", "-m", "bulla: propose", ref, commit, none}})
	if !isExit(err) {
		return err
	}
	branch := strings.TrimPrefix(ref, "refs/heads/")
	at, absent := r.git(ctx, call{args: []string{"rev-parse", "--verify", "--quiet", ref + "^{commit}"}})
	switch {
	case absent == nil && at == commit:
		return nil
	case absent == nil, strings.Contains(err.Error(), "cannot create"):
		return r.taken(branch)
	}
	return fmt.Errorf("propose %s: %w", branch, err)
}

func (r Repository) taken(branch string) error {
	where := "in this clone"
	if r.Remote != "" {
		where = "at " + r.Remote
	}
	return fault.New("nothing was changed: choose another name for the branch", "propose %s %s: %w", branch, where,
		ErrBranch)
}

var remoteName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]*$`)

// checkRemote refuses an address in the place of a name: credentials would stand in lists
// of processes, and a transport of its own runs commands.
func (r Repository) checkRemote() error {
	if !remoteName.MatchString(r.Remote) {
		return fault.NewUsage("`git remote` lists them", "%q is no name of a remote", printable.Line(r.Remote, mostTitle))
	}
	return nil
}

// Fetch brings what is new at the remote. Nothing that is here goes.
func (r Repository) Fetch(ctx context.Context) error {
	if r.Remote == "" {
		return nil
	}
	if err := r.checkRemote(); err != nil {
		return err
	}
	ctx, cancel := r.bound(ctx)
	defer cancel()
	_, err := r.git(ctx, call{progress: r.Progress, args: []string{"fetch", "--progress", "--no-prune",
		"--no-prune-tags", "--no-tags", "--recurse-submodules=no", "--no-write-fetch-head", "--end-of-options", r.Remote}})
	return r.whyNotReached("fetch from", err)
}

// Branch is one of a change.
type Branch struct{ Name, Commit string }

// Branches are those of changes: at the remote now, or here where there is none. others is
// how many more begin like one.
func (r Repository) Branches(ctx context.Context) (all []Branch, others int, err error) {
	ctx, cancel := r.bound(ctx)
	defer cancel()
	args := []string{"for-each-ref", "--format=%(objectname)\t%(refname)", "refs/heads/" + Prefix}
	if r.Remote != "" {
		if err := r.checkRemote(); err != nil {
			return nil, 0, err
		}
		args = []string{"ls-remote", "--heads", "--refs", "--end-of-options", r.Remote, "refs/heads/" + Prefix + "*"}
	}
	out, err := r.git(ctx, call{args: args})
	if err != nil {
		return nil, 0, r.whyNotReached("list the branches of", err)
	}
	for _, line := range strings.Split(out, "\n") {
		commit, ref, _ := strings.Cut(line, "\t")
		name, ok := strings.CutPrefix(ref, "refs/heads/")
		switch {
		case !ok:
		case CheckBranch(name) != nil || !hexid.IsCommit(commit):
			others++
		default:
			all = append(all, Branch{name, commit})
		}
	}
	return all, others, nil
}
