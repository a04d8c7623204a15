package tree

import (
	"strings"
	"unicode/utf8"

	"github.com/bulla-dev/bulla/kustomize/printable"
)

// NameProblem says why a tree entry's name is refused, "" when it is not.
//
// A name that one program reads differently from another is how a policy and a
// build come to see two trees: "a/f" walks out as a path, "..", ".GIT" and
// "git~1" mean other places on other file systems (git's fsck, verify_path and
// its HFS and NTFS forms). Reviewers must see what is built, so what turns text
// around or cannot be seen is refused too, and bytes that are not UTF-8. Names
// that people use are not: Persian is written with joiners, and emoji are.
func NameProblem(name string) string {
	switch {
	case name == "":
		return "empty name"
	case name == "." || name == "..":
		return "name is a relative folder"
	case len(name) > 255:
		return "name is longer than 255 bytes"
	case strings.ContainsAny(name, `/\`):
		return "name has a separator"
	case !utf8.ValidString(name):
		return "name is not UTF-8"
	case strings.ContainsFunc(name, printable.IsControl):
		return "name has a control character, or one that turns text around or is not seen"
	case hasLooseJoiner(name):
		return "name has a joiner between letters that do not join, where nobody sees it"
	case isDotGit(name):
		return "name stands for .git"
	}
	return ""
}

// isJoiner is true for ZWNJ, which Persian and Indic scripts are spelled with,
// and ZWJ, which also makes one emoji of several.
func isJoiner(r rune) bool { return r == 0x200c || r == 0x200d }

// hasLooseJoiner finds a joiner without a letter beside it that it could join:
// in "pay\u200dments" it only makes two names look like one.
func hasLooseJoiner(name string) bool {
	runes := []rune(name)
	joins := func(i int) bool {
		return i >= 0 && i < len(runes) && runes[i] >= utf8.RuneSelf && !isJoiner(runes[i])
	}
	for i, r := range runes {
		if isJoiner(r) && !joins(i-1) && !joins(i+1) {
			return true
		}
	}
	return false
}

// isDotGit reads a name as HFS+ does, which ignores joiners, and as NTFS does.
func isDotGit(name string) bool {
	name = strings.Map(func(r rune) rune {
		if isJoiner(r) {
			return -1
		}
		return r
	}, name)
	name, _, _ = strings.Cut(name, ":")
	name = strings.ToLower(strings.TrimRight(name, ". "))
	return name == ".git" || name == "git~1"
}
