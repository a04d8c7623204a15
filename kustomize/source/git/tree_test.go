package git

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/fixtures/gitserver"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// injected makes main point to a tree of any shape, and returns how the mirror
// reads it.
func injected(
	t *testing.T,
	entries func(blob, subtree string) []gitserver.TreeEntry,
) (*gitserver.Repo, string, *tree.Tree, error) {
	t.Helper()
	_, r, first := repo(t)
	blob, err := r.InjectObject("blob", []byte("content\n"))
	must(t, err)
	subtree, err := r.InjectTree(gitserver.TreeEntry{Mode: "100644", Name: "inner", Hash: blob})
	must(t, err)
	root, err := r.InjectTree(entries(blob, subtree)...)
	must(t, err)
	head, err := r.InjectCommit(root, first)
	must(t, err)
	m := mirror(t, r, t.TempDir(), Limits{})
	if got := fetch(t, m); got != head {
		t.Fatalf("fetched %s, want %s", got, head)
	}
	tr, err := m.Tree(head)
	return r, head, tr, err
}

// TestHostileTreesAreRefused: but for the folder itself they change nothing. What
// a Git command writes with a strange name leaves the other entries alone; what
// none writes is two trees to two programs, and nothing of it is read.
func TestHostileTreesAreRefused(t *testing.T) {
	type entries = []gitserver.TreeEntry
	blob := func(name string) func(b, s string) entries {
		return func(b, s string) entries { return entries{{Mode: "100644", Name: name, Hash: b}} }
	}
	for name, shape := range map[string]func(b, s string) entries{
		"a name stands twice": func(b, s string) entries {
			return entries{{Mode: "100644", Name: "f", Hash: b}, {Mode: "100644", Name: "f", Hash: b}}
		},
		"a file and a folder have one name": func(b, s string) entries {
			return entries{{Mode: "100644", Name: "f", Hash: b}, {Mode: "100644", Name: "f-", Hash: b},
				{Mode: "40000", Name: "f", Hash: s}}
		},
		"entries are not sorted": func(b, s string) entries {
			return entries{{Mode: "100644", Name: "z", Hash: b}, {Mode: "100644", Name: "f", Hash: b}}
		},
		"a folder is sorted as a file": func(b, s string) entries {
			return entries{{Mode: "40000", Name: "a", Hash: s}, {Mode: "100644", Name: "a.b", Hash: b}}
		},
		"a name is a path":            blob("a/f"),
		"a name is a Windows path":    blob(`a\f`),
		"a name is the parent":        blob(".."),
		"a name is the folder itself": blob("."),
		"a name is .git":              blob(".git"),
		"a name is .GIT":              blob(".GiT"),
		"a name is .git with a dot":   blob(".git."),
		"a name is .git with a space": blob(".git "),
		"a name is .git for NTFS":     blob("GIT~1"),
		"a name is a stream of .git":  blob(".git::$INDEX_ALLOCATION"),
		"a name is .git for HFS":      blob(".g\u200cit"),
		"a name has a line break":     blob("a\nb"),
		"a name turns text around":    blob("a\u202eb"),
		"a name is not UTF-8":         blob("a\xff"),
		"a name is too long":          blob(strings.Repeat("a", 256)),
		"a mode is group-writable":    func(b, s string) entries { return entries{{Mode: "100664", Name: "f", Hash: b}} },
		"a mode has a leading zero":   func(b, s string) entries { return entries{{Mode: "040000", Name: "d", Hash: s}} },
		"a mode is nothing known":     func(b, s string) entries { return entries{{Mode: "0", Name: "f", Hash: b}} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, tr, err := injected(t, shape)
			must(t, err)
			odd := strings.HasPrefix(name, "a mode")
			if len(tr.Flaws()) == 0 && !odd {
				t.Error("nobody is told")
			}
			if got := tr.Files(""); len(got) != 0 {
				t.Errorf("files: %v", got)
			}
			for _, file := range []string{"f", "d"} {
				var refused *tree.Error
				if _, err := tr.ForBuild(file); !errors.As(err, &refused) && (!odd || tr.Exists(file)) {
					t.Errorf("a build reads %s: %v", file, err)
				}
			}
		})
	}
}

