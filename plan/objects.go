package plan

import (
	"cmp"
	"reflect"
	"slices"

	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// pair is a build before and the one after; nil for none.
type pair struct{ before, after *kustomize.Build }

// compared is what became of the objects between two builds, whoever has them.
type compared struct {
	objects  []ObjectChange
	restarts []Object
}

// compare compares two builds, once for all clusters that have both.
func (d *differ) compare(p pair) *compared {
	if known := d.pairs[p]; known != nil {
		return known
	}
	c := &compared{objects: []ObjectChange{}}
	d.pairs[p] = c
	if p.before == p.after {
		return c
	}
	before, after := byID(p.before), byID(p.after)
	for id, now := range after {
		old, was := before[id]
		switch {
		case !was:
			c.objects = append(c.objects, d.objectChange(Added, id, kustomize.Object{}, now))
		case !d.sameObject(old, now):
			c.objects = append(c.objects, d.objectChange(Changed, id, old, now))
		}
	}
	for id, old := range before {
		if _, is := after[id]; !is {
			c.objects = append(c.objects, d.objectChange(Removed, id, old, kustomize.Object{}))
		}
	}
	slices.SortFunc(c.objects, compareChanges)
	c.restarts = d.restarts(before, after)
	return c
}

func compareChanges(a, b ObjectChange) int {
	return cmp.Or(compareObjects(a.Object, b.Object), cmp.Compare(a.Change, b.Change), cmp.Compare(a.Other, b.Other))
}

func byID(b *kustomize.Build) map[kustomize.ObjectID]kustomize.Object {
	all := map[kustomize.ObjectID]kustomize.Object{}
	if b != nil {
		for _, o := range b.Objects {
			all[o.ID()] = o
		}
	}
	return all
}

func (d *differ) objectChange(change Change, id kustomize.ObjectID, old, now kustomize.Object) ObjectChange {
	c := ObjectChange{Change: change, Object: objectOf(id), Fields: d.changedFields(old, now)}
	if stub := cmp.Or(now.Stub, old.Stub); stub != nil {
		c.Stub = stub.Path
	}
	return c
}

// sameObject compares what is applied: locks are not, so that a new key, one more
// cluster, or a stub that goes to a store, changes nothing.
func (d *differ) sameObject(old, now kustomize.Object) bool {
	return (old.Stub == nil) == (now.Stub == nil) && len(d.changedFields(old, now)) == 0 &&
		reflect.DeepEqual(old.Object, now.Object)
}

// changedFields are the sealed fields with another value.
func (d *differ) changedFields(old, now kustomize.Object) []string {
	return reference.Changed(d.fleet(), sealedOf(old), sealedOf(now))
}
