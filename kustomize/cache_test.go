package kustomize

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

func TestOnlyABuildWhoseInputChangedIsRepeated(t *testing.T) {
	base := testfleet.Files{
		"apps/app/kustomization.yaml":       "resources: [../base, extra]\n",
		"apps/base/kustomization.yaml":      "resources: [a.yaml]\n",
		"apps/base/a.yaml":                  testfleet.ConfigMap("a"),
		"apps/app/extra/kustomization.yaml": "configMapGenerator: [{name: g, files: [file.txt]}]\n",
		"apps/app/extra/file.txt":           "one",
	}
	plain := testfleet.Files{"apps/app/a.yaml": testfleet.ConfigMap("a")}
	for _, test := range []struct {
		name      string
		base      testfleet.Files
		change    testfleet.Files
		remove    string
		processes int64 // after the first
	}{
		{"nothing", base, nil, "", 0},
		{"a file of another application", base, testfleet.Files{"apps/other/a.yaml": testfleet.ConfigMap("b")}, "", 0},
		{"a file beside the base that it does not read", base,
			testfleet.Files{"apps/base/unused.yaml": testfleet.ConfigMap("b")}, "", 0},
		{"a manifest of the base", base, testfleet.Files{"apps/base/a.yaml": testfleet.ConfigMap("b")}, "", 1},
		{"a file of a generator", base, testfleet.Files{"apps/app/extra/file.txt": "two"}, "", 1},
		{"a kustomization", base, testfleet.Files{"apps/base/kustomization.yaml": "namePrefix: x-\nresources: [a.yaml]\n"},
			"", 1},
		{"a second name of the kustomization, not there before", base,
			testfleet.Files{"apps/base/kustomization.yml": "resources: [a.yaml]\n"}, "", 1},
		{"a manifest is removed", base, nil, "apps/base/a.yaml", 1},
		{"a new file where none is listed but all are taken", plain,
			testfleet.Files{"apps/app/b.yaml": testfleet.ConfigMap("b")}, "", 1},
		{"a new file that is no manifest", plain, testfleet.Files{"apps/app/README.md": "x"}, "", 0},
		{"a kustomization where there was none", plain,
			testfleet.Files{"apps/app/kustomization.yaml": "resources: [a.yaml]\n"}, "", 1},
		{"a folder below becomes a base", plain.With(testfleet.Files{"apps/app/sub/b.yaml": testfleet.ConfigMap("b")}),
			testfleet.Files{"apps/app/sub/kustomization.yaml": "resources: [b.yaml]\n"}, "", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := NewBuilder(BuilderOptions{SlowAfter: unhurried})
			_, _ = b.Build(t.Context(), testfleet.Open(t, test.base), placement())
			if got := b.Processes(); got != 1 {
				t.Fatalf("%d processes for the first build", got)
			}
			next := test.base.With(test.change)
			delete(next, test.remove)
			cached, cachedErr := b.Build(t.Context(), testfleet.Open(t, next), placement())
			if got := b.Processes() - 1; got != test.processes {
				t.Errorf("%d more processes, want %d", got, test.processes)
			}
			// The cache must never be seen in the result.
			fresh, freshErr := NewBuilder(BuilderOptions{}).Build(t.Context(), testfleet.Open(t, next), placement())
			if fmt.Sprint(cachedErr) != fmt.Sprint(freshErr) || fresh != nil && fresh.Digest != cached.Digest {
				t.Errorf("cached: %v %v\nfresh: %v %v", cached, cachedErr, fresh, freshErr)
			}
			_, _ = b.Build(t.Context(), testfleet.Open(t, test.base), placement())
			if got := b.Processes() - 1; got != test.processes {
				t.Errorf("a revert started a process")
			}
		})
	}
}

func TestAFailedBuildIsNotRepeatedEither(t *testing.T) {
	b := NewBuilder(BuilderOptions{SlowAfter: unhurried})
	f := testfleet.Files{"apps/app/kustomization.yaml": "resources: [gone.yaml]\n"}
	for range 3 {
		if _, err := b.Build(t.Context(), testfleet.Open(t, f), placement()); err == nil {
			t.Fatal("build did not fail")
		}
	}
	if got := b.Processes(); got != 1 {
		t.Errorf("%d processes, want 1", got)
	}
	if _, err := b.Build(t.Context(),
		testfleet.Open(t, f.With(testfleet.Files{"apps/app/gone.yaml": testfleet.ConfigMap("a")})), placement()); err != nil {
		t.Errorf("the missing file is there: %v", err)
	}
}

func TestTheSpecOfAPlacementIsPartOfItsBuild(t *testing.T) {
	b := NewBuilder(BuilderOptions{SlowAfter: unhurried})
	tr := testfleet.Open(t, testfleet.Files{"apps/app/a.yaml": testfleet.ConfigMap("a")})
	first, err := b.Build(t.Context(), tr, placement())
	must(t, err)
	second, err := b.Build(t.Context(), tr, placement(func(p *api.Placement) { p.Spec.TargetNamespace = "other" }))
	must(t, err)
	if first.Objects[0].GetNamespace() != "app" || second.Objects[0].GetNamespace() != "other" {
		t.Errorf("namespaces %q and %q", first.Objects[0].GetNamespace(), second.Objects[0].GetNamespace())
	}
}

func TestManyAskersOfOneBuildStartOneProcess(t *testing.T) {
	b := NewBuilder(BuilderOptions{SlowAfter: unhurried})
	tr := testfleet.Open(t, testfleet.Files{"apps/app/a.yaml": testfleet.ConfigMap("a")})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			ctx := t.Context()
			if i == 0 {
				ctx = gone // one that gives up must not fail the others
			}
			if _, err := b.Build(ctx, tr, placement()); err != nil && !(i == 0 && errors.Is(err, context.Canceled)) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := b.Processes(); got != 1 {
		t.Errorf("%d processes, want 1", got)
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	b := NewBuilder(BuilderOptions{SlowAfter: unhurried, CacheSize: 2})
	tr := testfleet.Open(t, testfleet.Files{"apps/app/a.yaml": testfleet.ConfigMap("a")})
	for _, step := range []struct {
		name      string
		processes int64
	}{
		{"one", 1}, {"two", 2}, {"one", 2}, {"two", 2}, {"three", 3}, {"two", 3}, {"three", 3}, {"one", 4},
	} {
		_, err := b.Build(t.Context(), tr, placement(func(p *api.Placement) { p.Metadata.Name = step.name }))
		must(t, err)
		if got := b.Processes(); got != step.processes {
			t.Errorf("%d processes after %q, want %d: two placements are kept, the oldest goes", got, step.name, step.processes)
		}
	}
}
