package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestTheServersHookChecksWhatGitKeeps: each way by which a pushed .gitattributes has a
// checkout differ. A program in the place of bulla says what it was given.
func TestTheServersHookChecksWhatGitKeeps(t *testing.T) {
	dir := t.TempDir()
	hook, err := os.ReadFile("../../docs/hooks/pre-receive")
	if err != nil {
		t.Fatal(err)
	}
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
		cmd.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+dir,
			"GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a",
			"GIT_COMMITTER_EMAIL=a@example.com")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
		return string(out)
	}
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "-q", "-b", "main", ".")
	git("init", "-q", "--bare", "server.git")
	write("server.git/hooks/pre-receive", string(hook), 0o700)
	write("server.git/hooks/bulla-root-key", "key", 0o600)
	git("--git-dir=server.git", "config", "filter.loud.smudge", "tr a-z A-Z")
	write("bulla", "#!/bin/sh\nod -An -c \"$4/kept\" | tr -d ' ' && echo && echo end\n", 0o700)
	const kept = "é$Id$x\n"
	write("kept", kept, 0o600)
	git("add", "kept")
	write(".gitattributes", "kept text eol=crlf ident filter=loud working-tree-encoding=UTF-16\n", 0o600)
	git("add", ".gitattributes")
	git("commit", "-q", "-m", "first")
	said := git("push", "server.git", "main")
	if !strings.Contains(said, `303251$Id$x\n`) {
		t.Errorf("what was checked is not %q: %s", kept, said)
	}
}

// TestTheHooksUseFindAsPOSIXHasIt: a primary that is an extension fails where somebody
// copied the hook to, and with it every commit and push.
func TestTheHooksUseFindAsPOSIXHasIt(t *testing.T) {
	known := strings.Fields("-name -path -nouser -nogroup -xdev -prune -perm -type -links -user -group -size -atime " +
		"-ctime -mtime -exec -ok -print -newer -depth -H -L -o")
	seen := 0
	for _, hook := range []string{"pre-commit", "pre-receive"} {
		data, err := os.ReadFile("../../docs/hooks/" + hook)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			words := strings.Fields(line)
			if len(words) == 0 || words[0] != "find" {
				continue
			}
			for _, word := range words[1:] {
				if word == "sh" {
					break // the rest is what it runs
				}
				if strings.HasPrefix(word, "-") && !slices.Contains(known, word) {
					t.Errorf("%s: find %s is not in POSIX", hook, word)
				}
				seen++
			}
		}
	}
	if seen == 0 {
		t.Error("no hook uses find, or the test does not see it")
	}
}
