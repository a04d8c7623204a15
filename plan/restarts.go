package plan

import (
	"reflect"
	"slices"

	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/workload"
)

// restarts are the workloads of both builds whose pods are made anew: their template
// changes, or a sealed Secret that their pods have gets another content, which the
// controller writes into the template.
func (d *differ) restarts(before, after map[kustomize.ObjectID]kustomize.Object) []Object {
	var all []Object
	for id, now := range after {
		if old, was := before[id]; was && d.remade(old, now, before, after) {
			all = append(all, objectOf(id))
		}
	}
	slices.SortFunc(all, compareObjects)
	return all
}

// remade: the pods of a workload are made anew, as it changes from one build to another.
func (d *differ) remade(old, now kustomize.Object, before, after map[kustomize.ObjectID]kustomize.Object) bool {
	return len(rolling(now)) > 0 &&
		(!reflect.DeepEqual(rolling(old), rolling(now)) || d.anotherContent(now, before, after))
}

// remadeByMove is [remade] of a workload that another placement takes over. What it reads
// and leaves behind is not in its template any more.
func (d *differ) remadeByMove(o ObjectChange, from, to *kustomize.Build) bool {
	before, after := byID(from), byID(to)
	id := kustomize.ObjectID(o.Object)
	return d.remade(before[id], after[id], before, after)
}

// rolling are the templates of an object whose pods follow them.
func rolling(o kustomize.Object) []any {
	var all []any
	for _, t := range workload.Templates(o.Object) {
		if t.Rolls {
			var at any = o.Object
			for _, step := range t.Path {
				next, ok := at.(map[string]any)
				if !ok {
					break
				}
				at = next[step]
			}
			all = append(all, at)
		}
	}
	return all
}

// anotherContent: a Secret that the pods read has another payload, field or template.
func (d *differ) anotherContent(o kustomize.Object, before, after map[kustomize.ObjectID]kustomize.Object) bool {
	return slices.ContainsFunc(workload.Reads(o.Object), func(ref workload.Ref) bool {
		id := kustomize.ObjectID{Kind: ref.Kind, Namespace: ref.Namespace, Name: ref.Name}
		if id.Namespace == "" {
			id.Namespace = o.GetNamespace()
		}
		old, now := before[id], after[id]
		if old.Stub == nil && now.Stub == nil || ref.PullsOnly() {
			return false
		}
		return (old.Stub == nil) != (now.Stub == nil) || !d.sameObject(old, now)
	})
}
