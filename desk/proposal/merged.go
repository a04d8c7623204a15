package proposal

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/hexid"
)

// mostLooked is how many commits are compared with a branch, the newest: a squash merge is
// found by what stands in its tree.
const mostLooked = 50

// Has reports whether a commit is another one, or comes after it.
func (r Repository) Has(ctx context.Context, commit, earlier string) (bool, error) {
	if !hexid.IsCommit(commit) || !hexid.IsCommit(earlier) {
		return false, nil
	}
	ctx, cancel := r.bound(ctx)
	defer cancel()
	return r.isAncestor(ctx, earlier, commit)
}

func (r Repository) isAncestor(ctx context.Context, earlier, commit string) (bool, error) {
	_, err := r.git(ctx, call{args: []string{"merge-base", "--is-ancestor", earlier, commit}})
	if isExit(err) {
		return false, nil // or the clone has not got one of them
	}
	return err == nil, err
}

// Merged is the commit that brought a branch's commit to head, "" for none: by its history
// or, where it was squashed or rebased, by what its files came to be.
func (r Repository) Merged(ctx context.Context, branch, head string) (string, error) {
	if !hexid.IsCommit(branch) || !hexid.IsCommit(head) {
		return "", fmt.Errorf("look whether it is merged: %.80q or %.80q is no whole hash", branch, head)
	}
	ctx, cancel := r.bound(ctx)
	defer cancel()
	is, err := r.isAncestor(ctx, branch, head)
	if err != nil {
		return "", err
	}
	if !is {
		return r.squashed(ctx, branch, head)
	}
	// The first of the branch's own line that has it.
	line, err := r.git(ctx, call{args: []string{"rev-list", "--first-parent", "--ancestry-path", "--reverse",
		branch + ".." + head}})
	if err != nil {
		return "", err
	}
	first, _, _ := strings.Cut(line, "\n")
	ahead, err := r.git(ctx, call{args: []string{"rev-list", "--first-parent", "--max-count=2000", head}})
	if err != nil || first == "" || strings.Contains(ahead, branch) {
		return branch, err
	}
	return first, nil
}

// squashed looks for a commit after which all files of the branch are as it has them.
func (r Repository) squashed(ctx context.Context, branch, head string) (string, error) {
	base, paths, err := r.changed(ctx, branch, head)
	if err != nil || len(paths) == 0 {
		return "", err
	}
	only := append([]string{"--"}, paths...)
	out, err := r.git(ctx, call{args: append([]string{"rev-list", "--first-parent",
		fmt.Sprintf("--max-count=%d", mostLooked), base + ".." + head}, only...)})
	if err != nil {
		return "", err
	}
	found := ""
	for _, one := range strings.Fields(out) {
		_, err := r.git(ctx, call{args: append([]string{"diff", "--quiet", "--no-ext-diff", "--no-textconv", branch, one},
			only...)})
		if err == nil {
			found = one // the earliest of them
		} else if !isExit(err) {
			return "", err
		}
	}
	return found, nil
}

// Changed are the paths that a branch changes, from the fleet's folder, since it left head's
// line; at most a thousand.
func (r Repository) Changed(ctx context.Context, branch, head string) ([]string, error) {
	if !hexid.IsCommit(branch) || !hexid.IsCommit(head) {
		return nil, nil
	}
	ctx, cancel := r.bound(ctx)
	defer cancel()
	_, paths, err := r.changed(ctx, branch, head)
	return paths, err
}

// mostPaths is how many a command line takes without trouble.
const mostPaths = 1000

func (r Repository) changed(ctx context.Context, branch, head string) (base string, paths []string, err error) {
	base, err = r.git(ctx, call{args: []string{"merge-base", branch, head}})
	if isExit(err) {
		return "", nil, nil // nothing in common
	}
	if err != nil {
		return "", nil, err
	}
	if base == branch { // it is merged: what it changed is what it stands on's
		if base, err = r.git(ctx, call{args: []string{"rev-parse", "--verify", "--quiet", branch + "^"}}); isExit(err) {
			return "", nil, nil
		}
	}
	out, err := r.git(ctx, call{args: []string{"diff", "--relative", "--name-only", "-z", "--no-renames", "--no-ext-diff",
		"--no-textconv", base, branch}})
	if err != nil {
		return "", nil, err
	}
	paths = strings.Split(strings.TrimSuffix(out, "\x00"), "\x00")
	if len(paths) > mostPaths || paths[0] == "" {
		paths = nil
	}
	return base, paths, nil
}

// Known is the commit of a change's branch as the clone knows it, "" for none: the remote
// may have lost it since.
func (r Repository) Known(ctx context.Context, branch string) (string, error) {
	if err := CheckBranch(branch); err != nil {
		return "", err
	}
	ctx, cancel := r.bound(ctx)
	defer cancel()
	ref := "refs/heads/" + branch
	if r.Remote != "" {
		ref = "refs/remotes/" + r.Remote + "/" + branch
	}
	commit, err := r.git(ctx, call{args: []string{"rev-parse", "--verify", "--quiet", ref + "^{commit}"}})
	if isExit(err) {
		return "", nil
	}
	return commit, err
}

// Address is that of the remote, "" where there is none. It may hold credentials, and is
// shown to nobody.
func (r Repository) Address(ctx context.Context) (string, error) {
	if r.Remote == "" {
		return "", nil
	}
	if err := r.checkRemote(); err != nil {
		return "", err
	}
	ctx, cancel := r.bound(ctx)
	defer cancel()
	address, err := r.git(ctx, call{args: []string{"remote", "get-url", "--", r.Remote}})
	var f *failure
	if errors.As(err, &f) {
		return "", fault.New("`git remote` lists them", "the clone has no remote %s", r.Remote)
	}
	return address, err
}
