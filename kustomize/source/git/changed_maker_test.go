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
