// Package mend takes out of a fleet what counts for nothing, where that is certain: nobody
// gains or loses anything by it.
package mend

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/naming"
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
// does not have, beside others, and targets of placements that have ended. kept says what
// looks like one of those and stays.
//
// While files of the fleet are refused there are none: who knows what those say. A lock
// for what a placement still names stays too. There the placement is wrong, or the set or
// cluster was taken away by mistake; when it comes back, the lock is all that opens the
// value, and nobody here can make it again.
func Fixes(t *tree.Tree, m *model.Model) (fixes []Fix, kept []string) {
	if refused := refusedFiles(m); len(refused) > 0 {
		return nil, []string{"nothing was taken away: what is refused may say what else counts; hint: mend " +
			naming.Some(refused) + " first"}
	}
	f := fixing{model: m, named: named(m)}
	stubs, _ := model.Stubs(t)
	for _, s := range stubs {
		if fix, ok := f.withoutDead(s.Path, s.Data, s.Manifest); ok {
			fixes = append(fixes, fix)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Placements)) {
		if fix, ok := withoutEnded(t, m, name); ok {
			fixes = append(fixes, fix)
		}
	}
	return fixes, f.kept
}

// refusedFiles are those that count for nothing. A placement that names a set which is not
// there counts all the same.
func refusedFiles(m *model.Model) []string {
	files := map[string]bool{}
	for _, problem := range m.Problems {
		if problem.Field == "" {
			files[problem.File] = true
		}
	}
	return slices.Sorted(maps.Keys(files))
}

// named are the lock targets that placements name, with one of those placements each.
func named(m *model.Model) map[string]string {
	all := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(m.Placements)) {
		note := func(cluster, set string) {
			for _, target := range []sealing.Target{{Kind: sealing.Cluster, Name: cluster}, {Kind: sealing.Set, Name: set}} {
				if _, known := all[target.String()]; target.Name != "" && !known {
					all[target.String()] = name
				}
			}
		}
		for _, target := range m.LiveTargets(name) {
			note(target.ClusterName, target.ClusterSet)
		}
		for _, variant := range m.Placements[name].Spec.Variants {
			note(variant.ClusterName, variant.ClusterSet)
		}
	}
	return all
}

// fixing is one look for fixes.
type fixing struct {
	model *model.Model
	named map[string]string
	kept  []string
}

func (f *fixing) withoutDead(file string, data []byte, manifest *api.SealedManifest) (Fix, bool) {
	fix := Fix{File: file, Old: data}
	locks := map[int][]api.Lock{}
	for i, block := range manifest.Spec.Blocks {
		var rest, dead []api.Lock
		for _, lock := range block.Locks {
			switch placement := f.named[lock.Target]; {
			case !isGone(f.model, lock.Target):
				rest = append(rest, lock)
			case placement != "":
				rest = append(rest, lock)
				f.keep(file, lock.Target, placement)
			default:
				dead = append(dead, lock)
			}
		}
		if len(rest) == 0 || len(dead) == 0 {
			continue
		}
		locks[i] = rest
		for _, lock := range dead {
			fix.Done = append(fix.Done, fmt.Sprintf("the lock of %s for %s, which is not in the fleet",
				strings.Join(block.Fields, " "), lock.Target))
		}
	}
	var err error
	if fix.Data, err = stub.SetLocks(file, data, manifest, locks); err != nil {
		return fix, false // a layout that nothing can be taken out of; the finding stays
	}
	return fix, len(locks) > 0
}

func (f *fixing) keep(file, target, placement string) {
	said := fmt.Sprintf("%s: kept the locks for %s, which is not in the fleet: placement %s still names it; "+
		"hint: take it out of %s, or bring it back, then run --fix again", file, target, placement,
		f.model.Files[api.KindPlacement+"/"+placement])
	if !slices.Contains(f.kept, said) {
		f.kept = append(f.kept, said)
	}
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
