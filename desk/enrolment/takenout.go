package enrolment

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"path"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
)

// TakenOut are the clusters whose file somebody took out of the repository, by name,
// with the commit. Their entries stay in the log for ever: the next batch would bring a
// machine back that was stolen. A folder that is not in Git never had any.
//
// Every edge of the history counts: a file that came and went on a branch, or went in a
// merge, was taken out too. So do the remote's branches: a clone that is behind does not
// have the commit yet that took a machine out.
func TakenOut(ctx context.Context, root string) (map[string]string, error) {
	if fleetrepo.GitDir(root) == "" {
		return nil, nil
	}
	shallow, err := git(ctx, root, "rev-parse", "--is-shallow-repository")
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(shallow) != "false" {
		return nil, fault.New("git fetch --unshallow",
			"the clone is shallow: it does not say which clusters were taken out")
	}
	if _, err := git(ctx, root, "rev-parse", "--verify", "--quiet", "HEAD"); err != nil {
		return nil, nil //nolint:nilerr // no commit yet
	}
	text, err := git(ctx, root, "log", "-z", "--full-history", "-m", "--no-renames", "--diff-filter=D", "--name-only",
		"--relative", "--format=%H", "HEAD", "--remotes", "--", "clusters/")
	if err != nil {
		return nil, err
	}
	out, commit := map[string]string{}, ""
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == 0 || r == '\n' }) {
		name, isFile := strings.CutSuffix(path.Base(word), ".yaml")
		switch {
		case hexid.IsCommit(word): // nothing else gets into what a person is told to type
			commit = word
		case isFile && out[name] == "" && strings.HasPrefix(word, "clusters/"):
			out[name] = commit
		}
	}
	return out, nil
}

// git runs the user's git in the fleet's folder.
func git(ctx context.Context, root string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", root, "--literal-pathspecs"}, args...)...)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fault.New("is git installed, and this folder a clone of the fleet's repository?",
			"git %s: %w: %s", args[0], err, bytes.TrimSpace(exit.Stderr))
	}
	if err != nil {
		return "", fault.New("is git installed?", "git %s: %w", args[0], err)
	}
	return string(out), nil
}
