package proposal_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/desk/proposal"
)

// TestABranchIsMadeAtTheRemote, of two megabytes too; once more is no trouble, and one that
// is there is never moved.
func TestABranchIsMadeAtTheRemote(t *testing.T) {
	w := begin(t, "")
	noise := make([]byte, 2<<20)
	_, _ = rand.Read(noise)
	var told []string
	w.Progress = func(line string) { told = append(told, line) }
	before := w.seen()
	commit := w.commit(map[string][]byte{"noise": noise})
	for range 2 {
		w.must(w.Propose(t.Context(), commit, "bulla/payments-db"))
		if at, err := w.at("rev-parse", "refs/heads/bulla/payments-db"); err != nil || at != commit {
			t.Fatalf("%s, %v", at, err)
		}
	}
	if w.seen() != before || w.in("branch", "--format=%(refname:short)") != "main" {
		t.Error("the clone changed")
	}
	if !strings.Contains(strings.Join(told, "\n"), "Writing objects") {
		t.Errorf("told %q", told)
	}
	another := w.commit(map[string][]byte{"x": {1}})
	after := w.in("commit-tree", "-p", commit, "-m", "further", commit+"^{tree}")
	for _, one := range []string{another, after} {
		err := w.Propose(t.Context(), one, "bulla/payments-db")
		if !errors.Is(err, proposal.ErrBranch) || !strings.Contains(fault.Hint(err), "another name") {
			t.Errorf("%v; %s", err, fault.Hint(err))
		}
	}
	if err := w.Propose(t.Context(), another, "bulla/payments-db/more"); !errors.Is(err, proposal.ErrBranch) {
		t.Errorf("a branch below a branch: %v", err)
	}
	if at, _ := w.at("rev-parse", "refs/heads/bulla/payments-db"); at != commit {
		t.Errorf("the branch was moved to %s", at)
	}
}

