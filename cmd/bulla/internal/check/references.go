package check

import (
	"fmt"
	"maps"
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// referenceCheck is a reference, looked at as one block that says for whom it is. What
// only the stub has, keys, ciphertext and what the payloads are bound to, is not here.
type referenceCheck struct{ blockCheck }

// inOne is all that a reference says of its stub's blocks.
func inOne(r *api.SealedReference) api.Block {
	block := api.Block{Fields: r.Spec.Fields}
	for _, target := range r.Spec.Targets {
		block.Locks = append(block.Locks, api.Lock{Target: target})
	}
	return block
}

func (r referenceCheck) check() {
	r.binding()
	for i, lock := range r.block.Locks {
		r.target(fmt.Sprintf(".targets[%d]", i), lock)
	}
	r.reach()
}

// binding says which objects the stub is not sealed for, as the key service will, as far as
// the reference says.
func (r referenceCheck) binding() {
	var all []reference.Object
	for o := range r.use.clusters {
		all = append(all, reference.Object{Namespace: o.namespace, Name: o.name})
	}
	for o := range r.use.clusters {
		object := reference.Object{Namespace: o.namespace, Name: o.name}
		switch sealed, known := reference.Among(r.use.reference, object, all, nil); {
		case !known:
			r.report(false, ".stub", "it becomes several objects, among them %s/%s of placement %s, and its stub is sealed for "+
				"one of them: the others will not open; %s", o.namespace, o.name, o.placement, r.use.advice(r.model, o.placement))
		case !sealed:
			r.report(false, ".stub", "%s: it will not open; %s", r.mismatch(o), r.use.advice(r.model, o.placement))
		}
	}
}

// fieldLine is the line of a field, 0 when the layout does not show it.
func (f *fleet) fieldLine(file, field string) int {
	data, err := f.tree.ReadFile(file)
	if err != nil {
		return 0
	}
	return api.StubLine(data, field)
}

// noteReferences says once what was not looked at: nobody should take silence for sight.
func (s *stubs) noteReferences() {
	var files []string
	for _, file := range slices.Sorted(maps.Keys(s.uses)) {
		if s.uses[file].reference != nil {
			files = append(files, file)
		}
	}
	if len(files) == 0 {
		return
	}
	what := "the stub of this reference was"
	if len(files) > 1 {
		what = fmt.Sprintf("the stubs of this and %s more were", plural.Of(len(files)-1, "reference"))
	}
	s.add(Finding{Note: true, File: files[0], Problem: what + " not looked at, as nothing is asked of a network: " +
		"whether the key service has it, under which keys its locks are, and what it is sealed for; hint: `bulla " +
		"reference --inline --dry-run FILE` asks, `bulla keys ls` counts its locks"})
}
