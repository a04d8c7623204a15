package git

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/fixtures/signer"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

// What counts here counts for `git verify-commit` too, on commits of every shape
// that Git makes.
func TestWhatCountsHereCountsForGit(t *testing.T) {
	key := signer.SSH(t, ada)
	g := newGuarded(t, by(guardedPaths, key))
	signers := filepath.Join(t.TempDir(), "allowed")
	must(t, os.WriteFile(signers, []byte(key.Allowed+"\n"), 0o600))
	g.git("config", "gpg.ssh.allowedSignersFile", signers)
	g.as(key)
	commit := func(name string) {
		must(
			t,
			os.WriteFile(
				filepath.Join(g.repo.Dir(), "clusters", name+".yaml"),
				[]byte(testfleet.Cluster(name, "")),
				0o600,
			),
		)
		g.git("add", "--all")
		g.git("commit", "--quiet", "--message", name)
	}
	for _, c := range []struct {
		name, header string
		shape        func()
	}{
		{"an ordinary commit", "gpgsig ", func() { commit("three") }},
		{"a merge of a signed tag, which stands in the commit", "mergetag object ", func() {
			g.git("checkout", "--quiet", "-B", "side", g.last)
			commit("four")
			g.git("tag", "--sign", "--message", "four", "v4")
			g.git("checkout", "--quiet", "-B", "main", g.last)
			g.git("merge", "--quiet", "--no-ff", "-m", "merge v4", "v4")
		}},
		{"a commit in another encoding", "encoding ISO-8859-1", func() {
			g.git("config", "i18n.commitEncoding", "ISO-8859-1")
			commit("five")
			g.git("config", "--unset", "i18n.commitEncoding")
		}},
		{"a commit without a message", "gpgsig ", func() {
			g.git("commit", "--quiet", "--allow-empty", "--allow-empty-message", "--message", "")
			commit("six")
		}},
		{"a merge of three", "parent ", func() {
			for _, name := range []string{"seven", "eight"} {
				g.git("checkout", "--quiet", "-B", name, g.last)
				commit(name)
			}
			g.git("checkout", "--quiet", "-B", "main", g.last)
			g.git("merge", "--quiet", "--no-ff", "-m", "octopus", "seven", "eight")
		}},
	} {
		c.shape()
		hash, err := g.repo.Push()
		must(t, err)
		raw, err := g.repo.RawCommit(hash)
		must(t, err)
		if !bytes.Contains(raw, []byte("\n"+c.header)) {
			t.Fatalf("%s: Git made it without %q:\n%s", c.name, c.header, raw)
		}
		g.git("verify-commit", hash)
		if v := g.accepts(c.name); v.Signatures == 0 || !strings.HasPrefix(v.Signers[0], ada) {
			t.Errorf("%s: %+v", c.name, v)
		}
	}
}
