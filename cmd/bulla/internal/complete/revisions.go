package complete

import (
	"context"
	"os/exec"
	"strings"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
)

// revisions are what people name a commit by: what is checked out, branches, those of
// remotes, and tags.
func revisions(s *shell.Shell, _ []string) []string {
	all := refs(s, "refs/heads", "refs/remotes", "refs/tags")
	if len(all) == 0 {
		return nil
	}
	return append([]string{"HEAD"}, all...)
}

// branches are those of a remote, by the names that they have there.
func branches(s *shell.Shell, _ []string) (all []string) {
	for _, ref := range refs(s, "refs/remotes/origin") {
		if name, is := strings.CutPrefix(ref, "origin/"); is && name != "HEAD" {
			all = append(all, name)
		}
	}
	return all
}

// refs are the names that the clone around has below these, newest first.
func refs(s *shell.Shell, below ...string) []string {
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	args := []string{"-C", s.Repo, "for-each-ref", "--sort=-creatordate", "--format=%(refname:short)"}
	out, err := exec.CommandContext(ctx, "git", append(args, below...)...).Output()
	if err != nil {
		return nil
	}
	return strings.Fields(string(out))
}
