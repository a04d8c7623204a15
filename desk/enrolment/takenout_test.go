package enrolment

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// TestWhatWasTakenOutStaysOut: by a commit, by a merge, on a branch, in a folder of a
// larger repository; and what was moved away.
func TestWhatWasTakenOutStaysOut(t *testing.T) {
	root := filepath.Join(t.TempDir(), "platform", "fleet")
	do := func(args ...string) {
		t.Helper()
		args = append([]string{"-C", root, "-c", "user.name=a", "-c", "user.email=a@b"}, args...)
		if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	add := func(names ...string) {
		t.Helper()
		for _, name := range names {
			if err := os.WriteFile(filepath.Join(root, "clusters", name+".yaml"), []byte(name), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		do("add", "-A")
		do("commit", "-qm", "add")
	}
	expect := func(want ...string) map[string]string {
		t.Helper()
		got, err := TakenOut(t.Context(), root)
		if names := slices.Sorted(maps.Keys(got)); err != nil || !slices.Equal(names, want) {
			t.Errorf("%v, %v, want %v", got, err, want)
		}
		return got
	}
	if err := os.MkdirAll(filepath.Join(root, "clusters"), 0o700); err != nil {
		t.Fatal(err)
	}
	expect()
	do("init", "-q", "-b", "main", "../..")
	expect()
	add("stays", "went", "moved", "merged")
	expect()
	do("rm", "-q", "clusters/went.yaml")
	do("mv", "clusters/moved.yaml", "old.yaml")
	do("commit", "-qm", "stolen")

	t.Log("it came and went on a branch, whose merge leaves no trace of it; and another went in the merge itself")
	do("checkout", "-qb", "side")
	add("brief")
	do("rm", "-q", "clusters/brief.yaml")
	do("commit", "-qm", "away")
	do("checkout", "-q", "main")
	add("other")
	do("merge", "-q", "--no-ff", "--no-commit", "side")
	do("rm", "-q", "clusters/merged.yaml")
	do("commit", "-qm", "merge")

	t.Log("a clone that is behind knows it from the remote's branch")
	do("checkout", "-qb", "theirs")
	add("behind")
	do("rm", "-q", "clusters/behind.yaml")
	do("commit", "-qm", "stolen")
	do("checkout", "-q", "main")
	expect("brief", "merged", "moved", "went")
	do("update-ref", "refs/remotes/origin/main", "theirs")
	do("branch", "-qD", "theirs")
	for name, commit := range expect("behind", "brief", "merged", "moved", "went") {
		do("checkout", "-q", commit+"^", "--", "clusters/"+name+".yaml") // as the command says
	}
}
