package clone_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize"
)

func TestMain(m *testing.M) {
	kustomize.MaybeRunBuildWorker()
	os.Exit(m.Run())
}

func open(t *testing.T, folder, branch string) *clone.Clone {
	t.Helper()
	c, err := clone.Open(folder, branch, kustomize.NewBuilder(kustomize.BuilderOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func snapshot(t *testing.T, c *clone.Clone) *clone.Snapshot {
	t.Helper()
	s, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// isOld holds a snapshot to a commit, and to why nothing newer is shown.
func isOld(t *testing.T, c *clone.Clone, commit, why string) {
	t.Helper()
	s := snapshot(t, c)
	switch {
	case s.Commit != commit:
		t.Errorf("%s is shown, want %s", s.Commit, commit)
	case why == "" && s.Old != nil:
		t.Errorf("it is old: %v", s.Old)
	case why != "" && (s.Old == nil || !strings.Contains(s.Old.Error(), why) || fault.Hint(s.Old) == ""):
		t.Errorf("it is old because of %v, hint %q; want %q and a hint", s.Old, fault.Hint(s.Old), why)
	}
}

func TestTheNewestCommitIsReadOnce(t *testing.T) {
	r := testfleet.NewRepository(t, testfleet.Two())
	c := open(t, r.Dir, "main")
	first := snapshot(t, c)
	if again := snapshot(t, c); again != first || len(first.Model.Clusters) != 2 {
		t.Error("one commit is read twice, or not whole")
	}
	second := r.Commit(t, "take one away", testfleet.Files{"clusters/three.yaml": testfleet.Cluster("three", "")})
	isOld(t, c, second, "")
	if older, err := c.At(first.Commit); err != nil || older != first {
		t.Errorf("the commit before is not kept: %v", err)
	}
	if _, err := c.At(strings.Repeat("1", 40)); err == nil {
		t.Error("a commit that is nowhere is read")
	}
}

func TestWhatCannotBeShownLeavesTheLastThatCould(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(t *testing.T, r *testfleet.Repository)
		why   string
	}{
		"the branch is gone": {func(t *testing.T, r *testfleet.Repository) {
			r.Git(t, "branch", "-m", "main", "trunk")
		}, "no branch"},
		"history was rewritten": {func(t *testing.T, r *testfleet.Repository) {
			r.Git(t, "commit", "-q", "--amend", "-m", "another beginning")
		}, "history was rewritten"},
		"fleet.yaml does not parse": {func(t *testing.T, r *testfleet.Repository) {
			r.Commit(t, "spoil", testfleet.Files{"fleet.yaml": "kind: [\n"})
		}, "fleet.yaml"},
		"fleet.yaml is gone": {func(t *testing.T, r *testfleet.Repository) {
			r.Remove(t, "fleet.yaml")
			r.Commit(t, "spoil", nil)
		}, "fleet.yaml"},
		"the clone is gone": {func(t *testing.T, r *testfleet.Repository) { r.Remove(t, ".git") }, "read branch"},
	} {
		t.Run(name, func(t *testing.T) {
			r := testfleet.NewRepository(t, testfleet.Two())
			c := open(t, r.Dir, "main")
			good := snapshot(t, c).Commit
			test.spoil(t, r)
			isOld(t, c, good, test.why)
			isOld(t, c, good, test.why)
		})
	}
}

// TestAFleetBelowTheTopSaysWhereItLies: nothing else of the product reads one there.
func TestAFleetBelowTheTopSaysWhereItLies(t *testing.T) {
	below := testfleet.Files{"README": "ours"}
	for file, text := range testfleet.Two() {
		below["infra/fleet/"+file] = text
	}
	r := testfleet.NewRepository(t, below)
	_, err := open(t, r.Dir+"/infra/fleet", "main").Snapshot(t.Context())
	if err == nil || !strings.Contains(err.Error(), `lies at "infra/fleet/fleet.yaml"`) ||
		!strings.Contains(fault.Hint(err), "to the top of a repository") {
		t.Errorf("error %v, hint %q", err, fault.Hint(err))
	}
	r.Git(t, "mv", "infra/fleet", "moved")
	r.Git(t, "rm", "-qf", "moved/fleet.yaml")
	r.Commit(t, "no fleet", nil)
	_, err = open(t, r.Dir, "main").Snapshot(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no fleet.yaml at the top") ||
		!strings.Contains(fault.Hint(err), "bulla init") {
		t.Errorf("error %v, hint %q", err, fault.Hint(err))
	}
}

func TestAFleetThatWasNeverReadIsAnError(t *testing.T) {
	r := testfleet.NewRepository(t, testfleet.Files{"README": "nothing yet"})
	if _, err := open(t, r.Dir, "main").Snapshot(t.Context()); err == nil || fault.Hint(err) == "" {
		t.Errorf("error %v", err)
	}
	if _, err := clone.Open(t.TempDir(), "main", nil); err == nil || fault.Hint(err) == "" {
		t.Errorf("a folder outside of Git: %v", err)
	}
}

func TestAMendedFleetIsShownAgain(t *testing.T) {
	r := testfleet.NewRepository(t, testfleet.Two())
	c := open(t, r.Dir, "main")
	good := snapshot(t, c).Commit
	r.Commit(t, "spoil", testfleet.Files{"fleet.yaml": "kind: [\n"})
	isOld(t, c, good, "fleet.yaml")
	isOld(t, c, r.Commit(t, "mend", testfleet.Files{"fleet.yaml": testfleet.Fleet()}), "")
}

// TestARewrittenHistoryIsShownOnceTheKeyServiceTookIt: an operator accepts it there, and
// nowhere else.
func TestARewrittenHistoryIsShownOnceTheKeyServiceTookIt(t *testing.T) {
	r := testfleet.NewRepository(t, testfleet.Two())
	c := open(t, r.Dir, "main")
	good := snapshot(t, c).Commit
	c.Accepted(good)
	r.Git(t, "commit", "-q", "--amend", "-m", "another beginning")
	isOld(t, c, good, "rewritten")
	c.Accepted(r.Git(t, "rev-parse", "HEAD"))
	isOld(t, c, r.Commit(t, "go on", nil), "")
}

func TestAShallowCloneIsShownAndSaysSo(t *testing.T) {
	r := testfleet.NewRepository(t, testfleet.Two())
	r.Commit(t, "second", nil)
	shallow := &testfleet.Repository{Dir: t.TempDir()}
	shallow.Git(t, "clone", "-q", "--depth", "1", "file://"+r.Dir, ".")
	c := open(t, shallow.Dir, "refs/remotes/origin/main")
	if s := snapshot(t, c); !s.Shallow {
		t.Error("it does not say that history is cut off")
	}
	r.Commit(t, "third", nil)
	newest := r.Commit(t, "fourth", nil)
	shallow.Git(t, "fetch", "-q", "--depth", "1")
	isOld(t, c, newest, "")
	changes, whole, err := snapshot(t, c).Changed(t.Context(), 5, "fleet.yaml")
	if err != nil || whole || len(changes) != 0 {
		t.Errorf("changes %v, whole %v, %v", changes, whole, err)
	}
}

// TestWhatGitDoesMeanwhileIsSeen: packs come and go, and locks lie about, while the clone
// is open.
func TestWhatGitDoesMeanwhileIsSeen(t *testing.T) {
	r := testfleet.NewRepository(t, testfleet.Two())
	mine := &testfleet.Repository{Dir: t.TempDir()}
	mine.Git(t, "clone", "-q", "file://"+r.Dir, ".")
	c := open(t, mine.Dir, "refs/remotes/origin/main")
	snapshot(t, c)
	for _, lock := range []string{"index.lock", "packed-refs.lock", "refs/remotes/origin/main.lock"} {
		if err := os.WriteFile(filepath.Join(mine.Dir, ".git", lock), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		isOld(t, c, r.Git(t, "rev-parse", "HEAD"), "")
		if err := os.Remove(filepath.Join(mine.Dir, ".git", lock)); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		newest := r.Commit(t, "more", testfleet.Files{"apps/app/b.yaml": testfleet.ConfigMap(rand())})
		mine.Git(t, "-c", "transfer.unpackLimit=1", "fetch", "-q")
		isOld(t, c, newest, "")
		mine.Git(t, "repack", "-q", "-a", "-d")
		if data, err := snapshot(t, c).Tree.ReadFile("fleet.yaml"); err != nil || len(data) == 0 {
			t.Errorf("after a repack: %v", err)
		}
	}
}

func rand() string { return "x" + time.Now().Format("150405.000000000")[7:] }

// TestAnObjectThatIsMissingIsReadOnceItIsThere: what a fetch that was cut short leaves.
func TestAnObjectThatIsMissingIsReadOnceItIsThere(t *testing.T) {
	r := testfleet.NewRepository(t, testfleet.Two())
	c := open(t, r.Dir, "main")
	good := snapshot(t, c).Commit
	newest := r.Commit(t, "more", testfleet.Files{"apps/app/b.yaml": testfleet.ConfigMap("b")})
	object := r.Git(t, "rev-parse", "HEAD:apps/app")
	file := filepath.Join(r.Dir, ".git/objects", object[:2], object[2:])
	if err := os.Rename(file, file+".away"); err != nil {
		t.Fatal(err)
	}
	isOld(t, c, good, "read clone")
	if err := os.Rename(file+".away", file); err != nil {
		t.Fatal(err)
	}
	isOld(t, c, newest, "")
}

func TestNoPageWaitsForABuild(t *testing.T) {
	r := testfleet.NewRepository(t, testfleet.Two().With(testfleet.Files{"apps/app/s.yaml": testfleet.Stub("s")}))
	s := snapshot(t, open(t, r.Dir, "main"))
	began := time.Now()
	if _, _, ready, err := s.Index(); ready || err != nil || time.Since(began) > time.Second {
		t.Errorf("the first look: ready %v, %v, after %s", ready, err, time.Since(began))
	}
	gaveUp, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Built(gaveUp); !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up is told %v", err)
	}
	waited, err := s.Built(t.Context())
	if err != nil || len(waited.Uses["apps/app/s.yaml"]) != 1 {
		t.Fatalf("built %+v, %v", waited, err)
	}
	if index, _, ready, err := s.Index(); !ready || err != nil || index != waited {
		t.Errorf("what is built is built again: %v", err)
	}
}

func TestFetchesGoOnAndSaySo(t *testing.T) {
	r := testfleet.NewRepository(t, testfleet.Two())
	c := open(t, r.Dir, "main")
	if _, follows := c.Fetched(); follows || c.Fetch(t.Context()) != nil {
		t.Error("a clone that nobody follows is fetched")
	}
	failing := errors.New("no route")
	asked := make(chan error)
	c.Follow(t.Context(), time.Millisecond, func(context.Context) error { return <-asked })
	// Each is taken once the one before was noted.
	asked <- failing
	asked <- nil
	asked <- failing
	asked <- failing
	last, follows := c.Fetched()
	if !follows || last.At.IsZero() || !errors.Is(last.Err, failing) || fault.Hint(last.Err) == "" {
		t.Errorf("fetched %+v, %v", last, follows)
	}
}

// TestManyWhoWaitForAMergeFetchOnce: a page asks every ten seconds, and a remote may hang.
func TestManyWhoWaitForAMergeFetchOnce(t *testing.T) {
	r := testfleet.NewRepository(t, testfleet.Two())
	c := open(t, r.Dir, "main")
	c.FetchSoon(t.Context()) // nobody follows
	hung, asked := make(chan struct{}), make(chan struct{}, 100)
	ctx, cancel := context.WithCancel(t.Context())
	c.Follow(ctx, time.Hour, func(context.Context) error {
		asked <- struct{}{}
		<-hung
		return errors.New("no route")
	})
	<-asked
	for range 50 {
		c.FetchSoon(t.Context())
	}
	hung <- struct{}{}
	<-asked // the one for all of them
	hung <- struct{}{}
	for last, _ := c.Fetched(); last.Err == nil; last, _ = c.Fetched() {
		time.Sleep(time.Millisecond)
	}
	for range 50 {
		c.FetchSoon(t.Context())
	}
	cancel()
	select {
	case <-asked:
		t.Error("pages queue for the remote, or ask it again at once")
	case <-time.After(50 * time.Millisecond):
	}
}
