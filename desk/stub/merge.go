package stub

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// ErrNotMergeable means that a side is no stub that can be read.
var ErrNotMergeable = errors.New("a side of the merge is no stub")

// ConflictError lists what both sides changed, so that a person must choose.
type ConflictError struct{ Problems []string }

func (e *ConflictError) Error() string { return strings.Join(e.Problems, "; ") }

// Merge puts two changes of one stub together, as Git's merge drivers do. base is
// empty when both sides made the file. A block is taken whole from one side: its
// payload and its locks belong together, and nobody here can make new ones.
func Merge(file string, base, ours, theirs []byte) ([]byte, error) {
	var sides [3]*api.SealedManifest
	for i, data := range [][]byte{base, ours, theirs} {
		if i == 0 && len(data) == 0 {
			continue
		}
		var err error
		if sides[i], err = api.ParseSealedManifest(file, data); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotMergeable, err)
		}
	}
	m := &merging{base: sides[0], ours: sides[1], theirs: sides[2]}
	text, from := m.header(ours, theirs)
	blocks := m.blocks()
	m.twice(blocks)
	if len(blocks) == 0 && len(m.problems) == 0 { // a block of both sides is a problem, and in none of them
		m.problem("nothing is sealed any more")
	}
	if len(m.problems) > 0 {
		return nil, &ConflictError{m.problems}
	}
	recipes, err := m.recipes(file, blocks)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotMergeable, err)
	}
	if text, err = rewrite(file, text, from, blocks); err != nil {
		return nil, err
	}
	return SetRecipes(file, text, recipes)
}

type merging struct {
	// base is nil when both sides made the file.
	base, ours, theirs *api.SealedManifest
	problems           []string
}

func (m *merging) problem(format string, args ...any) {
	m.problems = append(m.problems, fmt.Sprintf(format, args...))
}

// header chooses the side whose text around the blocks stays.
func (m *merging) header(ours, theirs []byte) ([]byte, *api.SealedManifest) {
	switch {
	case sameHeader(m.ours, m.theirs), m.base != nil && sameHeader(m.theirs, m.base):
		return ours, m.ours
	case m.base != nil && sameHeader(m.ours, m.base):
		return theirs, m.theirs
	}
	m.problem("both sides changed what stands around the sealed values")
	return ours, m.ours
}

func sameHeader(a, b *api.SealedManifest) bool {
	return reflect.DeepEqual(plain(a.Metadata), plain(b.Metadata)) && string(a.Spec.Template) == string(b.Spec.Template) &&
		a.Spec.Scope == b.Spec.Scope && a.Spec.Restart == b.Spec.Restart &&
		reflect.DeepEqual(a.Spec.DeliverAs, b.Spec.DeliverAs)
}

// plain is metadata without the recipes: they are merged with their values.
func plain(m api.Metadata) api.Metadata {
	m.Annotations = maps.Clone(m.Annotations)
	if delete(m.Annotations, api.GenerateAnnotation); len(m.Annotations) == 0 {
		m.Annotations = nil
	}
	return m
}

// byFields finds blocks by what they seal.
func byFields(s *api.SealedManifest) map[string]*api.Block {
	blocks := map[string]*api.Block{}
	if s != nil {
		for i, block := range s.Spec.Blocks {
			blocks[strings.Join(block.Fields, " ")] = &s.Spec.Blocks[i]
		}
	}
	return blocks
}

// blocks merges them one by one, by the rule of every three-way merge: a side
// that left a thing alone has no say in it.
func (m *merging) blocks() map[string]api.Block {
	base, ours, theirs := byFields(m.base), byFields(m.ours), byFields(m.theirs)
	all := maps.Clone(ours)
	maps.Copy(all, theirs)
	merged := map[string]api.Block{}
	for _, fields := range slices.Sorted(maps.Keys(all)) {
		if block := m.block(fields, base[fields], ours[fields], theirs[fields]); block != nil {
			merged[fields] = *block
		}
	}
	return merged
}

