package exposure

import (
	"io"
	"path"
	"strings"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// maxStub bounds what is read of one file in history, in bytes.
const maxStub = 4 << 20

// maxDescription is how much of a commit's texts is shown, in characters.
const maxDescription = 100

// Clone is the history of the Git repository around a folder. Without one, or
// with a shallow one, it knows less, and says nothing of the rest.
type Clone struct {
	repo *git.Repository
	// stubs by blob: heads share most of their files.
	stubs map[plumbing.Hash]stubFile
}

type stubFile struct {
	digest   string
	manifest *api.SealedManifest
}

// OpenClone opens it.
func OpenClone(folder string) *Clone {
	c := &Clone{stubs: map[plumbing.Hash]stubFile{}}
	repo, err := git.PlainOpenWithOptions(folder, &git.PlainOpenOptions{DetectDotGit: true, EnableDotGitCommonDir: true})
	if err == nil {
		c.repo = repo
	}
	return c
}

var _ History = (*Clone)(nil)

func (c *Clone) commit(hash string) *object.Commit {
	if c.repo == nil || !hexid.IsSHA1Commit(hash) {
		return nil
	}
	commit, err := c.repo.CommitObject(plumbing.NewHash(hash))
	if err != nil {
		return nil
	}
	return commit
}

// Descends says that a commit is another one or comes after it, as far as the
// clone knows both.
func (c *Clone) Descends(hash, from string) bool {
	if hash == from {
		return true
	}
	tip, base := c.commit(hash), c.commit(from)
	if tip == nil || base == nil {
		return false
	}
	is, err := base.IsAncestor(tip)
	return err == nil && is
}

// Describe implements [History].
func (c *Clone) Describe(hash string) string {
	commit := c.commit(hash)
	if commit == nil {
		return ""
	}
	subject, _, _ := strings.Cut(commit.Message, "\n")
	text := []rune(commit.Author.Name + ": " + subject)
	return string(text[:min(len(text), maxDescription)])
}

// Stub implements [History].
func (c *Clone) Stub(hash, digest string) *api.SealedManifest {
	commit := c.commit(hash)
	if commit == nil {
		return nil
	}
	tree, err := commit.Tree()
	if err != nil {
		return nil
	}
	var found *api.SealedManifest
	// A file that cannot be read ends the search: the clone is damaged or shallow.
	_ = tree.Files().ForEach(func(file *object.File) error {
		if ext := path.Ext(file.Name); found != nil || file.Size > maxStub || ext != ".yaml" && ext != ".yml" {
			return nil
		}
		stub, err := c.read(file)
		if err == nil && stub.manifest != nil && stub.digest == digest {
			found = stub.manifest
		}
		return err
	})
	return found
}

func (c *Clone) read(file *object.File) (stubFile, error) {
	if stub, ok := c.stubs[file.Hash]; ok {
		return stub, nil
	}
	reader, err := file.Reader()
	if err != nil {
		return stubFile{}, err
	}
	defer reader.Close()
	data, err := io.ReadAll(io.LimitReader(reader, maxStub))
	if err != nil {
		return stubFile{}, err
	}
	stub := stubFile{digest: api.StubDigest(data)}
	if parsed, err := model.ParseStub(file.Name, data); err == nil && parsed != nil {
		stub.manifest = parsed.Manifest
	}
	c.stubs[file.Hash] = stub
	return stub, nil
}
