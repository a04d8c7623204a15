package kustomize

import (
	"strings"
	"unicode/utf8"
)

// nameProblem says why a tree entry's name is refused, "" when it is not.
//
// A name that one program reads differently from another is how a policy and a
// build come to see two trees: "a/f" walks out as a path, "..", ".GIT" and
// "git~1" mean other places on other file systems (git's fsck, verify_path and
// its HFS and NTFS forms). Reviewers must see what is built, so control
// characters and bytes that are not UTF-8 are refused too.
func nameProblem(name string) string {
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
	case strings.ContainsFunc(name, isControl):
		return "name has a control or formatting character"
	case isDotGit(name):
		return "name stands for .git"
	}
	return ""
}

// isControl covers C0, C1, DEL and the characters that HFS+ ignores or that
// turn text around in a review.
func isControl(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r < 0xa0, r == 0xfeff, r == 0x2028, r == 0x2029:
		return true
	case r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f:
		return true
	}
	return false
}

func isDotGit(name string) bool {
	name, _, _ = strings.Cut(name, ":")
	name = strings.ToLower(strings.TrimRight(name, ". "))
	return name == ".git" || name == "git~1"
}
