package uicmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/console"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/desk/period"
)

// counted is the branch that counts.
type counted struct {
	// Ref is its whole name.
	Ref string
	// local says that it is nobody else's: the clone has no remote.
	local   bool
	fetched time.Time
}

// since says how old it may be.
func (b counted) since() string {
	switch {
	case b.local:
		return "of this clone alone: it has no remote"
	case b.fetched.IsZero():
		return "not fetched since it was cloned"
	}
	return "fetched " + period.Text(time.Since(b.fetched).Round(time.Second)) + " ago"
}

// gitOf asks the person's own git about a clone.
type gitOf struct{ root string }

// counted is the remote's default branch as the clone has it, the one that was named, or
// without a remote the one that is checked out.
func (g gitOf) counted(ctx context.Context, named string) (b counted, err error) {
	remotes := strings.Fields(g.ask(ctx, "remote"))
	remote := ""
	if len(remotes) > 0 {
		remote = remotes[0]
	}
	if slices.Contains(remotes, "origin") {
		remote = "origin"
	}
	b.local = remote == ""
	if info, err := os.Stat(filepath.Join(fleetrepo.GitDir(g.root), "FETCH_HEAD")); err == nil {
		b.fetched = info.ModTime()
	}
	var tried []string
	switch {
	case named != "" && b.local:
		tried = []string{"refs/heads/" + named}
	case named != "":
		tried = []string{"refs/remotes/" + remote + "/" + strings.TrimPrefix(named, remote+"/")}
	case b.local:
		tried = []string{g.ask(ctx, "symbolic-ref", "--quiet", "HEAD")}
	default:
		tried = []string{g.ask(ctx, "symbolic-ref", "--quiet", "refs/remotes/"+remote+"/HEAD"),
			"refs/remotes/" + remote + "/main", "refs/remotes/" + remote + "/master"}
	}
	for _, ref := range tried {
		if ref != "" && g.ask(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", ref+"^{commit}") != "" {
			b.Ref = ref
			return b, nil
		}
	}
	if _, err := exec.LookPath("git"); err != nil {
		return b, fault.New("is git installed?", "find the branch that counts: %w", err)
	}
	return b, fault.New("name one with --branch; `git branch --remotes` lists what the clone has, `git fetch` brings more",
		"find the branch that counts: %w", g.lacks(named, tried))
}

func (g gitOf) lacks(named string, tried []string) error {
	if named != "" {
		return fmt.Errorf("the clone has no branch %.80q", named)
	}
	if tried = slices.DeleteFunc(tried, func(ref string) bool { return ref == "" }); len(tried) == 0 {
		return errors.New("none is checked out")
	}
	return fmt.Errorf("the clone has none of %s", strings.Join(tried, ", "))
}

// person is who commits here, as git would have it.
func (g gitOf) person(ctx context.Context) console.Person {
	return console.Person{Name: g.ask(ctx, "config", "user.name"), Email: g.ask(ctx, "config", "user.email")}
}

// ask is what git says; "" where it says nothing, or fails.
func (g gitOf) ask(ctx context.Context, args ...string) string {
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", g.root}, args...)...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
