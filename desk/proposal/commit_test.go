package proposal_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/desk/proposal"
)

// TestACommitTouchesNothingThatSomebodyWorksWith: their index has something staged, their
// working tree something changed, and both stay to the byte.
func TestACommitTouchesNothingThatSomebodyWorksWith(t *testing.T) {
	for _, folder := range []string{"", "fleets/acme"} {
		w := begin(t, folder)
		w.must(os.WriteFile(filepath.Join(w.Folder, "staged.yaml"), []byte("mine\n"), 0o644))
		w.in("add", "--all")
		w.must(os.WriteFile(filepath.Join(w.Folder, "fleet.yaml"), []byte("mine\n"), 0o644))
		w.in("config", "core.splitIndex", "true")
		before := w.seen()
		content := []byte("sealed\r\nwith ends of lines\r\n")
		commit := w.commit(map[string][]byte{
			"apps/pay/db.yaml": content, "apps/new/a.yaml": []byte("new\n"), "run.sh": []byte("#!/bin/sh\ntrue\n"),
		})
		if w.seen() != before {
			t.Error("index, HEAD or working tree changed")
		}
		if shared, _ := filepath.Glob(filepath.Join(w.repo.Dir(), ".git", "sharedindex.*")); len(shared) > 0 {
			t.Errorf("left %v", shared)
		}
		at := func(name string) string { return filepath.ToSlash(filepath.Join(folder, name)) }
		changed := strings.Fields(w.in("diff", "--name-only", commit+"^", commit))
		if len(changed) != 3 {
			t.Errorf("changed %v", changed)
		}
		out, err := exec.Command("git", "-C", w.repo.Dir(), "cat-file", "blob", commit+":"+at("apps/pay/db.yaml")).Output()
		if err != nil || !bytes.Equal(out, content) {
			t.Errorf("%q, %v", out, err)
		}
		modes := w.in("ls-tree", "-r", commit)
		for _, want := range []string{"100755 blob", "120000 blob", at("apps/new/a.yaml")} {
			if !strings.Contains(modes, want) {
				t.Errorf("no %s in\n%s", want, modes)
			}
		}
	}
}

// TestAFileGoes, and a folder with its last one.
func TestAFileGoes(t *testing.T) {
	w := begin(t, "")
	commit := w.commit(map[string][]byte{"apps/pay/db.yaml": nil})
	if left := w.in("ls-tree", "-r", "--name-only", commit, "apps"); left != "" {
		t.Errorf("left %s", left)
	}
}

