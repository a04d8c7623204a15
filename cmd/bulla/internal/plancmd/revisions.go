package plancmd

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/desk/revisions"
	"github.com/bulla-dev/bulla/kustomize/source/git"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/bulla-dev/bulla/plan"
)

// repository is the clone that both revisions are in.
type repository struct{ *revisions.Clone }

// compared are the two commits, and what to know about the choice.
type compared struct {
	base, head plan.Revision
	notes      []string
}

// otherBranch is for a clone of one branch, as --depth makes: it fetches no other, nor does --unshallow.
const otherBranch = "a clone of one branch gets another by git fetch origin BRANCH:refs/remotes/origin/BRANCH"

func (r *repository) compared(args []string) (c compared, err error) {
	head := "HEAD"
	if len(args) > 1 {
		head = args[1]
	}
	if c.head, err = r.resolve(head); err != nil {
		return c, err
	}
	if len(args) > 0 {
		c.base, err = r.resolve(args[0])
	} else {
		c.base, err = r.defaultBase()
	}
	if err != nil {
		return c, err
	}
	c.notes, err = r.part(&c)
	if len(args) < 2 && err == nil {
		c.notes = append(c.notes, r.uncommitted(c.head.Commit)...)
	}
	return c, err
}

func (r *repository) resolve(name string) (plan.Revision, error) {
	commit, err := r.Resolve(name)
	if err == nil {
		return plan.Revision{Name: name, Commit: commit}, nil
	}
	if branch := r.Head(); name == "HEAD" && branch != "" {
		return plan.Revision{}, fault.New("commit something first", "branch %q has no commit yet", branch)
	}
	if errors.Is(err, git.ErrNoCommit) {
		before, _, _ := strings.Cut(name, ":")
		return plan.Revision{}, fault.New("a plan compares whole commits: name "+cmp.Or(before, "HEAD")+" itself", "%w", err)
	}
	hint := "name a branch, a tag or a commit of this clone; git fetch brings what is not here yet"
	if r.IsShallow() {
		hint = "git fetch --unshallow, or fetch-depth: 0 in a workflow: this clone is shallow, and has no older commits"
	}
	return plan.Revision{}, fault.New(hint+"; "+otherBranch, "there is no revision %q", name)
}

func (r *repository) defaultBase() (plan.Revision, error) {
	if name, commit := r.DefaultBranch(); name != "" {
		return plan.Revision{Name: shortRef(name), Commit: commit}, nil
	}
	return plan.Revision{}, fault.New("name it: bulla plan BASE; "+otherBranch,
		"there is no branch main or master to compare with")
}

func shortRef(name string) string {
	for _, prefix := range []string{"refs/remotes/", "refs/heads/"} {
		if len(name) > len(prefix) && name[:len(prefix)] == prefix {
			return name[len(prefix):]
		}
	}
	return name
}

// part takes the commit at which the two parted for the base, where the base went on
// since: what was merged meanwhile is not taken back by merging the head.
func (r *repository) part(c *compared) (notes []string, err error) {
	if r.Descends(c.head.Commit, c.base.Commit) {
		return nil, nil
	}
	if r.Descends(c.base.Commit, c.head.Commit) {
		return []string{fmt.Sprintf("%s lies before %s: this is what going back does", c.head.Name, c.base.Name)}, nil
	}
	common, err := r.MergeBase(c.base.Commit, c.head.Commit)
	switch {
	case errors.Is(err, git.ErrUnrelated):
		return []string{fmt.Sprintf("%s and %s have no history in common: their trees are compared as they are, and no "+
			"cluster follows from one to the other unless somebody lets it", c.base.Name, c.head.Name)}, nil
	case err != nil:
		return nil, fault.New("this may be a shallow clone: git fetch --unshallow, or fetch-depth: 0 in a workflow",
			"nobody can tell where %s and %s parted: %w", c.base.Name, c.head.Name, err)
	}
	note := fmt.Sprintf("%s has gone on since: compared with %.12s, at which they parted; merge %s to see both together",
		c.base.Name, common, c.base.Name)
	c.base.Commit = common
	return []string{note}, nil
}

// mustBeFleet refuses a head without fleet.yaml: that fleet has no clusters and no keys,
// and whoever follows it stops.
func (r *repository) mustBeFleet(head *plan.Side) error {
	if head.Tree.Exists(tree.FleetFile) {
		return nil
	}
	return fault.New("a fleet repository has it at its top; make one with `bulla init`",
		"there is no %s at revision %q", tree.FleetFile, head.Revision.Name)
}
