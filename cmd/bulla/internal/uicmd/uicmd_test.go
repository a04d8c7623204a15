package uicmd

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/console"
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
	select {
	case err := <-ended:
		if err != nil || !strings.Contains(said.String(), "nobody used the console") {
			t.Errorf("%v, %s", err, said.String())
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it goes on for ever")
	}
	if _, err := http.Get("http://" + address + "/"); err == nil {
		t.Error("it still answers")
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
