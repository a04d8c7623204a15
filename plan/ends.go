package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// ends says how the end of a placement on a cluster changes, "" where it does not.
func (d *differ) ends(cluster, placement string) string {
	was, is := d.base.end(cluster, placement), d.head.end(cluster, placement)
	if was == is {
		return ""
	}
	return fmt.Sprintf("its end was %s, and now is %s", was, is)
}

// end is when a placement leaves a cluster by itself.
func (s *Side) end(cluster, placement string) string {
	if at, ok := s.Model.EndOf(placement, cluster); ok {
		return at.Format(time.RFC3339)
	}
	return "never"
}

// ending are the ends of what a cluster has: two that have the same may have it until
// another time. What never ends is left out.
func (r *resolving) ending(cluster string) string {
	on := r.on(cluster)
	if on == nil {
		return ""
	}
	var all []string
	for name, placed := range on.Placed {
		if slices.ContainsFunc(placed.Placement.Spec.Targets, func(t api.PlacementTarget) bool { return t.NotAfter != "" }) {
			all = append(all, name+" "+r.end(cluster, name))
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}
