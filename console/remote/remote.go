// Package remote keeps the bare clone of a fleet's repository that a team's console reads,
// by credentials that may read it and that push nothing.
package remote

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/desk/proposal"
	"github.com/bulla-dev/bulla/kustomize/source/git"
)

// Name is what the clone calls the remote.
const Name = "origin"

// patience is how long one call of git may take.
const patience = 2 * time.Minute

// Clone is a bare clone of its own. It is safe for concurrent use, but for [Clone.Fetch],
// of which one may run at a time.
type Clone struct {
	// Folder that it is in.
	Folder string

	address     string
	credentials string
	branch      string
}

// Open opens the clone in a folder, or makes an empty one there. credentials is a folder
// with files as of a Secret that Flux uses; "" for none. Nothing goes over the network yet.
func Open(ctx context.Context, folder, address, credentials string) (*Clone, error) {
	if err := git.CheckURL(address); err != nil {
		return nil, fault.NewUsage("https://HOST/PATH, ssh://HOST/PATH or git@HOST:PATH; credentials are files in the "+
			"folder that --git-credentials names", "--repository: %w", err)
	}
	c := &Clone{Folder: filepath.Join(folder, "fleet.git"), address: address, credentials: credentials}
	if _, err := c.access(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Folder, 0o700); err != nil {
		return nil, fault.New("--data names a folder that this process may make, and write to", "make a clone: %w", err)
	}
	for _, args := range [][]string{
		{"init", "--quiet", "--bare", "--template=", "--initial-branch=main", "."},
		{"config", "--replace-all", "remote." + Name + ".url", address},
		{"config", "--replace-all", "remote." + Name + ".fetch", "+refs/heads/*:refs/remotes/" + Name + "/*"},
	} {
		if _, err := c.git(ctx, args...); err != nil {
			return nil, fault.New("may this process write to --data, and is the folder its own alone?", "make a clone: %w", err)
		}
	}
	return c, nil
}

// Repository is the clone for whoever reads it by the console's own credentials.
func (c *Clone) Repository() (proposal.Repository, error) {
	access, err := c.access()
	return proposal.Repository{Folder: c.Folder, Remote: Name, Env: append(proposal.Apart(), access...)}, err
}

// Fetch brings what is new, by the credentials as they are now.
func (c *Clone) Fetch(ctx context.Context) error {
	r, err := c.Repository()
	if err != nil {
		return err
	}
	err = r.Fetch(ctx)
	switch {
	case errors.Is(err, proposal.ErrDenied):
		return fault.WithHint(err, "an operator of the console looks at --repository and at the files in --git-credentials")
	case errors.Is(err, proposal.ErrUnreachable):
		return fault.WithHint(err, "an operator of the console looks at --repository, at the network between, and at ca.crt "+
			"in --git-credentials where a private authority signed the host's certificate")
	}
	return err
}

// Counts says which branch counts: the one that is named or, where that is "", the one that
// the remote has for its default, asked for once and kept.
func (c *Clone) Counts(ctx context.Context, named string) (ref string, err error) {
	named = strings.TrimPrefix(named, "refs/heads/")
	if named == "" {
		named, _ = c.git(ctx, "config", "--get", "bulla.branch")
	}
	if named == "" {
		if named, err = c.standard(ctx); err != nil {
			// Who cannot fetch is not helped by a name.
			if why := c.Fetch(ctx); why != nil {
				return "", fmt.Errorf("find the branch that counts: %w", why)
			}
			return "", fault.New("--branch names it", "find the branch that counts: %w", err)
		}
		if _, err := c.git(ctx, "config", "bulla.branch", named); err != nil {
			return "", fmt.Errorf("keep which branch counts: %w", err)
		}
	}
	if err := git.CheckRef(named); err != nil {
		return "", fault.NewUsage("--branch is the name of a branch, such as main", "%q is not a branch", named)
	}
	c.branch = "refs/remotes/" + Name + "/" + named
	return c.branch, nil
}

// standard asks the remote which branch is its default.
func (c *Clone) standard(ctx context.Context) (string, error) {
	out, err := c.git(ctx, "ls-remote", "--symref", "--end-of-options", Name, "HEAD")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(out) {
		if ref, ok := strings.CutPrefix(line, "ref: refs/heads/"); ok {
			name, _, _ := strings.Cut(ref, "\t")
			return name, nil
		}
	}
	return "", errors.New("the remote does not say which one is its default")
}

// git runs it in the clone, by the credentials as they are now.
func (c *Clone) git(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := c.Repository()
	if err != nil {
		return "", err
	}
	return r.Run(ctx, args...)
}

// scope is the part of an address that credentials are sent to; "" for one of ssh.
func scope(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	return u.Scheme + "://" + u.Host + "/"
}
