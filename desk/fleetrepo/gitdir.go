package fleetrepo

import (
	"os"
	"path/filepath"
	"strings"
)

// GitDir is Git's own folder for a working tree: ".git", or where the file of that
// name says, in a linked worktree or a submodule. "" where there is none.
func GitDir(root string) string {
	for at := root; ; at = filepath.Dir(at) {
		path := filepath.Join(at, ".git")
		info, err := os.Lstat(path)
		switch {
		case err != nil && at == filepath.Dir(at):
			return ""
		case err != nil:
			continue
		case info.Mode().IsRegular():
			path = linked(at, path)
		}
		return ofGit(path)
	}
}

func linked(at, file string) string {
	data, err := os.ReadFile(file)
	dir, ok := strings.CutPrefix(strings.TrimSpace(string(data)), "gitdir: ")
	if err != nil || !ok {
		return ""
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(at, dir)
	}
	return dir
}

// ofGit refuses a folder that is not Git's: the file beside a tree may have come
// with an archive, and name any.
func ofGit(dir string) string {
	if dir == "" {
		return ""
	}
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() {
		return ""
	}
	if head, err := os.Lstat(filepath.Join(dir, "HEAD")); err != nil || !head.Mode().IsRegular() {
		return ""
	}
	return dir
}
