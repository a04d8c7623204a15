package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/kustomize"
)

// unvalued are placements that build, and do not with the values of some clusters: those
// get nothing of the head.
type unvalued struct {
	// on are the placements, by cluster.
	on map[string][]string
	// news are the clusters that failed in another way at the base, or not, by placement.
	news map[string][]string
}

// unvalued looks at what may differ from the base, and at nothing else: a value is each
// cluster's own, and so is the work.
func (d *differ) unvalued() unvalued {
	all := unvalued{on: map[string][]string{}, news: map[string][]string{}}
	for cluster, c := range d.head.Model.Clusters {
		on := d.head.on(cluster)
		if on == nil || c.Spec.Suspend {
			continue
		}
		for name, is := range on.Placed {
			was := placedOn(d.base.on(cluster), name)
			if is.Err != nil || !is.Placement.Substitutes() || d.sameValues(cluster, was, is) {
				continue
			}
			err := d.head.with(cluster, name).Err
			if err == nil {
				continue
			}
			all.on[cluster] = append(all.on[cluster], name)
			if was != nil {
				if before := d.base.with(cluster, name).Err; before != nil && before.Error() == err.Error() {
					continue
				}
			}
			all.news[name] = append(all.news[name], cluster)
		}
		slices.Sort(all.on[cluster])
	}
	return all
}

func (d *differ) sameValues(cluster string, was, is *kustomize.Placed) bool {
	return was != nil && was.Err == nil && was.Build == is.Build && was.Placement.Substitutes() &&
		maps.Equal(was.Placement.Spec.Substitute, is.Placement.Spec.Substitute) &&
		d.base.values(cluster) == d.head.values(cluster)
}

// problems are those of the first cluster of each placement: a thousand without the same
// value are one thing to mend.
func (u unvalued) problems(d *differ) (all []Problem) {
	for _, name := range slices.Sorted(maps.Keys(u.news)) {
		on := d.clusters(u.news[name])
		for _, p := range d.head.buildProblems(name, d.head.with(on.Names[0], name).Err) {
			p = told(p)
			if on.Count > 1 {
				p.Problem += fmt.Sprintf("; it does not build on %s", on.Title)
			}
			all = append(all, p)
		}
	}
	return all
}

func (u unvalued) class(cluster string) string { return strings.Join(u.on[cluster], " ") }
