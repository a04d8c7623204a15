package kustomize

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

func sharingBuilder() *Builder {
	return NewBuilder(BuilderOptions{Concurrency: 1, SlowAfter: unhurried, Shared: true})
}

// said is what a build says, whole.
func said(t *testing.T, b *Builder, tr *tree.Tree, p *api.Placement) string {
	t.Helper()
	build, err := b.Build(t.Context(), tr, p)
	if err != nil {
		return err.Error()
	}
	var text strings.Builder
	for _, o := range build.Objects {
		fmt.Fprintln(&text, o.Object, o.Stub)
	}
	return fmt.Sprint(build.Digest, build.Files, build.LeftOut, build.Deleted, text.String())
}

// TestBuildsThatShareAProcessSayWhatTheySayAlone: over kustomizations at random, of which
// many do not build, in any order.
func TestBuildsThatShareAProcessSayWhatTheySayAlone(t *testing.T) {
	random := rand.New(rand.NewPCG(20261130, 11))
	shared := int64(0)
	for range 12 {
		files := anyFolders(random)
		opened := testfleet.Open(t, files)
		together, alone := sharingBuilder(), NewBuilder(BuilderOptions{SlowAfter: unhurried})
		for _, i := range random.Perm(len(folders)) {
			want, got := said(t, alone, opened, at(folders[i])), said(t, together, opened, at(folders[i]))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s (-alone +shared):\n%s\nof %q", folders[i], diff, files)
			}
		}
		shared += together.sharing.builds.Load()
	}
	if shared < 10 {
		t.Errorf("%d builds shared a process: that is not what this is about", shared)
	}
}

// TestABuildWithASchemaSharesNoProcess: what another field does than to merge what is
// listed, the process of others never reads, however it is spelled.
func TestABuildWithASchemaSharesNoProcess(t *testing.T) {
	for _, spelled := range []string{"openapi", "OpenAPI", `"opena\u0070i"`} {
		tr, b := testfleet.Open(t, polluted(spelled)), sharingBuilder()
		before := containersBuilt(t, b, tr, "apps/app")
		polluted := containersBuilt(t, b, tr, "apps/polluter")
		again := containersBuilt(t, b, tr, "apps/after")
		if before != 2 || polluted != 1 || again != 2 || b.sharing.builds.Load() != 2 {
			t.Errorf("%s: %d containers, %d with its own schema, %d after it; %d builds shared a process", spelled, before,
				polluted, again, b.sharing.builds.Load())
		}
	}
}

// TestTreesShareNoProcess: a stranger's head is not built where the base is; and one process
// is enough for what is built of one.
func TestTreesShareNoProcess(t *testing.T) {
	files := testfleet.Files{}
	for i := range 5 {
		files[fmt.Sprintf("apps/%d/a.yaml", i)] = testfleet.ConfigMap("a")
	}
	b := sharingBuilder()
	for range 2 {
		tr := testfleet.Open(t, files.With(testfleet.Files{"apps/0/more.yaml": testfleet.ConfigMap("more")}))
		files = files.With(testfleet.Files{"apps/1/b.yaml": testfleet.ConfigMap("b"),
			"apps/2/b.yaml": testfleet.ConfigMap("b")})
		for i := range 5 {
			said(t, b, tr, at(fmt.Sprint("apps/", i)))
		}
	}
	if b.Processes() != 2 || b.sharing.builds.Load() != 7 {
		t.Errorf("%d processes made %d builds, want 2 and 7", b.Processes(), b.sharing.builds.Load())
	}
	wait.For(t, "idle processes to end", func() error {
		b.sharing.mu.Lock()
		defer b.sharing.mu.Unlock()
		if len(b.sharing.idle) > 0 {
			return fmt.Errorf("%d trees have one", len(b.sharing.idle))
		}
		return nil
	})
}

// TestWhatEndsASharedProcessIsBuiltAlone: it fails as it does alone, and nobody with it.
func TestWhatEndsASharedProcessIsBuiltAlone(t *testing.T) {
	files := testfleet.Files{"apps/bomb/kustomization.yaml": "resources: [bomb.yaml]\n", "apps/bomb/bomb.yaml": bomb(),
		"apps/app/a.yaml": testfleet.ConfigMap("a"), "apps/b/a.yaml": testfleet.ConfigMap("b")}
	opened := testfleet.Open(t, files)
	small := BuilderOptions{Concurrency: 1, SlowAfter: unhurried, MemoryLimit: 96 << 20}
	alone := said(t, NewBuilder(small), opened, at("apps/bomb"))
	small.Shared = true
	b := NewBuilder(small)
	for _, folder := range []string{"apps/app", "apps/bomb", "apps/b"} {
		got := said(t, b, opened, at(folder))
		if folder == "apps/bomb" && got != alone || folder != "apps/bomb" && strings.Contains(got, "memory") {
			t.Errorf("%s says %q; alone the bomb says %q", folder, got, alone)
		}
	}
	if b.sharing.builds.Load() != 2 || b.Processes() != 3 {
		t.Errorf("%d builds shared a process, of %d processes", b.sharing.builds.Load(), b.Processes())
	}
}

// TestASharedBuildIsNotStored: what only tells is not what a value is sealed by.
func TestASharedBuildIsNotStored(t *testing.T) {
	git := t.TempDir()
	store, err := OpenBuildStore(git, "test")
	must(t, err)
	opened := testfleet.Open(t, testfleet.Files{"apps/app/a.yaml": testfleet.ConfigMap("a")})
	for _, shared := range []bool{true, false} {
		b := NewBuilder(BuilderOptions{Store: store, Shared: shared})
		said(t, b, opened, at("apps/app"))
		stored, err := os.ReadDir(git + "/bulla")
		must(t, err)
		if (len(stored) == 0) != shared {
			t.Errorf("shared %v: %d builds are stored", shared, len(stored))
		}
	}
}
