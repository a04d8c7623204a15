package view

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize/internal/asked"
	"github.com/bulla-dev/bulla/kustomize/internal/worker"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// fresh is a tree whose files are read anew each time, as those of a mirror are.
type fresh struct{ length int }

func (f fresh) Read(string, *tree.Node) ([]byte, error) { return make([]byte, f.length), nil }

func (f fresh) Size(string, *tree.Node) (int64, error) { return int64(f.length), nil }

func (fresh) Blob(string, *tree.Node) (tree.Hash, error) { return tree.Hash{}, nil }

// TestABuildKeepsNothingOfWhatItReads: hundreds of paths may lead to one large
// blob, and a build that is allowed costs its reader no more than the largest.
func TestABuildKeepsNothingOfWhatItReads(t *testing.T) {
	f := testfleet.Files{}
	for i := range 40 {
		f[fmt.Sprintf("apps/app/%02d.txt", i)] = "x"
	}
	opened := testfleet.Open(t, f)
	v := New(tree.New("", "", opened.Root(), fresh{1 << 20}),
		&api.Placement{Spec: api.PlacementSpec{Path: "apps/app"}})
	if err := v.Open(); err != nil {
		t.Fatal(err)
	}
	before := heap()
	for i := range 40 {
		if _, ok, err := v.Read(fmt.Sprintf("apps/app/%02d.txt", i)); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	if kept := heap() - before; kept > 4<<20 {
		t.Errorf("%d KiB are kept of 40 files of 1 MiB", kept>>10)
	}
	runtime.KeepAlive(v)
}

func heap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// TestABuildAsksAndReadsSoMuchAndNoMore: every answer is kept with the build.
func TestABuildAsksAndReadsSoMuchAndNoMore(t *testing.T) {
	opened := testfleet.Open(t, testfleet.Files{"apps/app/a.txt": strings.Repeat("x", 1<<20)})
	refused := func(what, words string, ask func(v *View, i int) error, most int) {
		t.Helper()
		v := New(opened, &api.Placement{Spec: api.PlacementSpec{Path: "apps/app"}})
		for i := range most + 1 {
			err := ask(v, i)
			if err == nil {
				continue
			}
			if failure := (*worker.Failure)(nil); !errors.As(err, &failure) || !strings.Contains(failure.Problem, words) {
				t.Errorf("%s: %v, want %q", what, err, words)
			}
			return
		}
		t.Errorf("%s: nothing is refused", what)
	}
	refused("paths", "more than 200000 paths", func(v *View, i int) error {
		// All that may be asked but one: to ask them would take most of a minute.
		for n := len(v.Answers); n < asked.MaxQuestions-1; n++ {
			v.Answers[asked.Question{Kind: asked.Stat, Path: fmt.Sprint(n)}] = "none"
		}
		_, err := v.Stat(fmt.Sprintf("apps/app/%d", i))
		if i == 0 && err != nil {
			t.Errorf("the last that may be asked is refused: %v", err)
		}
		return err
	}, 1)
	refused("a long path", "more than 4096 bytes", func(v *View, _ int) error {
		_, err := v.Stat("apps/" + strings.Repeat("x", asked.MaxPath))
		return err
	}, 1)
	refused("reading", "more than 256 MiB", func(v *View, _ int) error {
		_, _, err := v.Read("apps/app/a.txt")
		return err
	}, maxRead>>20)
	refused("stubs", "more than 64 MiB of stubs", func(v *View, _ int) error { return v.used.keeps("x", 1<<20) },
		maxStubs>>20)
}
