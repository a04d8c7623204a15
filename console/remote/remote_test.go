package remote_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/console/remote"
	"github.com/bulla-dev/bulla/desk/proposal"
	"github.com/bulla-dev/bulla/fixtures/gitserver"
)

func newRepo(t *testing.T) *gitserver.Repo {
	t.Helper()
	server, err := gitserver.Start(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	repo, err := server.NewRepo("fleet")
	if err != nil {
		t.Fatal(err)
	}
	change(t, repo)
	return repo
}

// change commits something else, and gives the commit.
func change(t *testing.T, repo *gitserver.Repo) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repo.Dir(), "README"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(repo.Dir(), "README"), append(text, 'x'), 0o644); err != nil {
		t.Fatal(err)
	}
	commit, err := repo.CommitAll("change")
	if err != nil {
		t.Fatal(err)
	}
	return commit
}

// folder is one of credentials.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "it's a folder") // a shell is between git and ssh
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestTheCloneIsReadByItsOwnCredentials, as they are at each fetch: over HTTP and SSH, with
// nothing of whoever started the console, and so that they stand in no file of the clone.
func TestTheCloneIsReadByItsOwnCredentials(t *testing.T) {
	// What a person's own git would be led by.
	t.Setenv("GIT_CONFIG_COUNT", "1")
	t.Setenv("GIT_CONFIG_KEY_0", "url.https://evil.invalid/.insteadOf")
	t.Setenv("GIT_CONFIG_VALUE_0", "http://")
	t.Setenv("GIT_DIR", "/nowhere")
	repo := newRepo(t)
	basic := folder(t, map[string]string{"username": repo.Username, "password": repo.Password + "\n"})
	ssh := folder(t, map[string]string{"identity": string(repo.SSHKey), "known_hosts": string(repo.KnownHosts())})
	for address, credentials := range map[string]string{repo.URL(): basic, repo.SSHURL(): ssh} {
		data := t.TempDir()
		c, err := remote.Open(t.Context(), data, address, credentials)
		if err != nil {
			t.Fatal(err)
		}
		ref, err := c.Counts(t.Context(), "")
		if err != nil || ref != "refs/remotes/origin/main" {
			t.Fatalf("the branch that counts is %q, %v", ref, err)
		}
		want := change(t, repo)
		if err := c.Fetch(t.Context()); err != nil {
			t.Fatal(err, fault.Hint(err))
		}
		head := strings.TrimSpace(string(must(os.ReadFile(filepath.Join(c.Folder, ref)))))
		if head != want {
			t.Errorf("%s: fetched %s, want %s", address, head, want)
		}
		everything := ""
		if err := filepath.WalkDir(data, func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				everything += string(must(os.ReadFile(path)))
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(everything, repo.Password) || strings.Contains(everything, "PRIVATE KEY") {
			t.Error("credentials stand in the clone")
		}
		// Opened again, and with the remote's word kept, it asks nobody.
		again, err := remote.Open(t.Context(), data, address, credentials)
		if err != nil {
			t.Fatal(err)
		}
		if ref, err := again.Counts(t.Context(), ""); err != nil || ref != "refs/remotes/origin/main" {
			t.Errorf("again: %q, %v", ref, err)
		}
	}
	// Credentials that change count with the next fetch.
	c, err := remote.Open(t.Context(), t.TempDir(), repo.URL(), basic)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(basic, "password"), []byte("canary-wrong"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.Fetch(t.Context()); !errors.Is(err, proposal.ErrDenied) || strings.Contains(fault.Line(err), "canary") ||
		!strings.Contains(fault.Hint(err), "--git-credentials") {
		t.Errorf("a password that is wrong now: %v; %s", err, fault.Hint(err))
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestAHostThatNobodyKnowsIsNotAsked: SSH takes no key on trust.
func TestAHostThatNobodyKnowsIsNotAsked(t *testing.T) {
	repo, other := newRepo(t), newRepo(t)
	wrong := folder(t, map[string]string{"identity": string(repo.SSHKey), "known_hosts": string(other.KnownHosts())})
	c, err := remote.Open(t.Context(), t.TempDir(), repo.SSHURL(), wrong)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Fetch(t.Context()); !errors.Is(err, proposal.ErrDenied) {
		t.Errorf("%v", err)
	}
}

// TestARemoteThatDoesNotAnswer is told as that, to whoever runs the console, whether or not a
// branch was named.
func TestARemoteThatDoesNotAnswer(t *testing.T) {
	c, err := remote.Open(t.Context(), t.TempDir(), "https://127.0.0.1:1/fleet", "")
	if err != nil {
		t.Fatal(err)
	}
	_, unnamed := c.Counts(t.Context(), "")
	for what, err := range map[string]error{"no branch named": unnamed, "fetch": c.Fetch(t.Context())} {
		if hint := fault.Hint(err); !errors.Is(err, proposal.ErrUnreachable) || !strings.Contains(hint, "--repository") ||
			strings.Contains(hint, "--branch") {
			t.Errorf("%s: %v; %s", what, err, hint)
		}
	}
}

// TestCredentialsThatCannotBeUsedAreRefused: before anything goes over the network, and never
// quoted.
func TestCredentialsThatCannotBeUsedAreRefused(t *testing.T) {
	const canary = "canary-5a1d"
	for name, c := range map[string]struct {
		address string
		files   map[string]string
		want    string
	}{
		"a password in the clear": {"http://git.example.com/fleet", map[string]string{"password": canary}, "plain http"},
		"a bearer in the clear":   {"http://git.example.com/fleet", map[string]string{"bearerToken": canary}, "plain http"},
		"nothing":                 {"https://git.example.com/fleet", nil, "no credentials"},
		"a key and no hosts":      {"ssh://git@git.example.com/fleet", map[string]string{"identity": canary}, "known_hosts"},
		"a password in the URL":   {"https://u:" + canary + "@git.example.com/fleet", nil, "--repository"},
		"a command":               {"ext::sh -c id", nil, "--repository"},
		"an option":               {"--upload-pack=" + canary, nil, "--repository"},
		"a folder":                {"/etc", nil, "--repository"},
	} {
		_, err := remote.Open(t.Context(), t.TempDir(), c.address, folder(t, c.files))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(fault.Line(err), canary) ||
			fault.Hint(err) == "" {
			t.Errorf("%s: %v; %s", name, err, fault.Hint(err))
		}
	}
	c, err := remote.Open(t.Context(), t.TempDir(), "https://git.example.com/fleet", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, branch := range []string{"--upload-pack=x", "a..b", "a b", "-x"} {
		if _, err := c.Counts(t.Context(), branch); err == nil {
			t.Errorf("a branch %q", branch)
		}
	}
}
