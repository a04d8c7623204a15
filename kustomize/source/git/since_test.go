package git

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// TestWhatCameSinceIsFoundByEveryParent: and neither what came before, nor a branch that
// began before.
func TestWhatCameSinceIsFoundByEveryParent(t *testing.T) {
	_, r, first := repo(t)
	git := func(arguments ...string) string {
		t.Helper()
		_, err := r.Git(arguments...)
		must(t, err)
		hash, err := r.Git("rev-parse", "HEAD")
		must(t, err)
		return hash
	}
	empty := func(what string) string { return git("commit", "-q", "--allow-empty", "-m", what) }
	for i := range 40 {
		first = empty(fmt.Sprint("before ", i))
	}
	older := empty("older")
	one := empty("one")
	two := empty("two")
	git("branch", "theirs")
	git("reset", "-q", "--hard", older)
	own := empty("own")
	pull := git("merge", "-q", "--no-edit", "theirs")
	git("reset", "-q", "--hard", first)
	for i := range 3 {
		empty(fmt.Sprint("beside ", i))
	}
	git("branch", "beside")
	git("reset", "-q", "--hard", pull)
	head := git("merge", "-q", "--no-edit", "beside")
	_, err := r.Push()
	must(t, err)
	m := mirror(t, r, t.TempDir(), Limits{})
	fetch(t, m)
	m.objects.commits = map[string]*commit{}
	want := slices.Sorted(slices.Values([]string{one, two, own, pull, head}))
	got, err := m.Since(t.Context(), head, older, 5)
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(got))); diff != "" || err != nil {
		t.Errorf("since older: %v (-want +got):\n%s", err, diff)
	}
	if read := len(m.objects.commits); read > 30 {
		t.Errorf("%d commits are read: the walk goes on before what both come from", read)
	}
	if _, err := m.Since(t.Context(), head, older, 4); !errors.Is(err, tree.ErrTooLarge) {
		t.Errorf("more than asked for: %v", err)
	}
	for _, none := range [][2]string{{head, head}, {older, head}, {first, older}} {
		if got, err := m.Since(t.Context(), none[0], none[1], 5); err != nil || len(got) != 0 {
			t.Errorf("since %v: %v, %v", none, got, err)
		}
	}
	m.limits.History = 3
	if _, err := m.Since(t.Context(), head, older, 5); !errors.Is(err, tree.ErrTooLarge) {
		t.Errorf("more than are looked through: %v", err)
	}
}

// TestTheHistoryOfAPartialCloneIsNotWhole: what is not here may have been anything.
func TestTheHistoryOfAPartialCloneIsNotWhole(t *testing.T) {
	_, r, _ := repo(t)
	const file, other, never = "apps/app/a.yaml", "apps/app/b.yaml", "apps/app/never.yaml"
	files := []string{file, other, never}
	push(t, r, testfleet.Files{file: testfleet.ConfigMap("b"), "apps/app/never.yaml/inner": "a folder by that name"})
	push(t, r, testfleet.Files{other: "one\n", never: ""})
	head := push(t, r, testfleet.Files{file: "three\n", "README": "beside"})
	_, err := r.Git("config", "uploadpack.allowFilter", "true")
	must(t, err)
	all := map[string][]string{
		file: {"three\n", testfleet.ConfigMap("b"), testfleet.ConfigMap("a")}, other: {"one\n"},
	}
	whole, lacks := map[string]bool{}, map[string]bool{file: true}
	for filter, c := range map[string]struct {
		versions map[string][]string
		lacking  map[string]bool
	}{
		"":                   {all, whole},
		"--filter=blob:none": {map[string][]string{file: {"three\n"}, other: {"one\n"}}, lacks},
		"--filter=tree:0": {map[string][]string{file: {"three\n"}, other: {"one\n"}},
			map[string]bool{file: true, other: true, never: true}},
	} {
		dir := t.TempDir()
		arguments := []string{"clone", "-q", "file://" + r.Dir(), dir}
		if filter != "" {
			arguments = slices.Insert(arguments, 2, filter)
		}
		_, err := r.Git(arguments...)
		must(t, err)
		clone, err := OpenClone(dir, Limits{})
		must(t, err)
		got := map[string][]string{}
		lacking, err := clone.Versions(t.Context(), head, files, func(file string, v Version) {
			got[file] = append(got[file], string(v.Data))
		})
		must(t, err)
		if diff := cmp.Diff(c.versions, got); diff != "" {
			t.Errorf("%q: versions (-want +got):\n%s", filter, diff)
		}
		if !maps.Equal(lacking, c.lacking) {
			t.Errorf("%q: %v are not whole, want %v", filter, lacking, c.lacking)
		}
	}
}

// TestHistoryIsWalkedOnceForAllFiles: who adds two hundred stubs would have it walked two
// hundred times.
func TestHistoryIsWalkedOnceForAllFiles(t *testing.T) {
	_, r, _ := repo(t)
	const commits = 50
	head, err := r.InjectHistory(commits)
	must(t, err)
	var files []string
	for i := range 200 {
		files = append(files, fmt.Sprintf("apps/app/new-%d.yaml", i))
	}
	clone, err := OpenClone(r.Bare(), Limits{})
	must(t, err)
	for most, want := range map[int]int{commits + 10: 0, commits / 2: len(files)} {
		lacking, err := clone.versions(t.Context(), head, files, most, func(file string, _ Version) { t.Error(file) })
		if err != nil || len(lacking) != want {
			t.Errorf("of %d reads: %d files may lack some, %v; want %d", most, len(lacking), err, want)
		}
	}
}
