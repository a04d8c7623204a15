package kustomize

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

func storeIn(t testing.TB, git, version string) *BuildStore {
	t.Helper()
	store, err := OpenBuildStore(git, version)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// storedFiles are the files of a store.
func storedFiles(t testing.TB, git string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(git, "bulla", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestAStoredBuildIsTakenOnlyForWhatItWasBuiltFrom: a builder that begins anew, as
// each command does, and what may have happened since the last one.
func TestAStoredBuildIsTakenOnlyForWhatItWasBuiltFrom(t *testing.T) {
	base := testfleet.Files{
		"apps/app/kustomization.yaml": "resources: [a.yaml, b.yaml, db.yaml]\nnamePrefix: x-\n",
		"apps/app/a.yaml":             testfleet.ConfigMap("a"),
		"apps/app/b.yaml":             "apiVersion: v1\nkind: Service\nmetadata: {name: b}\nspec: {ports: [{port: 80}]}\n",
		"apps/app/db.yaml":            testfleet.Stub("db"),
	}
	for _, test := range []struct {
		name      string
		version   string
		change    testfleet.Files
		damage    func(path string) error
		processes int64
	}{
		{"nothing", "1", nil, nil, 0},
		{"a file that is not read", "1", testfleet.Files{"README.md": "x"}, nil, 0},
		{"a file that is read", "1", testfleet.Files{"apps/app/a.yaml": testfleet.ConfigMap("c")}, nil, 1},
		{"the stub", "1", testfleet.Files{"apps/app/db.yaml": testfleet.Stub("db") + "# changed\n"}, nil, 1},
		{"another program", "2", nil, nil, 1},
		{"the file is cut", "1", nil, func(path string) error { return os.Truncate(path, 200) }, 1},
		{"the file is empty", "1", nil, func(path string) error { return os.Truncate(path, 0) }, 1},
		{"a byte of the file is another", "1", nil, func(path string) error {
			data, err := os.ReadFile(path)
			if err == nil {
				data[len(data)/2] ^= 1
				err = os.WriteFile(path, data, 0o600)
			}
			return err
		}, 1},
		{"it is a link to another file", "1", nil, func(path string) error {
			outside := filepath.Join(filepath.Dir(filepath.Dir(path)), "outside")
			if err := os.Rename(path, outside); err != nil {
				return err
			}
			return os.Symlink(outside, path)
		}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			git := t.TempDir()
			first := NewBuilder(BuilderOptions{SlowAfter: unhurried, Store: storeIn(t, git, "1")})
			if _, err := first.Build(t.Context(), testfleet.Open(t, base), placement()); err != nil {
				t.Fatal(err)
			}
			kept := storedFiles(t, git)
			if len(kept) != 1 {
				t.Fatalf("%d files are kept, want 1", len(kept))
			}
			if info, err := os.Stat(kept[0]); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v: %v", info.Mode(), err)
			}
			if test.damage != nil {
				if err := test.damage(kept[0]); err != nil {
					t.Fatal(err)
				}
			}
			next := testfleet.Open(t, base.With(test.change))
			b := NewBuilder(BuilderOptions{SlowAfter: unhurried, Store: storeIn(t, git, test.version)})
			got, err := b.Build(t.Context(), next, placement())
			if err != nil || b.Processes() != test.processes {
				t.Fatalf("%d processes, want %d: %v", b.Processes(), test.processes, err)
			}
			fresh, err := NewBuilder(BuilderOptions{}).Build(t.Context(), next, placement())
			if err != nil ||
				fmt.Sprint(got.Files, got.LeftOut, got.Deleted) != fmt.Sprint(fresh.Files, fresh.LeftOut, fresh.Deleted) ||
				got.Digest != fresh.Digest || fmt.Sprint(ids(got)) != fmt.Sprint(ids(fresh)) {
				t.Errorf("stored: %v\nfresh: %v: %v", got, fresh, err)
			}
		})
	}
}

// A build that fails is made again: its reason may have been the machine's.
func TestAFailedBuildIsNotStored(t *testing.T) {
	git := t.TempDir()
	b := NewBuilder(BuilderOptions{SlowAfter: unhurried, Store: storeIn(t, git, "1")})
	f := testfleet.Files{"apps/app/a.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n" +
		"stringData: {password: canary}\n"}
	if _, err := b.Build(t.Context(), testfleet.Open(t, f), placement()); err == nil {
		t.Fatal("a Secret in the clear was built")
	}
	if kept := storedFiles(t, git); len(kept) != 0 {
		t.Errorf("kept: %v", kept)
	}
}

// BenchmarkFleetOf84 builds 84 placements with nothing kept, and with a store that
// an earlier command left.
func BenchmarkFleetOf84(b *testing.B) {
	tr, m := load(b, applications(84))
	all := func(store *BuildStore) {
		builder := NewBuilder(BuilderOptions{Store: store})
		for _, p := range m.Placements {
			if _, err := builder.Build(b.Context(), tr, p); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("cold", func(b *testing.B) {
		for b.Loop() {
			all(nil)
		}
	})
	b.Run("stored", func(b *testing.B) {
		git := b.TempDir()
		all(storeIn(b, git, "1"))
		for b.Loop() {
			all(storeIn(b, git, "1"))
		}
	})
}