// TestWithoutARemoteTheBranchIsHere.
func TestWithoutARemoteTheBranchIsHere(t *testing.T) {
	w := begin(t, "")
	w.Remote = ""
	before := w.seen()
	commit := w.commit(map[string][]byte{"x": {1}})
	for range 2 {
		w.must(w.Propose(t.Context(), commit, "bulla/x"))
	}
	another := w.commit(map[string][]byte{"x": {2}})
	for _, name := range []string{"bulla/x", "bulla/x/y"} {
		if err := w.Propose(t.Context(), another, name); !errors.Is(err, proposal.ErrBranch) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if at := w.in("rev-parse", "bulla/x"); at != commit || w.seen() != before {
		t.Errorf("at %s", at)
	}
	w.must(w.Fetch(t.Context()))
	w.in("branch", "bulla/ähnlich")
	all, others, err := w.Branches(t.Context())
	if err != nil || others != 1 || fmt.Sprint(all) != fmt.Sprint([]proposal.Branch{{Name: "bulla/x", Commit: commit}}) {
		t.Errorf("%v, %d, %v", all, others, err)
	}
}

// TestAPushOverSSH.
func TestAPushOverSSH(t *testing.T) {
	w := begin(t, "")
	dir := t.TempDir()
	key, hosts := filepath.Join(dir, "key"), filepath.Join(dir, "hosts")
	w.must(os.WriteFile(key, w.repo.SSHKey, 0o600))
	w.must(os.WriteFile(hosts, nil, 0o600))
	r := w.with(w.repo.SSHURL())
	r.Env = append(r.Env, "GIT_SSH_COMMAND=ssh -F /dev/null -i "+key+" -o UserKnownHostsFile="+hosts)
	err := w.propose(r, "bulla/ssh")
	if !errors.Is(err, proposal.ErrDenied) || !strings.Contains(fault.Hint(err), "host's key") {
		t.Errorf("a host that nobody knows: %v; %s", err, fault.Hint(err))
	}
	w.must(os.WriteFile(hosts, w.repo.KnownHosts(), 0o600))
	w.must(w.propose(r, "bulla/ssh"))
	all, _, err := r.Branches(t.Context())
	if err != nil || len(all) != 1 || all[0].Name != "bulla/ssh" {
		t.Errorf("%v, %v", all, err)
	}
}

// TestWhyABranchWasNotMade: each reason has a kind and says what to do; the remote's own
// words are shown, and do nothing to a terminal.
func TestWhyABranchWasNotMade(t *testing.T) {
	w := begin(t, "")
	w.hook("echo 'GH006: Protected branch update failed' >&2; printf '\\033[2J\\n' >&2; exit 1\n")
	err := w.propose(w.Repository, "bulla/rule")
	if hint := fault.Hint(err); !errors.Is(err, proposal.ErrRefused) ||
		!strings.Contains(hint, "GH006: Protected branch") || strings.Contains(hint+err.Error(), "\x1b") {
		t.Errorf("a rule: %v; %s", err, hint)
	}
	w.hook("sleep 8\n")
	slow := w.Repository
	slow.Patience = 2 * time.Second
	began := time.Now()
	if err := w.propose(slow, "bulla/hang"); !errors.Is(err, proposal.ErrUnreachable) ||
		time.Since(began) > 30*time.Second || !strings.Contains(fault.Hint(err), "does not answer") {
		t.Errorf("a hook that hangs: %v; %s", err, fault.Hint(err))
	}
	w.in("config", "--replace-all", "credential.helper", "")
	const guess = "canary-guess-77aa"
	const at = "http://me:" + guess + "@"
	for name, test := range map[string]struct {
		address string
		kind    error
		hint    string
	}{
		"wrong password": {w.withPassword(guess), proposal.ErrDenied, "credentials"},
		"no password":    {w.repo.URL(), proposal.ErrDenied, "credentials"},
		"no host":        {at + "nowhere.invalid/fleet.git", proposal.ErrUnreachable, "cannot be reached"},
		"nobody there":   {at + "127.0.0.1:1/fleet.git", proposal.ErrUnreachable, "cannot be reached"},
		"no repository":  {filepath.Join(t.TempDir(), "gone"), proposal.ErrDenied, "no such repository"},
		"silence":        {at + silence(t) + "/fleet.git", proposal.ErrUnreachable, "does not answer"},
	} {
		r := w.with(test.address)
		if name == "silence" {
			r.Patience = 3 * time.Second
		}
		both := map[string]error{"push": w.propose(r, "bulla/x"), "fetch": r.Fetch(t.Context())}
		for what, err := range both {
			if !errors.Is(err, test.kind) || !strings.Contains(fault.Hint(err), test.hint) ||
				strings.Contains(fault.Line(err), guess) {
				t.Errorf("%s, %s: %v; %s", name, what, err, fault.Hint(err))
			}
		}
		w.in("remote", "remove", "other")
	}
	for _, bad := range []string{"https://me:pw@host/x", "ext::sh -c id", "--upload-pack=x", "nobody"} {
		r := w.Repository
		r.Remote = bad
		if err := w.propose(r, "bulla/x"); err == nil || strings.Contains(err.Error(), "ErrBranch") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// silence is a port that takes connections and says nothing.
func silence(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// TestAFetchBringsWhatIsNewAndTakesNothing.
func TestAFetchBringsWhatIsNewAndTakesNothing(t *testing.T) {
	w := begin(t, "")
	w.must(w.propose(w.Repository, "bulla/a"))
	other := filepath.Join(t.TempDir(), "other")
	w.must(w.repo.Clone(other))
	w.in("config", "fetch.prune", "true")
	if out, err := exec.Command("git", "-C", other, "push", "--quiet", "origin", "HEAD:refs/heads/bulla/b",
		":refs/heads/bulla/a").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	before := w.seen()
	w.must(w.Fetch(t.Context()))
	for _, branch := range []string{"a", "b"} {
		w.in("rev-parse", "--verify", "refs/remotes/origin/bulla/"+branch)
	}
	if w.seen() != before {
		t.Error("the fetch touched what somebody works with")
	}
	if _, err := os.Stat(filepath.Join(w.repo.Dir(), ".git", "FETCH_HEAD")); err == nil {
		t.Error("FETCH_HEAD was written")
	}
	all, _, err := w.Branches(t.Context())
	if err != nil || len(all) != 1 || all[0].Name != "bulla/b" {
		t.Errorf("%v, %v", all, err)
	}
}

// TestNamesOfBranches: what is taken git takes too, and no other.
func TestNamesOfBranches(t *testing.T) {
	for name, ok := range map[string]bool{
		"bulla/a": true, "bulla/payments-db": true, "bulla/a/b.c_d": true, "bulla/2026-11-30": true,
		"main": false, "bulla": false, "bulla/": false, "bulla//a": false, "Bulla/a": false, "bulla/-a": false,
		"bulla/.a": false, "bulla/a..b": false, "bulla/a.": false, "bulla/a.lock": false, "bulla/a.lock/b": false,
		"bulla/a b": false, "bulla/ä": false, "bulla/a\n": false, "bulla/@{1}": false, "bulla/a:b": false,
		"bulla/../main": false, "bulla/<script>": false, "bulla/%2e": false, "bulla/a\\b": false, "-bulla/a": false,
		"bulla/" + strings.Repeat("a", 200): false,
	} {
		if err := proposal.CheckBranch(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
		if git := exec.Command("git", "check-ref-format", "--branch", name).Run(); ok && git != nil {
			t.Errorf("git takes no %q", name)
		}
	}
	w := begin(t, "")
	if err := w.propose(w.Repository, "main"); err == nil || bytes.Contains([]byte(err.Error()), []byte("remote")) {
		t.Errorf("main: %v", err)
	}
}