func (m *merging) block(fields string, base, ours, theirs *api.Block) *api.Block {
	switch {
	case reflect.DeepEqual(ours, theirs), reflect.DeepEqual(theirs, base):
		return ours
	case reflect.DeepEqual(ours, base):
		return theirs
	case ours == nil, theirs == nil:
		m.problem("one side takes %s away, and the other changes it", fields)
		return nil
	case ours.Payload == theirs.Payload:
		return mergeLocks(base, ours, theirs)
	// One side sealed a new value, the other locked the old one anew: the new
	// value stands, if it is for all that the old one is for, and for nobody whom
	// the other side took it from.
	case base != nil && theirs.Payload == base.Payload && reaches(ours, theirs) && !takesFrom(base, theirs, ours):
		return ours
	case base != nil && ours.Payload == base.Payload && reaches(theirs, ours) && !takesFrom(base, ours, theirs):
		return theirs
	}
	m.problem("both sides changed %s", fields)
	return nil
}

func reaches(block, other *api.Block) bool {
	return !slices.ContainsFunc(other.Locks, func(lock api.Lock) bool { return !isFor(block, lock.Target) })
}

// takesFrom reports whether a side takes a target away that the other one keeps.
func takesFrom(base, side, other *api.Block) bool {
	return slices.ContainsFunc(other.Locks,
		func(lock api.Lock) bool { return isFor(base, lock.Target) && !isFor(side, lock.Target) })
}

func isFor(block *api.Block, target string) bool {
	return slices.ContainsFunc(block.Locks, func(l api.Lock) bool { return l.Target == target })
}

// mergeLocks takes the locks of both sides to one payload. Two locks for one
// target under one key open the same, whoever made them. A target that one side
// took away stays away, though the other moved its lock to a new key meanwhile:
// a merge must not give back what a reviewer took.
func mergeLocks(base, ours, theirs *api.Block) *api.Block {
	has := func(b *api.Block, lock api.Lock) bool {
		return b != nil &&
			slices.ContainsFunc(b.Locks, func(l api.Lock) bool { return l.Target == lock.Target && l.Key == lock.Key })
	}
	merged := *ours
	merged.Locks = nil
	gone := func(target string) bool {
		return base != nil && isFor(base, target) && (!isFor(ours, target) || !isFor(theirs, target))
	}
	for _, lock := range ours.Locks {
		if !gone(lock.Target) && (!has(base, lock) || has(theirs, lock)) {
			merged.Locks = append(merged.Locks, lock)
		}
	}
	for _, lock := range theirs.Locks {
		if !gone(lock.Target) && !has(ours, lock) && !has(base, lock) {
			merged.Locks = append(merged.Locks, lock)
		}
	}
	return &merged
}

// twice finds fields that stand in a block of each side, grouped differently.
func (m *merging) twice(blocks map[string]api.Block) {
	seen := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(blocks)) {
		for _, field := range blocks[key].Fields {
			if seen[field] {
				m.problem("both sides changed %s, each with other values", field)
			}
			seen[field] = true
		}
		if len(blocks[key].Locks) == 0 {
			m.problem("no lock is left of %s", key)
		}
	}
}

// rewrite makes the blocks of a stub the merged ones.
func rewrite(file string, data []byte, from *api.SealedManifest, blocks map[string]api.Block) ([]byte, error) {
	e := &editing{file: file, data: data, want: from.DeepCopy()}
	for i, block := range from.Spec.Blocks {
		key := strings.Join(block.Fields, " ")
		merged, stays := blocks[key]
		switch {
		case !stays:
			e.gone = append(e.gone, i)
		case !reflect.DeepEqual(merged, block):
			e.replace(i, merged)
		}
		delete(blocks, key)
	}
	for _, key := range slices.Sorted(maps.Keys(blocks)) {
		e.insert(blocks[key])
	}
	e.remove()
	if e.err != nil {
		return nil, e.err
	}
	return e.data, same(file, e.data, e.want)
}
