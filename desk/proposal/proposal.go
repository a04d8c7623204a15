package proposal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// Repository is a clone with a fleet in it.
type Repository struct {
	// Folder of the fleet: that of the clone, or one in it.
	Folder string
	// Remote that branches are pushed to, by its name: "origin". "" for none.
	Remote string
	// Env is git's environment; nil for that of this process.
	Env []string
	// Patience is how long one call may take; 0 for two minutes. A hook, or somebody
	// who is asked for the passphrase of a key, needs time.
	Patience time.Duration
	// Progress is told what a fetch or a push is at, in git's words; nil for nobody.
	Progress func(line string)
}

// Change is what a commit does.
type Change struct {
	// Base is the commit that it stands on, by its whole hash.
	Base string
	// Files by their paths from the fleet's folder, "/" between names; nil for one that
	// goes. Their bytes come to stand in Git as they are. Modes stay.
	Files map[string][]byte
	// Title and Body of the commit.
	Title, Body string
	// Name and Email of its author and committer; "" for those of git's configuration.
	Name, Email string
}

// ErrNothing says that a change changes nothing: the base has all of it.
var ErrNothing = errors.New("it changes nothing")

// mostTitle is how long a commit's first line may be, in bytes.
const mostTitle = 200

// Commit makes a commit, to which nothing points yet: git forgets it after two weeks,
// unless it is proposed. The error is [ErrNothing] where there is nothing to commit.
func (r Repository) Commit(ctx context.Context, c Change) (commit string, err error) {
	ctx, cancel := r.bound(ctx)
	defer cancel()
	if err := r.hasBase(ctx, c.Base); err != nil {
		return "", err
	}
	who, err := c.who()
	if err != nil {
		return "", err
	}
	work, err := os.MkdirTemp("", "bulla-commit-")
	if err != nil {
		return "", fmt.Errorf("commit: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }() // empty indexes, in a folder for such things
	index, err := r.newIndex(ctx, work, c.Base)
	if err != nil {
		return "", err
	}
	tree, err := index.with(ctx, c.Files)
	if err != nil {
		return "", err
	}
	before, err := r.git(ctx, call{args: []string{"rev-parse", "--verify", c.Base + "^{tree}"}})
	if err != nil {
		return "", fmt.Errorf("commit: %w", err)
	}
	if tree == before {
		return "", fault.New("another change may have brought the same; look at what is there now",
			"commit: %w: %.10s has all of it", ErrNothing, c.Base)
	}
	args, err := r.signing(ctx, []string{"commit-tree", tree, "-p", c.Base, "-F", "-"})
	if err != nil {
		return "", err
	}
	commit, err = r.git(ctx, call{args: args, env: who, in: []byte(c.message())})
	if err != nil {
		return "", whyNoCommit(err)
	}
	return commit, nil
}

func (r Repository) hasBase(ctx context.Context, base string) error {
	if !hexid.IsCommit(base) {
		return fmt.Errorf("commit: %.80q is no whole hash of a commit", base)
	}
	kind, err := r.git(ctx, call{args: []string{"cat-file", "-t", base}})
	if err != nil && !isExit(err) {
		return err
	}
	if err != nil || kind != "commit" {
		return fault.New("git fetch brings it, if it is still at the remote",
			"commit: there is no commit %.10s in %s", base, filepath.Base(r.Folder))
	}
	return nil
}

// who are author and committer, as git's environment says them.
func (c Change) who() ([]string, error) {
	if c.Name == "" && c.Email == "" {
		return nil, nil
	}
	for _, one := range []string{c.Name, c.Email} {
		if strings.TrimSpace(one) == "" || printable.Line(one, mostTitle) != one || strings.ContainsAny(one, "<>") {
			return nil, fault.New("a commit says who made it by a name and an e-mail address, in one line each",
				"commit: %.80q <%.80q> is no author", c.Name, c.Email)
		}
	}
	return []string{"GIT_AUTHOR_NAME=" + c.Name, "GIT_AUTHOR_EMAIL=" + c.Email,
		"GIT_COMMITTER_NAME=" + c.Name, "GIT_COMMITTER_EMAIL=" + c.Email}, nil
}

func (c Change) message() string {
	text := printable.Line(c.Title, mostTitle) + "\n"
	if body := strings.TrimSpace(printable.Text(strings.ReplaceAll(c.Body, "\r\n", "\n"))); body != "" {
		text += "\n" + body + "\n"
	}
	return text
}

// signing has the commit signed where the user's configuration says so: plumbing does not
// look there.
func (r Repository) signing(ctx context.Context, args []string) ([]string, error) {
	sign, err := r.git(ctx, call{args: []string{"config", "--type=bool", "--default=false", "--get", "commit.gpgsign"}})
	if err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	if sign == "true" {
		args = append(args, "-S")
	}
	return args, nil
}
