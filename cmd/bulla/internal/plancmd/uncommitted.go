package plancmd

import (
	"fmt"

	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// uncommitted notes that the working tree has what the plan has not: who edits, and looks
// at a plan, must not take it for one of the edits.
func (r *repository) uncommitted(head string) []string {
	root, err := fleetrepo.FindRoot(r.Folder)
	if err != nil || r.Bare() {
		return nil
	}
	if checkedOut, err := r.Resolve("HEAD"); err != nil || checkedOut != head {
		return nil
	}
	committed, err := r.Tree(head)
	if err != nil {
		return nil
	}
	folder, err := tree.OpenDir(root)
	if err != nil {
		return nil
	}
	known, differ := map[string]string{}, 0
	for _, e := range committed.Files("") {
		known[e.Path] = e.Blob
	}
	for _, e := range folder.Files("") {
		blob, is := known[e.Path]
		delete(known, e.Path)
		if is && blob != e.Blob || !is && model.ManifestEnding(e.Path) {
			differ++
		}
	}
	if differ += len(known); differ == 0 {
		return nil
	}
	verb := func(one, many string) string { return plural.Verb(differ, one, many) }
	return []string{fmt.Sprintf("%s of the working tree %s from HEAD, and %s not in this plan; commit %s to see what %s",
		plural.Of(differ, "file"), verb("differs", "differ"), verb("is", "are"), verb("it", "them"),
		verb("it does", "they do"))}
}
