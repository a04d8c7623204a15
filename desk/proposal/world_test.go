package proposal_test

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/desk/proposal"
	"github.com/bulla-dev/bulla/fixtures/gitserver"
)

// world is a Git host, and the clone of somebody.
type world struct {
	*testing.T

	server *gitserver.Server
	repo   *gitserver.Repo
	proposal.Repository
}

// begin makes both, with the fleet in a folder of the repository.
func begin(t *testing.T, folder string) *world {
	t.Helper()
	server := gitserver.ForTest(t)
	repo, err := server.NewRepo("fleet")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, server: server, repo: repo}
	w.Repository = proposal.Repository{
		Folder: filepath.Join(repo.Dir(), filepath.FromSlash(folder)), Remote: "origin", Env: environment(t),
		Patience: time.Minute,
	}
	at := func(name string) string { return filepath.Join(repo.Dir(), filepath.FromSlash(folder), name) }
	begins := map[string]string{"fleet.yaml": "fleet\n", "apps/pay/db.yaml": "old\n", "run.sh": "#!/bin/sh\n"}
	for name, text := range begins {
		w.must(os.MkdirAll(filepath.Dir(at(name)), 0o755))
		w.must(os.WriteFile(at(name), []byte(text), 0o644))
	}
	w.must(os.Chmod(at("run.sh"), 0o755))
	w.must(os.Symlink("apps", at("link")))
	w.must(os.Symlink("fleet.yaml", at("link.yaml")))
	if _, err := repo.CommitAll("begin"); err != nil {
		t.Fatal(err)
	}
	return w
}

// environment is one without anybody's configuration.
func environment(t *testing.T) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "GIT_CONFIG_NOSYSTEM=1"}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// in runs git in the clone.
func (w *world) in(args ...string) string {
	w.Helper()
	out, err := w.repo.Git(args...)
	w.must(err)
	return out
}

// at runs git at the host.
func (w *world) at(args ...string) (string, error) {
	out, err := exec.Command("git", append([]string{"-C", w.repo.Bare()}, args...)...).Output()
	return strings.TrimSpace(string(out)), err
}

// hook has the host judge pushes.
func (w *world) hook(script string) {
	w.must(os.WriteFile(filepath.Join(w.repo.Bare(), "hooks", "pre-receive"), []byte("#!/bin/sh\n"+script), 0o755))
}

func (w *world) head() string { return w.in("rev-parse", "HEAD") }

func (w *world) commit(files map[string][]byte) string {
	w.Helper()
	commit, err := w.Commit(w.Context(), proposal.Change{Base: w.head(), Files: files, Title: "seal payments-db"})
	w.must(err)
	return commit
}

// seen is all of what somebody works with: index, working tree and HEAD.
func (w *world) seen() string {
	index, err := os.ReadFile(filepath.Join(w.repo.Dir(), ".git", "index"))
	w.must(err)
	head, err := os.ReadFile(filepath.Join(w.repo.Dir(), ".git", "HEAD"))
	w.must(err)
	var files strings.Builder
	w.must(filepath.WalkDir(w.repo.Dir(), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d.Name() == ".git" {
				return filepath.SkipDir
			}
			return err
		}
		info, err := d.Info()
		files.WriteString(path + info.ModTime().String() + info.Mode().String() + "\n")
		return err
	}))
	return string(index) + string(head) + files.String()
}

// with is a repository whose remote is another address.
func (w *world) with(address string) proposal.Repository {
	w.in("remote", "add", "other", address)
	r := w.Repository
	r.Remote = "other"
	return r
}

func (w *world) withPassword(password string) string {
	u, err := url.Parse(w.repo.URL())
	w.must(err)
	u.User = url.UserPassword(w.repo.Username, password)
	return u.String()
}

func (w *world) propose(r proposal.Repository, branch string) error {
	commit := w.commit(map[string][]byte{"apps/pay/db.yaml": []byte(branch)})
	return r.Propose(context.WithoutCancel(w.Context()), commit, branch)
}
