package v1alpha1

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// fluxGroup begins the names of Flux's annotations and labels on objects.
const fluxGroup = "kustomize.toolkit.fluxcd.io/"

// flux are Flux's names for what an object in Git says, by ours, with the words that
// mean the same.
var flux = map[string]struct {
	name  string
	words []string
}{
	PruneAnnotation: {fluxGroup + "prune", []string{"disabled"}},
	ForceAnnotation: {fluxGroup + "force", []string{"enabled", "disabled"}},
}

// Said is what an object in Git says under name, [PruneAnnotation] or
// [ForceAnnotation]; where it has no annotation of that name, what it says under Flux's,
// an annotation or a label, in any case of letters, as Flux reads it. "" is nothing.
func Said(o metav1.Object, name string) string {
	if said, ok := o.GetAnnotations()[name]; ok {
		return said
	}
	for _, of := range []map[string]string{o.GetAnnotations(), o.GetLabels()} {
		for _, word := range flux[name].words {
			if strings.EqualFold(of[flux[name].name], word) {
				return word
			}
		}
	}
	return ""
}

// MayReplace reports whether Git lets an object that cannot change in place be deleted
// and made anew. force is what its placement says; the object's own word counts first.
func MayReplace(o metav1.Object, force bool) bool {
	switch Said(o, ForceAnnotation) {
	case "enabled":
		return true
	case "disabled":
		return false
	}
	return force
}

// FluxOnly reports whether a name is one of Flux's that Flux reads of objects, and bulla
// does not.
func FluxOnly(name string) bool {
	switch strings.TrimPrefix(name, fluxGroup) {
	case "ssa", "reconcile", "substitute", "decrypt":
		return strings.HasPrefix(name, fluxGroup)
	}
	return false
}