// What the validator accepts, Git reads the same.
func TestTreeIsWhatGitLists(t *testing.T) {
	r, head, tr, err := injected(t, func(b, s string) []gitserver.TreeEntry {
		return []gitserver.TreeEntry{
			{Mode: "100644", Name: "a.b", Hash: b},
			{Mode: "40000", Name: "a", Hash: s},
			{Mode: "100644", Name: "a0", Hash: b},
			{Mode: "100755", Name: "exec", Hash: b},
			{Mode: "120000", Name: "link", Hash: b},
			{Mode: "160000", Name: "module", Hash: b},
			{Mode: "40000", Name: "ünï", Hash: s},
		}
	})
	must(t, err)
	out, err := exec.Command("git", "-C", r.Bare(), "ls-tree", "-r", "-l", "-z", head).Output()
	must(t, err)
	var want []string
	for _, line := range strings.Split(strings.TrimRight(string(out), "\x00"), "\x00") {
		meta, path, _ := strings.Cut(line, "\t")
		fields := strings.Fields(meta)
		if fields[0] == "100644" || fields[0] == "100755" {
			want = append(want, fmt.Sprintf("%s %s %s", path, fields[2], fields[3]))
		}
	}
	var got []string
	for _, e := range tr.Files("") {
		got = append(got, fmt.Sprintf("%s %s %d", e.Path, e.Blob, e.Size))
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, path := range []string{"link", "module", "link/x"} {
		var refused *tree.Error
		if _, err := tr.ReadFile(path); !errors.As(err, &refused) {
			t.Errorf("read %s: %v, want a refusal", path, err)
		}
		if tr.Exists(path) {
			t.Errorf("%s exists", path)
		}
	}
	for path, want := range map[string]bool{"": true, ".": true, "a": true, "a.b": false, "missing": false,
		"a/inner": false, "../a": false, "/a": false, "a/": false, "a.b/x": false} {
		if got := tr.IsDir(path); got != want {
			t.Errorf("IsDir(%q) = %v", path, got)
		}
	}
	if _, err := tr.ReadFile("missing"); !errors.Is(err, tree.ErrNotFound) {
		t.Errorf("read a missing file: %v", err)
	}
	if got := tr.Files("a"); len(got) != 1 || got[0].Path != "a/inner" {
		t.Errorf("files below a: %v", got)
	}
}

func TestHostileCommitsAreRefused(t *testing.T) {
	const who = "A <a@example.com> 1790000000 +0000\n"
	for name, shape := range map[string]func(good, evil string) string{
		"two tree lines": func(g, e string) string {
			return "tree " + g + "\ntree " + e + "\nauthor " + who + "committer " + who + "\nx\n"
		},
		"a tree line at the end": func(g, e string) string {
			return "tree " + g + "\nauthor " + who + "committer " + who + "tree " + e + "\n\nx\n"
		},
		"no author": func(g, e string) string { return "tree " + g + "\ncommitter " + who + "\nx\n" },
		"two committers": func(g, e string) string {
			return "tree " + g + "\nauthor " + who + "committer " + who + "committer " + who + "\nx\n"
		},
		"an upper-case hash": func(g, e string) string {
			return "tree " + strings.ToUpper(g) + "\nauthor " + who + "committer " + who + "\nx\n"
		},
	} {
		t.Run(name, func(t *testing.T) {
			zeros := strings.Repeat("ab", 20)
			if c, err := parseCommit([]byte(shape(zeros, strings.Repeat("cd", 20)))); err == nil {
				t.Errorf("parsed as %v", c)
			}
		})
	}
	good := "tree " + strings.Repeat(
		"ab",
		20,
	) + "\nparent " + strings.Repeat(
		"cd",
		20,
	) + "\nauthor " + who + "committer " + who + "gpgsig -----BEGIN\n tree inside\n -----END\n\nmessage\n"
	c, err := parseCommit([]byte(good))
	if err != nil || len(c.parents) != 1 || c.tree.String() != strings.Repeat("ab", 20) {
		t.Errorf("a good commit is read as %v, %v", c, err)
	}
}

// A bomb of ten trees is a million files: it is counted, not walked.
func TestATreeThatRepeatsItselfIsBounded(t *testing.T) {
	_, r, first := repo(t)
	hash, err := r.InjectObject("blob", nil)
	must(t, err)
	mode := "100644"
	for range 10 {
		var entries []gitserver.TreeEntry
		for i := range 10 {
			entries = append(entries, gitserver.TreeEntry{Mode: mode, Name: fmt.Sprint("f", i), Hash: hash})
		}
		hash, err = r.InjectTree(entries...)
		must(t, err)
		mode = "40000"
	}
	head, err := r.InjectCommit(hash, first)
	must(t, err)
	m := mirror(t, r, t.TempDir(), Limits{})
	fetch(t, m)
	tr, err := m.Tree(head)
	must(t, err)
	if got := tr.Root().Size(); got > 2*DefaultLimits.Files {
		t.Errorf("%d files and folders are left", got)
	}
	if len(tr.Flaws()) == 0 || !strings.Contains(tr.Flaws()[0].Problem, "too many files") {
		t.Errorf("flaws: %v", tr.Flaws())
	}
}

func TestAFileTooLargeIsRefusedWhenRead(t *testing.T) {
	_, r, _ := repo(t)
	head := push(t, r, testfleet.Files{"big": strings.Repeat("0", 2<<10)})
	m := mirror(t, r, t.TempDir(), Limits{Blob: 1 << 10})
	fetch(t, m)
	tr, err := m.Tree(head)
	must(t, err)
	if _, err := tr.ReadFile("big"); !errors.Is(err, tree.ErrTooLarge) {
		t.Errorf("read: %v, want %v", err, tree.ErrTooLarge)
	}
	if got := tr.Files("big"); len(got) != 1 || got[0].Size <= 1<<10 {
		t.Errorf("listed as %v", got)
	}
}

func TestAFolderIsReadAsACommitIs(t *testing.T) {
	_, r, _ := repo(t)
	head := push(t, r, testfleet.Files{"apps/x/y.yaml": "y\n", "apps/x.yaml": "x\n", "README.md": "r\n"})
	m := mirror(t, r, t.TempDir(), Limits{})
	fetch(t, m)
	fromGit, err := m.Tree(head)
	must(t, err)
	fromDir, err := tree.OpenDir(r.Dir())
	must(t, err)
	if diff := cmp.Diff(fromGit.Files(""), fromDir.Files("")); diff != "" {
		t.Error(diff)
	}
	if fromDir.Revision() != "" {
		t.Errorf("a folder has revision %q", fromDir.Revision())
	}
}

func TestAFolderIsHeldToTheSameChecks(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(outside, []byte("outside"), 0o600))
	for name, test := range map[string]struct {
		make    func(dir string) error
		refused bool
	}{
		"a link to a file": {func(dir string) error { return os.Symlink(outside, filepath.Join(dir, "link")) }, false},
		"a link to a folder": {func(dir string) error {
			return os.Symlink(filepath.Dir(outside),
				filepath.Join(dir, "link"))
		}, false},
		"a nested repository": {func(dir string) error { return os.MkdirAll(filepath.Join(dir, "sub", ".git"), 0o755) },
			false},
		"a strange name": {func(dir string) error { return os.WriteFile(filepath.Join(dir, "a\nb"), nil, 0o600) }, true},
		"its own repository": {func(dir string) error { return os.MkdirAll(filepath.Join(dir, ".git", "objects"), 0o755) },
			false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, test.make(dir))
			tr, err := tree.OpenDir(dir)
			must(t, err)
			if flaws := tr.Flaws(); (len(flaws) > 0) != test.refused {
				t.Errorf("flaws: %v", flaws)
			}
			if got := tr.Files(""); len(got) != 0 {
				t.Errorf("files: %v", got)
			}
			for _, path := range []string{"link", "link/secret"} {
				if data, err := tr.ReadFile(path); err == nil {
					t.Errorf("read %q", data)
				}
			}
		})
	}
}
