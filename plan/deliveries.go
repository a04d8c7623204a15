package plan

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize"
)

// deliveries are what changes of the placements of a cluster. A cluster that left the
// fleet, or is suspended, keeps what it has: nothing is delivered there.
func (d *differ) deliveries(cluster string) []Delivery {
	c := d.head.Model.Clusters[cluster]
	if c == nil || c.Spec.Suspend {
		return nil
	}
	before, after := d.base.on(cluster), d.head.on(cluster)
	names := map[string]bool{}
	for _, r := range []*resolved{before, after} {
		if r != nil {
			for name := range r.Placed {
				names[name] = true
			}
		}
	}
	var all []Delivery
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if delivery, changes := d.delivery(cluster, name, before, after); changes {
			all = append(all, delivery)
		}
	}
	return all
}

// delivery compares one placement on a cluster. What cannot be told is a problem, and no
// change: a placement that does not build keeps what it has.
func (d *differ) delivery(cluster, name string, before, after *resolved) (Delivery, bool) {
	was, is := placedOn(before, name), placedOn(after, name)
	if is != nil && is.Err != nil || is == nil && d.holdsDeletes(cluster) || slices.Contains(d.without.on[cluster], name) {
		return Delivery{}, false
	}
	out := Delivery{Change: Changed, Placement: name, Objects: []ObjectChange{}}
	var builds pair
	if was != nil {
		out.Before, builds.before = was.Placement.Variant, was.Build
	}
	if is != nil {
		out.After, builds.after = is.Placement.Variant, is.Build
	}
	builds = d.valued(cluster, was, is, builds)
	switch {
	case was == nil:
		out.Change = Added
	case is == nil:
		out.Change = Removed
	default:
		out.Settings = settings(d.base.Model.Placements[name], d.head.Model.Placements[name])
		out.Ends = d.ends(cluster, name)
	}
	both := d.compare(builds)
	out.Restarts = slices.Clone(both.restarts)
	for _, o := range both.objects {
		if o, counts := owned(o, name, before, after); counts {
			out.Objects = append(out.Objects, o)
			if o.Change == Moved && d.remadeByMove(o, before.Placed[o.Other].Build, builds.after) {
				out.Restarts = append(out.Restarts, o.Object)
			}
		}
	}
	slices.SortFunc(out.Restarts, compareObjects)
	if is != nil && slices.ContainsFunc(out.Objects, func(o ObjectChange) bool { return o.Change != Removed }) {
		out.Waits = d.waits(is.Placement)
	}
	out.Prune = d.prune(cluster, out, was, is, before, after)
	d.stay(&out, was, is, before, after)
	// What a workload reads may move away, and restart it, and nothing else changes here.
	changes := len(out.Settings)+len(out.Ends)+len(out.Objects)+len(out.Restarts) > 0
	changes = changes || out.Change != Changed || out.Before != out.After
	if out.Change != Changed || out.Before == out.After { // alike ones are told together, whichever variant it is
		out.Before, out.After = "", ""
	}
	return out, changes
}

// valued puts values into both builds, where those of the placement or of the cluster
// differ between the two sides: elsewhere what changes is the same without them.
func (d *differ) valued(cluster string, was, is *kustomize.Placed, builds pair) pair {
	if was == nil || is == nil || !is.Placement.Substitutes() && !was.Placement.Substitutes() ||
		d.base.values(cluster) == d.head.values(cluster) &&
			maps.Equal(was.Placement.Spec.Substitute, is.Placement.Spec.Substitute) {
		return builds
	}
	name := is.Placement.Metadata.Name
	return pair{d.base.with(cluster, name).Build, d.head.with(cluster, name).Build}
}

func placedOn(r *resolved, name string) *kustomize.Placed {
	if r == nil {
		return nil
	}
	return r.Placed[name]
}

// holdsDeletes: a file that may place something here cannot be read, and nothing is
// removed; [kustomize.Resolution] says the same of a cluster that something is on.
func (d *differ) holdsDeletes(cluster string) bool {
	return !d.head.Model.Clusters[cluster].Spec.Decommission &&
		slices.ContainsFunc(d.head.Model.Problems, func(p problem) bool {
			return p.Kind == api.KindPlacement || p.Kind == api.KindClusterSet
		})
}

// unread: a file of that kind is there at the head, and counts for nothing.
func (d *differ) unread(kind, name string) bool {
	return slices.ContainsFunc(d.head.Model.Problems, func(p problem) bool {
		return p.Kind == kind && (p.Name == name || p.Name == "")
	})
}

// owned gives an object to the one placement that has it on both sides together: what
// another one takes over is moved, and neither added here nor removed there.
func owned(o ObjectChange, name string, before, after *resolved) (ObjectChange, bool) {
	id := kustomize.ObjectID(o.Object)
	was, is := before.owner(id), after.owner(id)
	switch {
	case o.Change == Removed && (is != "" && is != name || after.claimed(id)):
		return o, false // the other one tells of it, or a problem
	case o.Change != Removed && is != name:
		return o, false // several claim it
	case o.Change == Added && was != "" && was != name:
		o.Change, o.Other = Moved, was
	}
	return o, true
}

func (r *resolved) owner(id kustomize.ObjectID) string {
	if r == nil {
		return ""
	}
	return r.Owners[id]
}

func (r *resolved) claimed(id kustomize.ObjectID) bool { return r != nil && len(r.Conflicts[id]) > 0 }

// settings are the fields of a placement's spec that changed.
func settings(was, is *api.Placement) []string {
	if was == nil || is == nil {
		return nil
	}
	before, after := fields(was), fields(is)
	changed := map[string]bool{}
	for _, side := range []map[string]any{before, after} {
		for field := range side {
			if !reflect.DeepEqual(before[field], after[field]) {
				changed[field] = true
			}
		}
	}
	delete(changed, "targets")
	delete(changed, "variants")
	return slices.Sorted(maps.Keys(changed))
}

func fields(p *api.Placement) map[string]any {
	out := map[string]any{}
	if data, err := json.Marshal(p.Spec); err == nil {
		_ = json.Unmarshal(data, &out) // of what was just written
	}
	return out
}
