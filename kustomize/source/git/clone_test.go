package git

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize/source"
)

func TestTreesOfAnyCommitComeFromAPlainClone(t *testing.T) {
	_, r, first := repo(t)
	second := push(t, r, testfleet.Files{"apps/app/a.yaml": testfleet.ConfigMap("b")})
	_, err := r.Git("gc", "-q") // packed and loose objects are read alike
	must(t, err)
	push(t, r, testfleet.Files{"apps/app/c.yaml": "c"})
	must(t, os.WriteFile(filepath.Join(r.Dir(), "apps/app/a.yaml"), []byte("not committed"), 0o600))
	linked := filepath.Join(t.TempDir(), "worktree")
	_, err = r.Git("worktree", "add", "-q", "--detach", linked, first)
	must(t, err)
	for _, folder := range []string{r.Dir(), filepath.Join(r.Dir(), "apps"), linked} {
		c, err := OpenClone(folder, Limits{})
		must(t, err)
		for revision, want := range map[string]string{
			first: testfleet.ConfigMap("a"), second[:10]: testfleet.ConfigMap("b"), "main~1": testfleet.ConfigMap("b"),
		} {
			commit, err := c.Resolve(revision)
			must(t, err)
			tr, err := c.Tree(commit)
			must(t, err)
			if data, err := tr.ReadFile("apps/app/a.yaml"); err != nil || string(data) != want {
				t.Errorf("%s at %s: %q, %v", folder, revision, data, err)
			}
		}
		if _, err := c.Resolve("nowhere"); !errors.Is(err, source.ErrUnknownRevision) {
			t.Errorf("a branch that is not there: %v", err)
		}
		for _, revision := range []string{"HEAD:apps", first + ":apps/app/a.yaml", ":0:apps/app/a.yaml"} {
			if _, err := c.Resolve(revision); !errors.Is(err, ErrNoCommit) {
				t.Errorf("%s: %v", revision, err)
			}
		}
	}
	if _, err := OpenClone(t.TempDir(), Limits{}); !errors.Is(err, ErrNoClone) {
		t.Errorf("a folder outside of Git: %v", err)
	}
}

// TestACloneIsHeldToTheChecksOfAMirror: a plan of a hostile commit says what the key
// service would say of it.
func TestACloneIsHeldToTheChecksOfAMirror(t *testing.T) {
	_, r, _ := repo(t)
	head := push(t, r, testfleet.Files{"apps/pay\u202e/a.yaml": "x", "docs/b.md": "x"})
	c, err := OpenClone(r.Dir(), Limits{})
	must(t, err)
	tr, err := c.Tree(head)
	must(t, err)
	if len(tr.Flaws()) != 1 || tr.Exists("apps/pay\u202e") {
		t.Errorf("flaws: %v", tr.Flaws())
	}
}
