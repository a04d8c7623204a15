package git

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"github.com/bulla-dev/bulla/kustomize/source"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Clone is somebody's clone of a repository: trees of any commit in it, held to the
// same checks as a mirror's. Nothing is fetched, and nothing in it is changed. It is
// safe for concurrent use.
type Clone struct {
	repo    *gogit.Repository
	objects *objects
	limits  Limits
}

// OpenClone opens the clone around a folder. The error is [ErrNoClone] where there is
// none.
func OpenClone(folder string, limits Limits) (*Clone, error) {
	options := &gogit.PlainOpenOptions{DetectDotGit: true, EnableDotGitCommonDir: true}
	repo, err := gogit.PlainOpenWithOptions(folder, options)
	if errors.Is(err, gogit.ErrRepositoryNotExists) { // or a bare one, which has no .git
		options.DetectDotGit = false
		repo, err = gogit.PlainOpenWithOptions(folder, options)
	}
	if errors.Is(err, gogit.ErrRepositoryNotExists) {
		return nil, fmt.Errorf("open clone: %w", ErrNoClone)
	}
	if err != nil {
		return nil, fmt.Errorf("open clone: %w", err)
	}
	storage, ok := repo.Storer.(*filesystem.Storage)
	if !ok {
		return nil, fmt.Errorf("open clone: its objects are not in files: %w", ErrNoClone)
	}
	limits = limits.orDefaults()
	return &Clone{repo: repo, limits: limits, objects: &objects{
		limits: limits, lacks: &partial{path: os.DevNull}, storage: storage, commits: map[string]*commit{},
		shared: true,
	}}, nil
}

// braces hold texts and dates, see gitrevisions(7).
var braces = regexp.MustCompile(`[\^@]\{[^}]*\}`)

// ErrNoCommit says that a revision names something else.
var ErrNoCommit = errors.New("it is no commit")

// ErrNoClone says that no folder above is a clone of a repository.
var ErrNoClone = errors.New("not in a clone of a repository")

// Resolve is the commit that a revision names: a branch, a tag, a beginning of a hash
// or what gitrevisions(7) makes of them. [source.ErrUnknownRevision] for none,
// [ErrNoCommit] for what is a file or a folder.
func (c *Clone) Resolve(revision string) (commit string, err error) {
	c.objects.mu.Lock() // of one storage with the repository
	defer c.objects.mu.Unlock()
	// go-git takes REVISION:FILE for REVISION.
	if rest := braces.ReplaceAllString(revision, ""); strings.Contains(rest, ":") && !strings.HasPrefix(rest, ":/") {
		return "", fmt.Errorf("%q is a file or a folder: %w", revision, ErrNoCommit)
	}
	hash, err := c.repo.ResolveRevision(plumbing.Revision(revision))
	if err != nil {
		return "", fmt.Errorf("%q: %w", revision, source.ErrUnknownRevision)
	}
	object, err := c.repo.Object(plumbing.AnyObject, *hash)
	if err == nil && object.Type() != plumbing.CommitObject {
		return "", fmt.Errorf("%q is a %s: %w", revision, object.Type(), ErrNoCommit)
	}
	return hash.String(), nil
}

// Tree returns the validated tree of a commit.
func (c *Clone) Tree(commit string) (*tree.Tree, error) {
	found, err := c.objects.commit(commit)
	if err != nil {
		return nil, fmt.Errorf("read commit: %w", err)
	}
	loader := newTreeLoader(c.objects, c.limits, map[tree.Hash]*tree.Dir{})
	root, err := loader.load(found.tree, "", c.limits.Depth)
	if err != nil {
		return nil, fmt.Errorf("read tree of %s: %w", commit, err)
	}
	return tree.New(commit, commit, root, &gitSource{objects: c.objects, limit: c.limits.Blob}), nil
}

// Descends reports whether a commit is another one or comes after it, as far as the
// clone has both and what lies between them.
func (c *Clone) Descends(commit, from string) bool {
	if commit == from {
		return true
	}
	if !c.objects.contains(commit) || !c.objects.contains(from) {
		return false
	}
	is, err := c.objects.descends(commit, from, c.limits.History)
	return err == nil && is
}

// Describe says who made a commit, and the first line of what for; both are empty for
// one that the clone does not have.
func (c *Clone) Describe(commit string) (author, subject string) {
	c.objects.mu.Lock() // of one storage with the repository
	defer c.objects.mu.Unlock()
	found, err := c.repo.CommitObject(plumbing.NewHash(commit))
	if err != nil {
		return "", ""
	}
	subject, _, _ = strings.Cut(found.Message, "\n")
	return found.Author.Name, subject
}