// TestWhatNoCommitIsMadeOf: each says what is wrong, and makes none.
func TestWhatNoCommitIsMadeOf(t *testing.T) {
	w := begin(t, "")
	w.in("update-index", "--add", "--cacheinfo", "160000,"+w.head()+",vendor")
	w.in("commit", "--quiet", "--message", "another repository")
	base := w.head()
	for name, test := range map[string]struct {
		base  string
		files map[string][]byte
		want  string
	}{
		"above":              {base, map[string][]byte{"../x": {1}}, "relative folder"},
		"above, inside":      {base, map[string][]byte{"apps/../../x": {1}}, "relative folder"},
		"absolute":           {base, map[string][]byte{"/etc/x": {1}}, "empty name"},
		"nothing":            {base, map[string][]byte{"": {1}}, "empty name"},
		"a folder's":         {base, map[string][]byte{"apps/": {1}}, "empty name"},
		"git's":              {base, map[string][]byte{".git/hooks/x": {1}}, "stands for .git"},
		"git's, elsewhere":   {base, map[string][]byte{"apps/.GIT/config": {1}}, "stands for .git"},
		"git's, on Windows":  {base, map[string][]byte{"git~1/config": {1}}, "stands for .git"},
		"a separator":        {base, map[string][]byte{`apps\x`: {1}}, "separator"},
		"a control":          {base, map[string][]byte{"apps/a\nb": {1}}, "control"},
		"through a link":     {base, map[string][]byte{"link/pay/x.yaml": {1}}, "link is a link"},
		"through a file":     {base, map[string][]byte{"fleet.yaml/x": {1}}, "fleet.yaml is a file"},
		"through submodules": {base, map[string][]byte{"vendor/x": {1}}, "vendor is another repository"},
		"a link":             {base, map[string][]byte{"link.yaml": {1}}, "it is a link"},
		"a link goes":        {base, map[string][]byte{"link.yaml": nil}, "it is a link"},
		"a folder":           {base, map[string][]byte{"apps/pay": {1}}, "it is a folder"},
		"both":               {base, map[string][]byte{"n": {1}, "n/x": {1}}, "n is a file of the same change"},
		"not there":          {base, map[string][]byte{"apps/pay/gone.yaml": nil}, "not there to be taken away"},
		"no base":            {strings.Repeat("1", 40), map[string][]byte{"x": {1}}, "there is no commit 1111111111"},
		"a tree":             {w.in("rev-parse", "HEAD^{tree}"), map[string][]byte{"x": {1}}, "there is no commit"},
		"a name":             {"HEAD", map[string][]byte{"x": {1}}, "is no whole hash"},
		"an option":          {"--output=x", map[string][]byte{"x": {1}}, "is no whole hash"},
		"the same":           {base, map[string][]byte{"fleet.yaml": []byte("fleet\n")}, "changes nothing"},
		"no files":           {base, nil, "changes nothing"},
	} {
		commit, err := w.Commit(t.Context(), proposal.Change{Base: test.base, Files: test.files, Title: "x"})
		if err == nil || !strings.Contains(err.Error(), test.want) || commit != "" {
			t.Errorf("%s: %q, %v", name, commit, err)
		}
		if errors.Is(err, proposal.ErrNothing) != (test.want == "changes nothing") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWhoMadeACommit is said by the change, or by git's configuration; with neither, or
// with what is no name, there is none.
func TestWhoMadeACommit(t *testing.T) {
	w := begin(t, "")
	change := proposal.Change{Base: w.head(), Files: map[string][]byte{"x": {1}}, Title: "seal\n\nSigned-off-by: me",
		Body: "why\x1b[2J\r\nit is"}
	who := func(c proposal.Change) string {
		commit, err := w.Commit(t.Context(), c)
		if err != nil {
			return fault.Line(err)
		}
		return w.in("log", "-1", "--format=%an <%ae> %cn <%ce>|%s|%b", commit)
	}
	if got := who(change); got != "Ada Developer <ada@acme.example> Ada Developer <ada@acme.example>|"+
		"seal Signed-off-by: me|why\\u001b[2J\nit is" {
		t.Errorf("%q", got)
	}
	change.Name, change.Email = "Özil, Bea", "b@acme.example"
	if got := who(change); !strings.HasPrefix(got, "Özil, Bea <b@acme.example> Özil, Bea <b@acme.example>|") {
		t.Errorf("%q", got)
	}
	for _, bad := range []string{"", " ", "a\nauthor x", "a <b>", "a\x00"} {
		change.Name = bad
		if got := who(change); !strings.Contains(got, "is no author") {
			t.Errorf("%q: %q", bad, got)
		}
	}
	change.Name, change.Email = "", ""
	w.in("config", "--unset", "user.name")
	w.in("config", "--unset", "user.email")
	w.in("config", "user.useConfigOnly", "true")
	if got := who(change); !strings.Contains(got, "hint: git config --global user.name") {
		t.Errorf("%q", got)
	}
}

// TestACommitIsSignedWhereGitIsTold, and says so where it cannot be.
func TestACommitIsSignedWhereGitIsTold(t *testing.T) {
	w := begin(t, "")
	key := filepath.Join(t.TempDir(), "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	w.in("config", "gpg.format", "ssh")
	w.in("config", "user.signingkey", key)
	w.in("config", "commit.gpgsign", "true")
	commit := w.commit(map[string][]byte{"x": {1}})
	if raw := w.in("cat-file", "commit", commit); !strings.Contains(raw, "BEGIN SSH SIGNATURE") {
		t.Errorf("not signed:\n%s", raw)
	}
	w.in("config", "user.signingkey", key+".gone")
	_, err := w.Commit(t.Context(), proposal.Change{Base: w.head(), Files: map[string][]byte{"x": {1}}, Title: "x"})
	if err == nil || !strings.Contains(fault.Hint(err), "commit.gpgsign") {
		t.Errorf("%v; %s", err, fault.Hint(err))
	}
}
