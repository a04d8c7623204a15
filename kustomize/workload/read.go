package workload

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// The kinds that an object may name, all of the core group.
const (
	Secret         = "Secret"
	ConfigMap      = "ConfigMap"
	ServiceAccount = "ServiceAccount"
	Claim          = "PersistentVolumeClaim"
)

// Ref is an object that another one names, in its own namespace unless
// Namespace says otherwise.
type Ref struct {
	Kind string
	Name string
	// Namespace is empty for the namespace of the object that names it.
	Namespace string
	// Optional is set when a pod starts, and a route serves, without it.
	Optional bool
	// Keys are the keys that are asked for by name, sorted.
	Keys []string
	// Path is where it is named first, as a JSON pointer (RFC 6901), for people.
	Path string
}

// PullsOnly says that it is named as a pull secret alone. The kubelet reads one anew
// with each image: no running pod has it, so that another value is no reason to
// restart one.
func (r Ref) PullsOnly() bool { return strings.Contains(r.Path, "/imagePullSecrets/") }

// Reads returns what an object names, by kind, namespace and name: through its pod
// templates (env, envFrom, volumes, projected volumes, volume drivers' secrets,
// image pull secrets, the service account, claims), as an Ingress or a Gateway
// (certificates), and as a ServiceAccount (its secrets and pull secrets).
func Reads(object map[string]any) []Ref {
	r := &reader{object: object, refs: map[target]*Ref{}}
	for _, t := range Templates(object) {
		r.pod(join(t.Path, "spec"))
	}
	switch group, kind := groupKind(object); {
	case group == "networking.k8s.io" && kind == "Ingress":
		r.each([]string{"spec", "tls"}, func(at []string) { r.name(Secret, false, at, "secretName") })
	case group == "gateway.networking.k8s.io" && kind == "Gateway":
		r.each([]string{"spec", "listeners"}, func(at []string) {
			r.each(join(at, "tls", "certificateRefs"), r.certificate)
		})
	case group == "" && kind == "ServiceAccount":
		r.each([]string{"secrets"}, func(at []string) { r.name(Secret, true, at, "name") })
		r.each([]string{"imagePullSecrets"}, func(at []string) { r.name(Secret, true, at, "name") })
	}
	return r.sorted()
}

type target struct{ kind, namespace, name string }

type reader struct {
	object map[string]any
	refs   map[target]*Ref
}

// each calls f with the path of every item of a list.
func (r *reader) each(path []string, f func(at []string)) {
	for i := range listAt(r.object, path...) {
		f(join(path, strconv.Itoa(i)))
	}
}

// name notes the object that stands at a path, if one does.
func (r *reader) name(kind string, optional bool, at []string, path ...string) {
	full := join(at, path...)
	r.note(target{kind: kind, name: textAt(r.object, full...)}, optional, "", full)
}

func (r *reader) note(t target, optional bool, key string, path []string) {
	if t.name == "" {
		return
	}
	ref, ok := r.refs[t]
	if !ok {
		ref = &Ref{Kind: t.kind, Name: t.name, Namespace: t.namespace, Optional: true, Path: pointer(path)}
		r.refs[t] = ref
	}
	ref.Optional = ref.Optional && optional
	if key != "" && !slices.Contains(ref.Keys, key) {
		ref.Keys = append(ref.Keys, key)
	}
}

func (r *reader) sorted() []Ref {
	refs := make([]Ref, 0, len(r.refs))
	for _, ref := range r.refs {
		slices.Sort(ref.Keys)
		refs = append(refs, *ref)
	}
	slices.SortFunc(refs, func(a, b Ref) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return refs
}

var escape = strings.NewReplacer("~", "~0", "/", "~1")

func pointer(path []string) string {
	var b strings.Builder
	for _, step := range path {
		b.WriteByte('/')
		b.WriteString(escape.Replace(step))
	}
	return b.String()
}
