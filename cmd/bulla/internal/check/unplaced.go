package check

import (
	"maps"
	"path"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/kustomize/loose"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// checkUnplaced tells of folders with objects of which no placement builds anything:
// somebody wrote an application, and forgot to place it. It is a note: an application
// may wait for its time.
func (f *files) checkUnplaced(broken map[string]bool) {
	if len(broken) > 0 || len(f.model.Problems) > 0 {
		return // who knows what those would build
	}
	inUse := map[string]bool{".": true}
	for file := range f.read {
		for folder := path.Dir(file); folder != "."; folder = path.Dir(folder) {
			inUse[folder] = true
		}
	}
	objects := map[string]int{}
	for _, entry := range f.tree.Files("") {
		if root, _, _ := strings.Cut(entry.Path, "/"); tree.IsGranting(root) {
			continue // clusters by the thousand, each of which was parsed as what it is
		}
		top := entry.Path
		for folder := path.Dir(entry.Path); !inUse[folder]; folder = path.Dir(folder) {
			top = folder
		}
		if top != entry.Path && f.isObject(entry.Path) {
			objects[top]++
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(objects)) {
		f.add(Finding{Note: true, File: folder, Problem: "no placement builds anything in this folder, which has " +
			plural.Of(objects[folder], "file") + " with objects; hint: `bulla place NAME --path FOLDER` places it"})
	}
}

// isObject: a file of an application. What begins with a dot is of tools.
func (f *files) isObject(file string) bool {
	if strings.HasPrefix(file, ".") || strings.Contains(file, "/.") || !manifest(file) {
		return false
	}
	data, err := f.tree.ReadFile(file)
	if err != nil {
		return false
	}
	keys := loose.KeysOf(file, data)
	return keys.APIVersion && keys.Kind && (!ownKind(data) || api.ClaimsStub(data))
}
