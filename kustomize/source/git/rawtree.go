package git

import (
	"bytes"
	"strings"

	"github.com/bulla-dev/bulla/kustomize/tree"
)

// rawEntry is one entry of a Git tree object: mode SP name NUL hash.
type rawEntry struct {
	mode string
	name string
	hash tree.Hash
}

// parseTree reads a Git tree object strictly: entries in Git's order, unique,
// with plain names. An object that is not so has no entries and a flaw that
// closes it: two programs may read it as two trees, so nobody reads it. An entry
// with a name that is refused is left out, and is the flaw.
func parseTree(data []byte) ([]rawEntry, *tree.Flaw) {
	var entries []rawEntry
	var found *tree.Flaw
	seen := map[string]bool{}
	last := ""
	for len(data) > 0 {
		header, rest, ok := bytes.Cut(data, []byte{0})
		if !ok || len(rest) < len(tree.Hash{}) {
			return nil, tree.Corrupt("", "tree object is cut short")
		}
		mode, name, ok := strings.Cut(string(header), " ")
		if !ok {
			return nil, tree.Corrupt("", "tree object has an entry without a mode")
		}
		e := rawEntry{mode: mode, name: name, hash: tree.Hash(rest[:len(tree.Hash{})])}
		data = rest[len(tree.Hash{}):]
		if seen[name] {
			return nil, tree.Corrupt(name, "name stands twice")
		}
		key := sortKey(e)
		if key <= last {
			return nil, tree.Corrupt(name, "entries are not sorted")
		}
		last, seen[name] = key, true
		if problem := tree.NameProblem(name); problem != "" {
			found = found.Refuse(name, problem)
			continue
		}
		entries = append(entries, e)
	}
	return entries, found
}

// kindOf is the kind of an entry by its mode, tree.Odd for one without a hash.
func kindOf(e rawEntry) tree.Kind {
	switch {
	case e.hash == (tree.Hash{}):
		return tree.Odd
	case e.mode == "40000":
		return tree.Folder
	case e.mode == "100644", e.mode == "100755":
		return tree.File
	case e.mode == "120000", e.mode == "160000":
		return tree.Link
	}
	return tree.Odd
}

// sortKey orders folders as if their name ended in "/", as Git does.
func sortKey(e rawEntry) string {
	if e.mode == "40000" {
		return e.name + "/"
	}
	return e.name
}
