package reference

import (
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// Object is one that a reference becomes in a build.
type Object struct{ Namespace, Name string }

// bound is what a scope binds of an object.
func (o Object) bound(scope api.Scope) Object {
	namespace, name := scope.Binds(o.Namespace, o.Name)
	return Object{namespace, name}
}

// Among reports whether a reference's stub is sealed for an object, as far as Git says, of
// all that the reference becomes in a fleet. A stub is sealed for one namespace and name,
// as far as its scope binds them, and the key service refuses it for any other; only the
// payloads say which. So with several to choose from it is the one that the reference
// itself names; else the one that the same stub became before, given in was; else known
// is false: all but one are refused.
func Among(r *api.SealedReference, o Object, becomes, was []Object) (sealed, known bool) {
	scope := r.Spec.Scope
	now := distinct(becomes, scope)
	if len(now) <= 1 {
		return true, true
	}
	own := Object{r.Metadata.Namespace, r.Metadata.Name}.bound(scope)
	if slices.Contains(now, own) {
		return o.bound(scope) == own, true
	}
	if before := distinct(was, scope); len(before) == 1 && slices.Contains(now, before[0]) {
		return o.bound(scope) == before[0], true
	}
	return false, false
}

func distinct(objects []Object, scope api.Scope) (all []Object) {
	for _, o := range objects {
		if b := o.bound(scope); !slices.Contains(all, b) {
			all = append(all, b)
		}
	}
	return all
}
