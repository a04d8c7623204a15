package plan

import (
	"fmt"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/grant"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// referred is a reference that stands for objects of a cluster. What it says of its stub
// is all that a tree knows: the stub itself is in a store, and a plan asks none.
type referred struct {
	candidates []grant.Candidate
	sealed     reference.Sealed
}

// opensStored notes what the references of a cluster open, as far as they say it: whoever
// is among their targets opens all of their fields, of the object that the stub is sealed
// for. The key service holds a stub against its reference before it opens any.
func (r *resolving) opensStored(on *resolved, targets []string, a access) {
	for _, one := range on.referred {
		has := slices.ContainsFunc(targets, func(t string) bool { return slices.Contains(one.sealed.Targets(), t) })
		for _, c := range one.candidates {
			problem := r.unsealed(one.sealed.Reference, c)
			for _, field := range one.sealed.Fields() {
				v := value{c.Placement, c.Object, field}
				switch {
				case problem != "":
					a.shut[v] = shut{stub: c.Path, problem: problem}
				case has:
					a.opens[v] = opened{sealed: one.sealed, stub: c.Path}
				default:
					a.shut[v] = shut{c.Path, "the stub of the reference has no lock for the cluster or for a set that it is in", true,
						one.sealed.Targets()}
				}
			}
		}
	}
}

// unsealed says why a reference's stub does not open for an object, though its targets
// would; "" where it does, as far as Git says. Most references are for the object that
// they name, and nobody else is asked then.
func (r *resolving) unsealed(of *api.SealedReference, c grant.Candidate) string {
	object := reference.Object{Namespace: c.Object.Namespace, Name: c.Object.Name}
	named := reference.Object{Namespace: of.Metadata.Namespace, Name: of.Metadata.Name}
	if sealed, _ := reference.Among(of, object, []reference.Object{object, named}, nil); sealed {
		return ""
	}
	var was []reference.Object
	if r.before != nil {
		if base := r.before.standsOf(c.Path); base.stub != nil && base.stub.Reference != nil &&
			base.stub.Reference.Spec.Stub == of.Spec.Stub {
			was = base.objects()
		}
	}
	switch sealed, known := reference.Among(of, object, r.standsOf(c.Path).objects(), was); {
	case !known:
		return "it becomes several objects, and its stub is sealed for one of them: Git does not say which"
	case !sealed:
		return problemBound
	}
	return ""
}

// sameValue: a payload is compared with a payload. Where one of the two is in a store,
// all that a tree has of it is the content digest, over every value together.
func (d *differ) sameValue(a, b opened) bool {
	if a.payload != "" && b.payload != "" {
		return a.payload == b.payload
	}
	return reference.SameContent(d.fleet(), a.sealed, b.sealed)
}

// fleet is the id that contents are bound to.
func (d *differ) fleet() string { return d.head.Model.Fleet.Spec.ID }

// sealedOf is what stands in Git for an object's values.
func sealedOf(o kustomize.Object) reference.Sealed {
	if o.Stub == nil {
		return reference.Sealed{}
	}
	return reference.Sealed{Stub: o.Stub.Manifest, Reference: o.Stub.Reference}
}

// noteStored says what a plan could not look at: stubs of references that come or change,
// or that are other ones of the same values, as far as the reference says: it may lie, and
// then opens nothing.
func (d *differ) noteStored(p *Plan) {
	files := d.replaced()
	for _, file := range d.changedFiles(p) {
		if sealed, err := sealedIn(d.head.Tree, file); err == nil && sealed.Reference != nil {
			files = append(files, file)
		}
	}
	if len(files) == 0 {
		return
	}
	slices.Sort(files)
	files = slices.Compact(files)
	p.Notes = append(p.Notes, "only what Git says of a reference is compared: which of its values are other ones, "+
		"whether the key service has the stub, and what its locks open, is not in Git "+
		"(bulla reference --inline --dry-run FILE asks the service): "+some(files))
}

// replaced are the references that name another stub than at the base.
func (d *differ) replaced() (files []string) {
	for _, group := range d.head.groups {
		for _, one := range group.referred {
			file := one.candidates[0].Path
			was, err := sealedIn(d.base.Tree, file)
			if err == nil && was.Reference != nil && was.Reference.Spec.Stub != one.sealed.Reference.Spec.Stub {
				files = append(files, file)
			}
		}
	}
	return files
}

// some names a few of many.
func some(files []string) string {
	const most = 5
	if len(files) <= most {
		return strings.Join(files, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(files[:most], ", "), len(files)-most)
}
