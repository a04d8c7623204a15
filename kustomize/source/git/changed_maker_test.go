package git

import (
	"testing"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

// TestAMergeIsOfWhoMadeWhatItTook: of a merge that took a side as it was, that side's commit;
// of one that made something of both, itself.
func TestAMergeIsOfWhoMadeWhatItTook(t *testing.T) {
	_, r, _ := repo(t)
	run := func(args ...string) string {
		t.Helper()
		out, err := r.Git(args...)
		must(t, err)
		return out
	}
	commit := func(f testfleet.Files) string {
		t.Helper()
		f.Write(t, r.Dir())
		run("add", "-A")
		run("commit", "-q", "-m", "change")
		return run("rev-parse", "HEAD")
	}
	const file = "apps/app/a.yaml"
	run("checkout", "-q", "-b", "change")
	made := commit(testfleet.Files{file: testfleet.ConfigMap("one")})
	commit(testfleet.Files{"apps/app/other.yaml": testfleet.ConfigMap("two")})
	run("checkout", "-q", "main")
	commit(testfleet.Files{"docs/a.md": "x"})
	run("merge", "-q", "--no-ff", "-m", "merge", "change")
	merge := run("rev-parse", "HEAD")
	// A merge of the merge: the same value, one more step away.
	run("checkout", "-q", "-b", "again", "HEAD~1")
	run("merge", "-q", "--no-ff", "-m", "and again", merge)
	twice := run("rev-parse", "HEAD")
	run("checkout", "-q", "-b", "both", merge)
	run("merge", "-q", "--no-ff", "--no-commit", "-s", "ours", twice)
	both := commit(testfleet.Files{file: testfleet.ConfigMap("three")})
	c, err := OpenClone(r.Dir(), Limits{})
	must(t, err)
	for name, test := range map[string]struct {
		head, want string
		look       int
	}{
		"as it was": {merge, made, 10}, "twice": {twice, made, 10}, "of both": {both, both, 10}, "too far": {merge, merge, 1},
		"no merge": {made, made, 10},
	} {
		changes, _, err := c.Changed(t.Context(), test.head, []string{file}, 1, test.look)
		must(t, err)
		if len(changes) != 1 || changes[0].Commit != test.head || changes[0].Maker().Commit != test.want {
			t.Errorf("%s: %+v, want %s of %s", name, changes, test.want, test.head)
		}
	}
}

// TestMakersAreLookedForWithinOneBound, and not each within as much: who pushes merges that
// each take the first value of a long branch has nobody read that branch for every one.
func TestMakersAreLookedForWithinOneBound(t *testing.T) {
	_, r, _ := repo(t)
	run := func(args ...string) {
		t.Helper()
		_, err := r.Git(args...)
		must(t, err)
	}
	commit := func(file, value string) {
		t.Helper()
		testfleet.Files{file: testfleet.ConfigMap(value)}.Write(t, r.Dir())
		run("add", "-A")
		run("commit", "-q", "-m", "change")
	}
	const file = "apps/app/a.yaml"
	for _, value := range []string{"one", "two"} {
		run("checkout", "-q", "-b", value, "main")
		commit(file, value)
		for range 4 {
			run("commit", "-q", "--allow-empty", "-m", "longer")
		}
		run("checkout", "-q", "main")
		run("merge", "-q", "--no-ff", "-X", "theirs", "-m", "merge", value)
	}
	c, err := OpenClone(r.Dir(), Limits{})
	must(t, err)
	head, err := c.Resolve("main")
	must(t, err)
	for look, want := range map[int]int{20: 2, 8: 1} {
		changes, _, err := c.Changed(t.Context(), head, []string{file}, 2, look)
		must(t, err)
		made := 0
		for _, change := range changes {
			if change.Made != nil {
				made++
			}
		}
		if len(changes) != 2 || made != want {
			t.Errorf("looking at %d: of %d merges %d have a maker, want %d", look, len(changes), made, want)
		}
	}
}
