package reference

import (
	"maps"
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// Sealed is what stands in Git for sealed values: a stub, or the reference to one. Who
// compares two revisions compares these, so that a stub that only went to a store, or
// came back, is the same.
type Sealed struct {
	// Stub has its blocks where Reference is nil.
	Stub      *api.SealedManifest
	Reference *api.SealedReference
}

// Fields are those of all blocks, sorted.
func (s Sealed) Fields() []string {
	switch {
	case s.Reference != nil:
		return s.Reference.Spec.Fields
	case s.Stub == nil:
		return nil
	}
	return fieldsOf(s.Stub)
}

// Targets are those that some block is locked to, sorted; of a reference all blocks are.
func (s Sealed) Targets() []string {
	switch {
	case s.Reference != nil:
		return s.Reference.Spec.Targets
	case s.Stub == nil:
		return nil
	}
	var all []string
	for _, block := range s.Stub.Spec.Blocks {
		for _, lock := range block.Locks {
			all = append(all, lock.Target)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Changed are the fields that have another value in one than in the other, or are in one
// alone, sorted. Of two stubs payloads are compared, block by block. Of a reference the
// payloads are not here, and its content digest covers them together, with the template:
// where that is another, every field may be, and counts.
func Changed(fleet string, old, now Sealed) []string {
	if old.Reference == nil && now.Reference == nil {
		return changedPayloads(old, now)
	}
	var all []string
	if !SameContent(fleet, old, now) {
		all = append(slices.Clone(old.Fields()), now.Fields()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// SameContent reports whether a cluster that has one has the other, and neither unseals
// nor restarts anything.
func SameContent(fleet string, old, now Sealed) bool {
	was, err := old.content(fleet)
	if err != nil {
		return false
	}
	is, err := now.content(fleet)
	return err == nil && was == is
}

func (s Sealed) content(fleet string) (string, error) {
	if s.Stub == nil && s.Reference == nil {
		return "", nil
	}
	return ContentDigest(fleet, s.Stub, s.Reference)
}

func changedPayloads(old, now Sealed) []string {
	was, is := old.payloads(), now.payloads()
	changed := map[string]bool{}
	for _, side := range []map[string]string{was, is} {
		for field := range side {
			if was[field] != is[field] {
				changed[field] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(changed))
}

func (s Sealed) payloads() map[string]string {
	all := map[string]string{}
	if s.Stub != nil {
		for _, block := range s.Stub.Spec.Blocks {
			for _, field := range block.Fields {
				all[field] = block.Payload
			}
		}
	}
	return all
}
