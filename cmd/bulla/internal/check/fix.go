package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/desk/yamltext"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/bulla-dev/bulla/sealing"
)

// Fix is a change that takes away what counts for nothing, and nothing else: nobody
// gains or loses anything by it.
type Fix struct {
	File      string
	Old, Data []byte
	// Done says what was taken away.
	Done []string
}

// Fixes are the changes that are certain: locks for clusters and sets that the fleet
// does not have, beside others, and targets of placements that have ended. While files
// of the fleet are refused there are none: who knows what those say.
func Fixes(t *tree.Tree, m *model.Model) []Fix {
	if len(m.Problems) > 0 {
		return nil
	}
	var fixes []Fix
	stubs, _ := model.Stubs(t)
	for _, s := range stubs {
		if fix, ok := withoutDead(m, s.Path, s.Data, s.Manifest); ok {
			fixes = append(fixes, fix)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Placements)) {
		if fix, ok := withoutEnded(t, m, name); ok {
			fixes = append(fixes, fix)
		}
	}
	return fixes
}

func withoutDead(m *model.Model, file string, data []byte, manifest *api.SealedManifest) (Fix, bool) {
	fix := Fix{File: file, Old: data}
	locks := map[int][]api.Lock{}
	for i, block := range manifest.Spec.Blocks {
		rest := slices.DeleteFunc(slices.Clone(block.Locks), func(l api.Lock) bool { return isGone(m, l.Target) })
		if len(rest) == 0 || len(rest) == len(block.Locks) {
			continue
		}
		locks[i] = rest
		for _, lock := range block.Locks {
			if isGone(m, lock.Target) {
				fix.Done = append(fix.Done, fmt.Sprintf("the lock of %s for %s, which is not in the fleet",
					strings.Join(block.Fields, " "), lock.Target))
			}
		}
	}
	var err error
	if fix.Data, err = stub.SetLocks(file, data, manifest, locks); err != nil {
		return fix, false // a layout that nothing can be taken out of; the finding stays
	}
	return fix, len(locks) > 0
}

func isGone(m *model.Model, text string) bool {
	target, err := sealing.ParseTarget(text)
	if err != nil {
		return false
	}
	if target.Kind == sealing.Set {
		return m.Sets[target.Name] == nil
	}
	return m.Clusters[target.Name] == nil
}

func withoutEnded(t *tree.Tree, m *model.Model, name string) (Fix, bool) {
	p := m.Placements[name]
	fix := Fix{File: m.Files[api.KindPlacement+"/"+name]}
	var ended []int
	for i, target := range p.Spec.Targets {
		if target.EndedAt(m.Now()) {
			ended = append(ended, i)
			fix.Done = append(fix.Done, fmt.Sprintf("spec.targets[%d], which ended at %s", i, target.NotAfter))
		}
	}
	var err error
	if fix.Old, err = t.ReadFile(fix.File); err != nil || len(ended) == 0 || len(ended) == len(p.Spec.Targets) {
		return fix, false
	}
	targets, err := yamltext.Find(fix.Old, "spec", "targets")
	if err != nil {
		return fix, false
	}
	fix.Data = targets.Remove(ended...)
	got, err := api.ParsePlacement(fix.File, fix.Data)
	return fix, err == nil && len(got.Spec.Targets) == len(p.Spec.Targets)-len(ended)
}
