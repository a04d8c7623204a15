package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/workload"
)

// fleetObjects are the objects that the fleet places, whatever builds them.
type fleetObjects struct {
	known map[kustomize.ObjectID]*kustomize.Object
	// cluster are the kinds that some CustomResourceDefinition of the fleet makes
	// cluster-scoped, as "Kind.group".
	cluster map[string]bool
}

func objectsOf(builds []*kustomize.Build) fleetObjects {
	all := fleetObjects{known: map[kustomize.ObjectID]*kustomize.Object{}, cluster: map[string]bool{}}
	for _, build := range builds {
		for _, o := range build.Objects {
			all.known[o.ID()] = &o
			if o.GroupVersionKind().GroupKind().String() == "CustomResourceDefinition.apiextensions.k8s.io" {
				all.define(o.Object)
			}
		}
	}
	return all
}

func (f fleetObjects) define(crd map[string]any) {
	spec, _ := crd["spec"].(map[string]any)
	names, _ := spec["names"].(map[string]any)
	if spec["scope"] == "Cluster" {
		f.cluster[fmt.Sprintf("%v.%v", names["kind"], spec["group"])] = true
	}
}

// reads is what placements count on.
type reads struct {
	objects
	all []*kustomize.Build
}

// check says what a placement counts on and the fleet does not have: a
// namespace, and what workloads name. It may be there, made by somebody else.
func (r reads) check() {
	all := objectsOf(r.all)
	for _, build := range r.all {
		for _, namespace := range r.model.Placements[build.Placement].Spec.AllNamespaces() {
			if all.known[kustomize.ObjectID{Kind: "Namespace", Name: namespace}] == nil {
				r.add(Finding{Note: true, File: r.placementFile(build.Placement),
					Problem: fmt.Sprintf("no placement makes namespace %s: it must be there before, or nothing is applied",
						namespace)})
			}
		}
		for _, o := range build.Objects {
			r.checkReader(build, o, all)
			r.checkBinding(build, o, all)
			if gk := o.GroupVersionKind().GroupKind().String(); o.GetNamespace() != "" && all.cluster[gk] {
				r.add(Finding{File: r.placementFile(build.Placement), Problem: fmt.Sprintf(
					"%s is cluster-scoped, as its CustomResourceDefinition says; hint: write %q under spec.allow.clusterResources",
					describe(o.ID()), gk)})
			}
		}
	}
}

// made are the objects that every namespace has by itself.
var made = []workload.Ref{
	{Kind: workload.ServiceAccount, Name: "default"},
	{Kind: workload.ConfigMap, Name: "kube-root-ca.crt"},
}

func (r reads) checkReader(build *kustomize.Build, o kustomize.Object, all fleetObjects) {
	for _, ref := range workload.Reads(o.Object) {
		if ref.Optional || ref.Kind == workload.Claim ||
			slices.ContainsFunc(made, func(m workload.Ref) bool { return m.Kind == ref.Kind && m.Name == ref.Name }) {
			continue
		}
		namespace := ref.Namespace
		if namespace == "" {
			namespace = o.GetNamespace()
		}
		named := all.known[kustomize.ObjectID{Kind: ref.Kind, Namespace: namespace, Name: ref.Name}]
		if named == nil {
			r.warnAt(build, o, ref.Path, "%s names %s %s (%s), which no placement makes in namespace %s: its pods wait for it",
				describe(o.ID()), ref.Kind, ref.Name, ref.Path, namespace)
			continue
		}
		has := keysOf(named)
		for _, key := range ref.Keys {
			if len(has) > 0 && !slices.Contains(has, key) {
				r.warnAt(build, o, ref.Path, "%s reads key %s of %s %s (%s), which has %s: its pods wait for it",
					describe(o.ID()), key, ref.Kind, ref.Name, ref.Path, strings.Join(has, ", "))
			}
		}
	}
}

// keysOf are the keys of a Secret or ConfigMap, none where somebody else fills
// it: one that is empty in Git, the token of a service account.
func keysOf(o *kustomize.Object) []string {
	if o.Object["type"] == "kubernetes.io/service-account-token" {
		return nil
	}
	keys := map[string]bool{}
	for _, field := range []string{"data", "stringData", "binaryData"} {
		values, _ := o.Object[field].(map[string]any)
		for key := range values {
			keys[key] = true
		}
	}
	if o.Stub != nil {
		for _, pointer := range o.Stub.Fields() {
			keys[strings.TrimPrefix(pointer, "/data/")] = true
		}
	}
	return slices.Sorted(maps.Keys(keys))
}
