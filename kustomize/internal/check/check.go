// Package check holds what a placement builds against what it may do.
package check

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/internal/scope"
)

// Objects holds a placement's built objects against what the placement may do. It
// is the one place where that is decided: builds go through it on every side.
//
//   - every object stands in the placement's namespaces;
//   - cluster-scoped kinds need a line in allow.clusterResources, except a
//     Namespace that the placement names;
//   - a Secret without a stub holds no data: plaintext has no business in Git;
//   - an object of a stub is of the template's kind, and its public data is the
//     template's, and its type, so that no patch adds to what was sealed;
//   - scope Fleet needs allow.fleetScope;
//   - a Namespace's pod-security labels need allow.podSecurity;
//   - a workload that names a stub's Secret by the name that the stub gives it
//     finds it under that name;
//   - no object stands twice, none is of bulla's own kinds, none is marked as
//     somebody else's.
func Objects(p *api.Placement, objects []built.Object) error {
	var errs []error
	known := scopesOf(p, objects)
	seen := map[built.ObjectID]*built.Object{}
	for _, o := range objects {
		refused := checkObject(p, known, o)
		id := o.ID()
		if refused == nil && seen[id] != nil {
			refused = standsTwice(*seen[id], o)
		}
		seen[id] = &o
		if refused != nil {
			refused.ID = id
			errs = append(errs, refused)
		}
	}
	if len(errs) == 0 {
		return checkReaders(objects)
	}
	return errors.Join(errs...)
}

// standsTwice: kustomize sees two objects of one name where one says the
// namespace that the other gets.
func standsTwice(a, b built.Object) *built.Refused {
	var paths []string
	for _, o := range []built.Object{a, b} {
		if o.Stub != nil {
			paths = append(paths, "stub "+o.Stub.Path)
		}
	}
	refused := &built.Refused{Problem: "stands twice in this build"}
	if len(paths) > 0 {
		refused.Problem += ", from " + strings.Join(paths, " and ")
	}
	if b.Stub != nil {
		refused.File = b.Stub.Path
	}
	refused.Problem += "; hint: keep one"
	return refused
}

func checkObject(p *api.Placement, known scope.Scopes, o built.Object) *built.Refused {
	for _, check := range []func(*api.Placement, scope.Scopes, built.Object) string{
		checkIdentity, checkNamespace, checkPodSecurity, checkMarks,
	} {
		if problem := check(p, known, o); problem != "" {
			return &built.Refused{Problem: problem}
		}
	}
	if o.Stub == nil {
		return checkPlaintext(o)
	}
	if problem, key := checkSealed(o); problem != "" {
		return &built.Refused{Problem: problem, Stub: o.Stub, Key: key}
	}
	if o.Stub.Manifest.Spec.Scope == api.ScopeFleet && (p.Spec.Allow == nil || !p.Spec.Allow.FleetScope) {
		return &built.Refused{File: o.Stub.Path,
			Problem: fmt.Sprintf("stub %s has scope Fleet; the placement needs allow.fleetScope", o.Stub.Path)}
	}
	return nil
}

func checkIdentity(_ *api.Placement, _ scope.Scopes, o built.Object) string {
	gvk := o.GroupVersionKind()
	switch {
	case gvk.Kind == "" || gvk.Version == "":
		return "has no apiVersion and kind"
	case gvk.Group == api.Group && (gvk.Kind == api.KindSealedManifest || gvk.Kind == api.KindSealedReference):
		return "a " + gvk.Kind + " must stand alone in its file"
	case gvk.Group == api.Group:
		return "bulla's own kinds are not applied by a placement"
	case o.IsList():
		return "lists are not applied; write the objects out"
	case o.GetName() == "":
		return "has no name (generateName is refused: the object could not be tracked)"
	case !built.IsName(o.GetName()):
		return "has a name that Kubernetes does not take"
	}
	return ""
}

func checkNamespace(p *api.Placement, known scope.Scopes, o built.Object) string {
	gk := o.GroupVersionKind().GroupKind()
	if known.Cluster(gk) {
		switch {
		case gk.String() == "Namespace" && slices.Contains(p.Spec.AllNamespaces(), o.GetName()):
			return ""
		case known.Allowed(gk):
			return ""
		}
		return fmt.Sprintf("is cluster-scoped; the placement needs %q in allow.clusterResources", gk.String())
	}
	switch namespace := o.GetNamespace(); {
	case namespace == "":
		return "has no namespace, and the placement has more than one to choose from; " +
			"hint: write metadata.namespace: " + strings.Join(p.Spec.AllNamespaces(), " or ")
	case !slices.Contains(p.Spec.AllNamespaces(), namespace):
		return fmt.Sprintf("is in namespace %q, which is not the placement's; hint: ", namespace) + elsewhere(p, o)
	}
	return ""
}

// elsewhere says how an object comes into a namespace of the placement. A stub that stands
// in those of several placements needs more, which would be refused one after the other.
func elsewhere(p *api.Placement, o built.Object) string {
	hint := "write metadata.namespace: " + strings.Join(p.Spec.AllNamespaces(), " or ")
	if p.Spec.TargetNamespace != "" {
		hint = fmt.Sprintf("take metadata.namespace out, or namespace out of the kustomization that says it, "+
			"and it is in %s; or let the placement say targetNamespace: %s", p.Spec.TargetNamespace, o.GetNamespace())
	}
	if o.Stub != nil {
		hint += "; where placements with other namespaces build it too, it says none, has scope Fleet (a new stub, by " +
			"bulla seal --scope fleet), and each of them says allow: {fleetScope: true}"
	}
	return hint
}

// Settle gives objects without a namespace the placement's, and takes it from
// cluster-scoped ones, where a namespace transformer may have put it.
func Settle(p *api.Placement, objects []built.Object) {
	known := scopesOf(p, objects)
	for _, o := range objects {
		if known.Cluster(o.GroupVersionKind().GroupKind()) {
			unstructured.RemoveNestedField(o.Object, "metadata", "namespace")
			continue
		}
		if o.GetNamespace() == "" && p.Spec.TargetNamespace != "" {
			o.SetNamespace(p.Spec.TargetNamespace)
		}
	}
}

// scopesOf are the scopes of a build's kinds.
func scopesOf(p *api.Placement, objects []built.Object) scope.Scopes {
	known := scope.New(p.Spec.ClusterResources())
	for _, o := range objects {
		known.Learn(o.Unstructured)
	}
	return known
}
