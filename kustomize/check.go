package kustomize

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	apinames "k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// objectError is a refusal of one built object.
type objectError struct {
	id      ObjectID
	problem string
	// file is at fault, if that is known; stub is whose object was changed.
	file string
	stub *Stub
	// key is the name of the field at fault, if a file would spell it.
	key string
	// plaintext: it is a Secret that nobody sealed.
	plaintext bool
}

func (e *objectError) Error() string {
	name := e.id.Name
	if !isObjectName(name) {
		name = fmt.Sprintf("%.60q", name)
	}
	if e.id.Namespace != "" {
		name = e.id.Namespace + "/" + name
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s: %s", e.id.Kind, name, e.problem))
}

// Check holds a placement's built objects against what the placement may do. It
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
func Check(p *api.Placement, objects []Object) error {
	var errs []error
	known := newScopes(clusterResources(p), objects)
	seen := map[ObjectID]*Object{}
	for _, o := range objects {
		refused := checkObject(p, known, o)
		id := o.ID()
		if refused == nil && seen[id] != nil {
			refused = standsTwice(*seen[id], o)
		}
		seen[id] = &o
		if refused != nil {
			refused.id = id
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
func standsTwice(a, b Object) *objectError {
	var paths []string
	for _, o := range []Object{a, b} {
		if o.Stub != nil {
			paths = append(paths, "stub "+o.Stub.Path)
		}
	}
	refused := &objectError{problem: "stands twice in this build"}
	if len(paths) > 0 {
		refused.problem += ", from " + strings.Join(paths, " and ")
	}
	if b.Stub != nil {
		refused.file = b.Stub.Path
	}
	refused.problem += "; hint: keep one"
	return refused
}

func checkObject(p *api.Placement, known scopes, o Object) *objectError {
	for _, check := range []func(*api.Placement, scopes, Object) string{
		checkIdentity, checkNamespace, checkPodSecurity, checkMarks,
	} {
		if problem := check(p, known, o); problem != "" {
			return &objectError{problem: problem}
		}
	}
	if o.Stub == nil {
		return checkPlaintext(o)
	}
	if problem, key := checkSealed(o); problem != "" {
		return &objectError{problem: problem, stub: o.Stub, key: key}
	}
	if o.Stub.Manifest.Spec.Scope == api.ScopeFleet && (p.Spec.Allow == nil || !p.Spec.Allow.FleetScope) {
		return &objectError{problem: fmt.Sprintf("stub %s has scope Fleet; the placement needs allow.fleetScope", o.Stub.Path), file: o.Stub.Path}
	}
	return nil
}

func checkIdentity(_ *api.Placement, _ scopes, o Object) string {
	gvk := o.GroupVersionKind()
	switch {
	case gvk.Kind == "" || gvk.Version == "":
		return "has no apiVersion and kind"
	case gvk.Group == api.Group && gvk.Kind == api.KindSealedManifest:
		return "a SealedManifest must stand alone in its file"
	case gvk.Group == api.Group:
		return "bulla's own kinds are not applied by a placement"
	case o.IsList():
		return "lists are not applied; write the objects out"
	case o.GetName() == "":
		return "has no name (generateName is refused: the object could not be tracked)"
	case !isObjectName(o.GetName()):
		return "has a name that Kubernetes does not take"
	}
	return ""
}

// isObjectName is what every API server holds names to, whatever the kind, and a
// bound: names go into logs and databases, and kustomize makes them of any length.
func isObjectName(name string) bool {
	const longest = 253 // a DNS-1123 subdomain
	return len(name) <= longest && len(apinames.IsPathSegmentName(name)) == 0 && utf8.ValidString(name) && !strings.ContainsFunc(name, printable.IsControl)
}

func checkNamespace(p *api.Placement, known scopes, o Object) string {
	gk := o.GroupVersionKind().GroupKind()
	if known.cluster(gk) {
		switch {
		case gk.String() == "Namespace" && slices.Contains(p.Spec.AllNamespaces(), o.GetName()):
			return ""
		case known.allowed[gk.String()]:
			return ""
		}
		return fmt.Sprintf("is cluster-scoped; the placement needs %q in allow.clusterResources", gk.String())
	}
	switch namespace := o.GetNamespace(); {
	case namespace == "":
		return "has no namespace, and the placement has more than one to choose from; hint: write metadata.namespace: " + strings.Join(p.Spec.AllNamespaces(), " or ")
	case !slices.Contains(p.Spec.AllNamespaces(), namespace):
		return fmt.Sprintf("is in namespace %q, which is not the placement's", namespace)
	}
	return ""
}

// podSecurity begins the labels by which a Namespace's pods are admitted.
const podSecurity = "pod-security.kubernetes.io/"

// checkPodSecurity wants a reviewed line for what decides what pods may do to the
// node: a folder alone could make its namespace privileged, whatever the cluster's
// own default is.
func checkPodSecurity(p *api.Placement, _ scopes, o Object) string {
	if o.GroupVersionKind().GroupKind().String() != "Namespace" || p.Spec.Allow != nil && p.Spec.Allow.PodSecurity {
		return ""
	}
	metadata, _ := o.Object["metadata"].(map[string]any)
	labels, _ := metadata["labels"].(map[string]any)
	for label := range labels {
		if strings.HasPrefix(label, podSecurity) {
			return fmt.Sprintf("sets the label %q; the placement needs allow.podSecurity", label)
		}
	}
	return ""
}

// labelled are the places whose labels end on live objects: a Pod made from a
// template with the owner label would pass for an object of that placement.
var labelled = [][]string{
	{"metadata"},
	{"spec", "template", "metadata"},
	{"spec", "jobTemplate", "metadata"},
	{"spec", "jobTemplate", "spec", "template", "metadata"},
}

// checkMarks refuses what would make the controller take the object for
// another's, and what would let the garbage collector delete it.
func checkMarks(_ *api.Placement, _ scopes, o Object) string {
	for _, place := range labelled {
		labels, _, err := unstructured.NestedMap(o.Object, append(slices.Clone(place), "labels")...)
		if err != nil {
			return fmt.Sprintf("cannot be read: %v", err)
		}
		for _, label := range []string{v1alpha1.OwnerLabel, v1alpha1.FleetLabel} {
			if _, ok := labels[label]; ok {
				return fmt.Sprintf("label %s is bulla's own", label)
			}
		}
	}
	annotations, _, err := unstructured.NestedStringMap(o.Object, "metadata", "annotations")
	if err != nil {
		return fmt.Sprintf("cannot be read: %v", err)
	}
	for _, annotation := range []string{v1alpha1.OwnerAnnotation, v1alpha1.ContentAnnotation, api.StubAnnotation} {
		if _, ok := annotations[annotation]; ok {
			return fmt.Sprintf("annotation %s is bulla's own", annotation)
		}
	}
	if list, _, err := unstructured.NestedSlice(o.Object, "metadata", "ownerReferences"); err != nil || len(list) > 0 {
		return "has ownerReferences"
	}
	metadata, _ := o.Object["metadata"].(map[string]any)
	for _, field := range clustersOwn {
		if _, ok := metadata[field]; ok {
			return fmt.Sprintf("has metadata.%s, which a cluster gives an object that stands there; "+
				"hint: take %s out of the file (an export has them all)", field, strings.Join(clustersOwn, ", "))
		}
	}
	return ""
}

// clustersOwn are the fields of metadata that an API server refuses, or holds
// against the live object, when they are written.
var clustersOwn = []string{"resourceVersion", "uid", "managedFields", "deletionTimestamp"}

func checkPlaintext(o Object) *objectError {
	if gk := o.GroupVersionKind().GroupKind(); gk.Group != "" || gk.Kind != "Secret" {
		return nil
	}
	for _, field := range []string{"data", "stringData"} {
		if value, ok := o.Object[field]; ok && !isEmpty(value) {
			return &objectError{problem: "is a Secret with plaintext " + field, plaintext: true}
		}
	}
	return nil
}

// sealHint says what makes a stub of a Secret in the clear.
func sealHint(file string) string {
	if isKustomizationName(path.Base(file)) {
		return "; hint: seal its values (bulla seal --for PLACEMENT --name NAME), list the stub under resources, and take the secretGenerator out"
	}
	return "; hint: `bulla seal --replace " + cmp.Or(file, "FILE") + "` makes it a stub"
}

// checkSealed holds what became of a stub against its template: what is sealed
// was reviewed as that, and nothing else. key is what a patch at fault would spell.
func checkSealed(o Object) (problem, key string) {
	template, err := o.Stub.template()
	if err != nil {
		return err.Error(), ""
	}
	switch {
	case o.Object["apiVersion"] != template["apiVersion"] || o.Object["kind"] != template["kind"]:
		kind, _ := o.Object["kind"].(string)
		return fmt.Sprintf("is not of the kind of its stub %s; "+
			"hint: patch nothing of apiVersion and kind: what it becomes stands in the stub, under spec.template",
			o.Stub.Path), kind
	case !sameData(o.Object["data"], template["data"]) || !isEmpty(o.Object["stringData"]):
		others := otherKeys(o.Object, template)
		if len(others) > 0 {
			_, key, _ = strings.Cut(others[0], ".")
		}
		return fmt.Sprintf("has other data than its stub %s%s; hint: seal the key into the stub with bulla seal, or write it under spec.template.data there",
			o.Stub.Path, inBrackets(others)), key
	case secretType(o.Object) != secretType(template):
		return fmt.Sprintf("is of type %.60q, its stub %s of %q; hint: the type stands in the stub, as spec.template.type",
			secretType(o.Object), o.Stub.Path, secretType(template)), secretType(o.Object)
	}
	return "", ""
}

// secretType is the type that Kubernetes gives a Secret which says none.
func secretType(secret map[string]any) string {
	if text, ok := secret["type"].(string); ok && text != "" {
		return text
	}
	return "Opaque"
}

// otherKeys names the keys that a Secret has and its stub's template has not, or
// has with another value.
func otherKeys(object, template map[string]any) []string {
	public := mapping(template["data"])
	var keys []string
	for _, field := range []string{"data", "stringData"} {
		values := mapping(object[field])
		for _, key := range slices.Sorted(maps.Keys(values)) {
			if values[key] != public[key] {
				keys = append(keys, fmt.Sprintf("%s.%.60s", field, key))
			}
		}
	}
	return keys
}

func inBrackets(keys []string) string {
	if len(keys) == 0 {
		return ""
	}
	const most = 5
	return " (" + strings.Join(keys[:min(len(keys), most)], ", ") + ")"
}

func sameData(a, b any) bool {
	return isEmpty(a) && isEmpty(b) || reflect.DeepEqual(a, b)
}

func isEmpty(value any) bool {
	if value == nil {
		return true
	}
	m, ok := value.(map[string]any)
	return ok && len(m) == 0
}

func clusterResources(p *api.Placement) []string {
	if p.Spec.Allow == nil {
		return nil
	}
	return p.Spec.Allow.ClusterResources
}

// settle gives objects without a namespace the placement's, and takes it from
// cluster-scoped ones, where a namespace transformer may have put it.
func settle(p *api.Placement, objects []Object) {
	known := newScopes(clusterResources(p), objects)
	for _, o := range objects {
		if known.cluster(o.GroupVersionKind().GroupKind()) {
			unstructured.RemoveNestedField(o.Object, "metadata", "namespace")
			continue
		}
		if o.GetNamespace() == "" && p.Spec.TargetNamespace != "" {
			o.SetNamespace(p.Spec.TargetNamespace)
		}
	}
}

// lines bounds a joined error to a readable text.
func lines(err error) string {
	const most = 10
	all := strings.Split(err.Error(), "\n")
	if len(all) > most {
		all = append(all[:most], fmt.Sprintf("and %d more", len(all)-most))
	}
	return strings.Join(all, "; ")
}
