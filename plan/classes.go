package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/sealing"
)

// classes are the clusters of both sides, together where nothing that is decided on tells
// them apart: placements and variants, sets, and what their files say. The first of each
// stands for all, and ten thousand shops cost what one does.
func (d *differ) classes() [][]string {
	base, head := d.base, d.head
	named := base.namedInLocks()
	maps.Copy(named, head.namedInLocks())
	own := map[string]bool{}
	for name := range base.keys {
		own[name] = true
	}
	for name := range head.keys {
		own[name] = true
	}
	at, all := map[string]int{}, [][]string{}
	for _, name := range slices.Sorted(maps.Keys(own)) {
		key := base.class(name) + "\x00" + head.class(name) + "\x00" +
			clusterChange(base.Model.Clusters[name], head.Model.Clusters[name]) + "\x00" + d.without.class(name)
		if named[name] || base.values(name) != head.values(name) {
			key = name
		}
		i, known := at[key]
		if !known {
			i = len(all)
			at[key], all = i, append(all, nil)
		}
		all[i] = append(all[i], name)
	}
	return all
}

func (r *resolving) class(cluster string) string {
	ok, why := r.reaches(cluster)
	c := r.Model.Clusters[cluster]
	return fmt.Sprintf("%s\x01%s\x01%s\x01%v %s %v", r.keys[cluster], strings.Join(r.Model.SetsOf(cluster), " "),
		r.ending(cluster), ok, why, c != nil && c.Spec.Decommission)
}

// values are what a cluster's file puts into builds, "" where none of its placements
// takes any.
func (r *resolving) values(cluster string) string {
	c, on := r.Model.Clusters[cluster], r.on(cluster)
	if c == nil || on == nil {
		return ""
	}
	for _, placed := range on.Placed {
		if placed.Placement.Substitutes() {
			return fmt.Sprintf("%q %q", c.Metadata.Labels, c.Spec.Values)
		}
	}
	return ""
}

// namedInLocks are the clusters that a lock of a placed stub is for by name: such a lock
// opens for one of those that have the same otherwise.
func (r *resolving) namedInLocks() map[string]bool {
	names := map[string]bool{}
	note := func(text string) {
		if target, err := sealing.ParseTarget(text); err == nil && target.Kind == sealing.Cluster {
			names[target.Name] = true
		}
	}
	for _, group := range r.groups {
		for _, b := range group.bound {
			for _, block := range b.blocks {
				for _, lock := range block.Block.Locks {
					note(lock.Target)
				}
			}
		}
		for _, one := range group.referred {
			for _, target := range one.sealed.Targets() {
				note(target)
			}
		}
	}
	return names
}
