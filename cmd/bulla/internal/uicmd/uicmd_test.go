package uicmd

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/console"
	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/desk/forge"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/fixtures/wait"
)

// TestItEndsWhenNobodyUsesIt: what somebody left open waits for whoever comes by.
func TestItEndsWhenNobodyUsesIt(t *testing.T) {
	var said strings.Builder
	r := run{Shell: &shell.Shell{Stderr: &said}, idle: 50 * time.Millisecond}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := console.New(console.Options{})
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	ended := make(chan error, 1)
	local := c.Local(listener.Addr().(*net.TCPAddr).Port, slog.New(slog.NewTextHandler(io.Discard, nil)))
	go func() { ended <- r.serve(context.Background(), listener, local) }()
	err = wait.Receive(t, "it ends", ended)
	if err != nil || !strings.Contains(said.String(), "nobody used the console") {
		t.Errorf("%v, %s", err, said.String())
	}
	if _, err := http.Get("http://" + address + "/"); err == nil {
		t.Error("it still answers")
	}
}

// TestItSeesWhatWasMergedSince: a page says that the clone fetches by itself.
func TestItSeesWhatWasMergedSince(t *testing.T) {
	upstream, folder := testfleet.NewRepository(t, testfleet.Two()), t.TempDir()
	if out, err := exec.Command("git", "clone", "-q", upstream.Dir, folder).CombinedOutput(); err != nil {
		t.Fatalf("clone: %v: %s", err, out)
	}
	ctx, cancel := context.WithCancel(t.Context())
	open := func(branch string) (*clone.Clone, *console.Proposals) {
		t.Helper()
		c, err := clone.Open(folder, branch, nil)
		if err != nil {
			t.Fatal(err)
		}
		p, err := console.NewProposals(ctx, folder, branch, forge.Asked{}, func(string) string { return "" })
		if err != nil {
			t.Fatal(err)
		}
		return c, p
	}
	c, p := open("refs/remotes/origin/main")
	follow(ctx, c, p, time.Millisecond)
	defer func() { // none is under way when the folder goes
		cancel()
		if err := c.Fetch(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	merged := upstream.Commit(t, "merged", nil)
	wait.For(t, "what was merged is shown", func() error {
		s, err := c.Snapshot(ctx)
		if err == nil && s.Commit != merged {
			err = errors.New("another commit is")
		}
		return err
	})
	alone, p := open("refs/heads/main")
	follow(ctx, alone, p, time.Millisecond)
	if _, follows := alone.Fetched(); follows {
		t.Error("a branch of the clone alone is fetched")
	}
}

// TestAFleetBelowTheTopIsNotShown: `bulla build` works there, and nothing is ever granted.
func TestAFleetBelowTheTopIsNotShown(t *testing.T) {
	below := testfleet.Files{}
	for file, text := range testfleet.Two() {
		below["infra/"+file] = text
	}
	r := run{Shell: &shell.Shell{Stderr: io.Discard, Repo: testfleet.NewRepository(t, below).Dir + "/infra"}}
	_, err := r.console(t.Context())
	if err == nil || !strings.Contains(err.Error(), `lies at "infra/fleet.yaml"`) ||
		!strings.Contains(fault.Hint(err), "to the top of a repository") {
		t.Errorf("error %v, hint %q", err, fault.Hint(err))
	}
}

// TestWhichBranchCounts: what is merged at the remote is granted, whatever is checked
// out here.
func TestWhichBranchCounts(t *testing.T) {
	upstream, ctx := t.TempDir(), context.Background()
	git := func(folder string, args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", folder, "-c", "user.name=a", "-c", "user.email=a@b"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git(upstream, "init", "-q", "-b", "trunk")
	git(upstream, "commit", "-q", "--allow-empty", "-m", "first")
	git(upstream, "branch", "next")
	folder := t.TempDir()
	git(folder, "clone", "-q", upstream, ".")
	git(folder, "checkout", "-q", "-b", "mine")
	for _, c := range []struct{ folder, named, ref, since string }{
		{folder, "", "refs/remotes/origin/trunk", "not fetched since it was cloned"},
		{folder, "next", "refs/remotes/origin/next", "not fetched"},
		{folder, "origin/next", "refs/remotes/origin/next", "not fetched"},
		{folder, "mine", "", ""},
		{folder, "../../heads/mine", "", ""},
		{upstream, "", "refs/heads/trunk", "has no remote"},
		{upstream, "next", "refs/heads/next", "has no remote"},
	} {
		b, err := gitOf{c.folder}.counted(ctx, c.named)
		if b.Ref != c.ref || (err == nil) != (c.ref != "") || err == nil && !strings.Contains(b.since(), c.since) {
			t.Errorf("%q: %+v, %v", c.named, b, err)
		}
	}
	git(folder, "fetch", "-q")
	if b, err := (gitOf{folder}).counted(ctx, ""); err != nil || !strings.HasPrefix(b.since(), "fetched ") {
		t.Errorf("after a fetch: %s, %v", b.since(), err)
	}
}
