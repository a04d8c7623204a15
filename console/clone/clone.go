// Package clone is the Git clone that pages are made from: its newest commit of the branch
// that counts, read and built once.
//
// A page always has something to show, once one commit was read. What cannot be read, a
// branch that is gone, a history that was rewritten, a fleet.yaml that does not parse, is
// told beside the last commit that could be.
package clone

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/source"
	"github.com/bulla-dev/bulla/kustomize/source/git"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Clone is a clone of a fleet repository. It is safe for concurrent use.
type Clone struct {
	// Folder of the clone, Branch that counts: what is merged there is granted.
	Folder, Branch string
	// Verify refuses a fleet that is not to be shown, when it is read as the newest; nil
	// refuses none. It is set before the first use.
	Verify func(*api.Fleet) error

	builder *kustomize.Builder
	loader  model.Loader
	remote  remote

	mu   sync.Mutex
	git  *git.Clone
	last *Snapshot
	// kept are the commits read last, the newest last; drafts stand on older ones.
	kept []*Snapshot
	// accepted is the head that the key service says is in force.
	accepted string
}

// keep is how many commits are kept: each is a few megabytes.
const keep = 6

// Open opens the clone at a folder. branch is a name as Git resolves it:
// "refs/remotes/origin/main".
func Open(folder, branch string, builder *kustomize.Builder) (*Clone, error) {
	g, err := git.OpenClone(folder, git.Limits{})
	if errors.Is(err, git.ErrNoClone) {
		return nil, fault.New("give the folder of a clone of the fleet's repository", "read clone: %w", err)
	}
	if err != nil {
		return nil, err
	}
	return &Clone{Folder: folder, Branch: branch, builder: builder, git: g}, nil
}

// Snapshot is the branch's newest commit that the clone has. Where that one cannot be
// shown, it is the last that could be, and its Old says why; an error only where there
// never was one.
func (c *Clone) Snapshot(ctx context.Context) (*Snapshot, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next, err := c.newest()
	if err == nil {
		c.last = next
		return next, nil
	}
	if c.last == nil || ctx.Err() != nil {
		return nil, err
	}
	old := *c.last
	old.Old = err
	return &old, nil
}

// At is any commit that the clone has, by its full hash.
func (c *Clone) At(commit string) (*Snapshot, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, err := c.read(commit)
	if err != nil {
		c.reopen() // it may have come in a pack since
		s, err = c.read(commit)
	}
	return s, err
}

// Accepted says which head the key service has in force. A branch that was rewritten to
// it, or to a commit after it, is shown: an operator took that history.
func (c *Clone) Accepted(head string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.accepted = head
}

// newest reads the branch's commit. An open clone does not see the packs that a fetch
// brings, or that a cleanup of Git's puts in the place of others: what fails is tried
// again on one that is opened anew.
func (c *Clone) newest() (*Snapshot, error) {
	s, err := c.resolve()
	if err == nil || isOfGit(err) {
		return s, err
	}
	c.reopen()
	return c.resolve()
}

func (c *Clone) reopen() {
	if again, err := git.OpenClone(c.Folder, git.Limits{}); err == nil {
		c.git = again
	}
}

func (c *Clone) resolve() (*Snapshot, error) {
	commit, err := c.git.Resolve(c.Branch)
	if errors.Is(err, source.ErrUnknownRevision) {
		return nil, fault.New("is the branch there under another name, or taken away? `git fetch` and `git branch -a` "+
			"in the clone show what there is", "read branch: the clone has no branch %s", c.Branch)
	}
	if err != nil {
		return nil, readHint(err)
	}
	if c.last != nil && c.last.Commit == commit {
		return c.last, nil
	}
	if c.last != nil && !c.follows(commit) {
		return nil, &rewrittenError{fault.New("the key service and every cluster refuse such a history: put the branch "+
			"back, or have an operator accept it (`bulla history accept --help`); without a login, start this again",
			"read branch: history was rewritten: %s does not come after %s, which was shown before",
			short(commit), short(c.last.Commit))}
	}
	s, err := c.read(commit)
	if err == nil && c.Verify != nil {
		if err := c.Verify(s.Model.Fleet); err != nil {
			return nil, &fleetError{fault.WithHint(fmt.Errorf("read commit %s: %w", short(commit), err), fault.Hint(err))}
		}
	}
	return s, err
}

// follows says whether a commit may be shown after the last one. A shallow clone cannot
// tell, and the key service holds the branch to it all the same.
func (c *Clone) follows(commit string) bool {
	return c.git.Descends(commit, c.last.Commit) || c.git.IsShallow() ||
		c.accepted != "" && c.accepted != c.last.Commit && c.git.Descends(commit, c.accepted)
}

func (c *Clone) read(commit string) (*Snapshot, error) {
	for _, s := range c.kept {
		if s.Commit == commit {
			return s, nil
		}
	}
	t, err := c.git.Tree(commit)
	if err != nil {
		return nil, readHint(err)
	}
	if !t.Exists(tree.FleetFile) {
		return nil, noFleet(t, commit)
	}
	m, err := c.loader.Load(t)
	if err != nil {
		return nil, &fleetError{fault.New("mend fleet.yaml and merge that: the key service and every cluster refuse it "+
			"too, and go on with the commit before", "read commit %s: %w", short(commit), err)}
	}
	s := &Snapshot{Commit: commit, Tree: t, Model: m, Read: time.Now().UTC(), Shallow: c.git.IsShallow(),
		clone: c.git, builds: &builds{builder: c.builder, tree: t, model: m}}
	if c.kept = append(c.kept, s); len(c.kept) > keep {
		c.kept = append([]*Snapshot(nil), c.kept[1:]...)
	}
	return s, nil
}

// rewrittenError and fleetError are about what Git says: to read it once more changes
// nothing.
type (
	rewrittenError struct{ error }
	fleetError     struct{ error }
)

func (e *rewrittenError) Unwrap() error { return e.error }
func (e *fleetError) Unwrap() error     { return e.error }

func isOfGit(err error) bool {
	return errors.As(err, new(*rewrittenError)) || errors.As(err, new(*fleetError))
}

func readHint(err error) error {
	return fault.New("is a fetch or a cleanup of Git's under way in the clone? It is read again with the next page; "+
		"`git fsck` says whether it is damaged", "read clone: %w", err)
}

func short(commit string) string { return commit[:min(len(commit), 12)] }
