package sealjob

import (
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// Lacking are the keys of the blocks that have no lock for a target: their values must be
// given again, since nobody here can open them.
func (w Where) Lacking(target sealing.Target) ([]string, error) {
	var keys []string
	for _, block := range w.Stub.Spec.Blocks {
		if slices.ContainsFunc(block.Locks, func(l api.Lock) bool { return l.Target == target.String() }) {
			continue
		}
		for _, lock := range block.Locks {
			if target.Kind == sealing.Set && strings.HasPrefix(lock.Target, string(sealing.Cluster)+"/") {
				return nil, fault.New("seal the values anew for the set alone, with bulla seal --set "+target.Name,
					"%s is locked to %s: a lock for %s beside it opens without that cluster's key", w.File, lock.Target, target)
			}
		}
		for _, field := range block.Fields {
			keys = append(keys, strings.TrimPrefix(field, "/data/"))
		}
	}
	if len(keys) == 0 {
		return nil, fault.New("there is nothing to do; bulla validate says where a lock is missing", "%s is for %s already",
			w.File, target)
	}
	return keys, nil
}

// Without are the locks that stay where one target goes, by block. A block keeps one: a
// value that nobody can open is to be taken out, or given again.
func (w Where) Without(target sealing.Target) (map[int][]api.Lock, error) {
	locks := map[int][]api.Lock{}
	for i, block := range w.Stub.Spec.Blocks {
		rest := slices.DeleteFunc(slices.Clone(block.Locks), func(l api.Lock) bool { return l.Target == target.String() })
		switch len(rest) {
		case len(block.Locks):
			continue
		case 0:
			return nil, fault.New(
				"give the value again for whom it is, with bulla seal --set NAME, or take it out with bulla unset",
				"%s: %s is for %s alone: nobody could open it", w.File, strings.Join(block.Fields, " "), target)
		}
		locks[i] = rest
	}
	if len(locks) == 0 {
		return nil, fault.New("it is for "+strings.Join(w.Targets(), ", "), "%s is not for %s", w.File, target)
	}
	return locks, nil
}

// Targets are those of the stub, each once.
func (w Where) Targets() []string { return reference.Sealed{Stub: w.Stub}.Targets() }
