package plan

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/plural"
)

// folded are clusters for which the same holds.
type folded[T any] struct {
	what     T
	clusters []string
}

// fold adds clusters to those for which the same holds.
func fold[T any](all *map[string]*folded[T], what T, clusters []string) {
	if *all == nil {
		*all = map[string]*folded[T]{}
	}
	key, err := json.Marshal(what)
	if err != nil {
		panic("fold: " + err.Error()) // texts, numbers and lists of them
	}
	f := (*all)[string(key)]
	if f == nil {
		f = &folded[T]{what: what}
		(*all)[string(key)] = f
	}
	f.clusters = append(f.clusters, clusters...)
}

// folds are what was found, by what it is.
type folds struct {
	grants     map[string]*folded[[]Grant]
	missing    map[string]*folded[Missing]
	deliveries map[string]*folded[Delivery]
	files      map[string]*folded[string]
}

func (f *folds) into(p *Plan, d *differ) {
	p.Grants, p.MissingLocks, p.Deliveries, p.ClusterFiles = []Grants{}, []Missing{}, []Delivery{}, []ClusterChange{}
	for _, one := range f.files {
		p.ClusterFiles = append(p.ClusterFiles, ClusterChange{On: d.clusters(one.clusters), Change: one.what})
	}
	for _, one := range f.grants {
		on := d.clusters(one.clusters)
		for i := range one.what {
			d.nameClusterFiles(one.what[i].Because, on.Names)
		}
		p.Grants = append(p.Grants, Grants{On: on, Changes: one.what})
	}
	for _, one := range f.missing {
		one.what.On = d.clusters(one.clusters)
		p.MissingLocks = append(p.MissingLocks, one.what)
	}
	for _, one := range f.deliveries {
		one.what.On = d.clusters(one.clusters)
		p.Deliveries = append(p.Deliveries, one.what)
	}
	slices.SortFunc(p.ClusterFiles, func(a, b ClusterChange) int {
		return cmp.Or(cmp.Compare(a.Change, b.Change), compareClusters(a.On, b.On))
	})
	slices.SortFunc(p.Grants, func(a, b Grants) int { return compareClusters(a.On, b.On) })
	slices.SortFunc(p.MissingLocks, func(a, b Missing) int {
		return cmp.Or(compareMissing(a, b), compareClusters(a.On, b.On))
	})
	slices.SortFunc(p.Deliveries, func(a, b Delivery) int {
		return cmp.Or(cmp.Compare(a.Placement, b.Placement), compareClusters(a.On, b.On))
	})
}

// nameClusterFiles names the files of the clusters for which a cause holds.
func (d *differ) nameClusterFiles(causes []Cause, clusters []string) {
	for i := range causes {
		if causes[i].Path != ByCluster {
			continue
		}
		files := map[string]bool{}
		for _, name := range clusters {
			key := api.KindCluster + "/" + name
			files[cmp.Or(d.head.Model.Files[key], d.base.Model.Files[key])] = true
		}
		causes[i].Files = slices.Sorted(maps.Keys(files))
	}
}

// compareClusters puts the largest groups first.
func compareClusters(a, b Clusters) int {
	return cmp.Or(cmp.Compare(b.Count, a.Count), slices.Compare(a.Names, b.Names))
}

// clusters names clusters by the set that they all are, if there is one.
func (d *differ) clusters(names []string) Clusters {
	slices.Sort(names)
	c := Clusters{Count: len(names), Names: names}
	if len(names) == 1 {
		c.Title = "cluster/" + names[0]
		return c
	}
	for _, r := range []*resolving{d.head, d.base} {
		for _, set := range slices.Sorted(maps.Keys(r.Model.Sets)) {
			if slices.Equal(r.members(set), names) {
				c.Title = "set/" + set
				return c
			}
		}
	}
	c.Title = plural.Of(len(names), "cluster")
	smallest := 0
	for _, set := range slices.Sorted(maps.Keys(d.head.Model.Sets)) {
		members := d.head.members(set)
		if len(members) > len(names) && (smallest == 0 || len(members) < smallest) && holdsAll(members, names) {
			smallest, c.Title = len(members), fmt.Sprintf("%d of %s of set/%s", len(names),
				plural.Of(len(members), "cluster"), set)
		}
	}
	return c
}

// holdsAll: both are sorted.
func holdsAll(members, names []string) bool {
	for _, name := range names {
		if _, ok := slices.BinarySearch(members, name); !ok {
			return false
		}
	}
	return true
}

// members are those of a set, looked up once.
func (r *resolving) members(set string) []string {
	known, ok := r.sets[set]
	if !ok {
		known = r.Model.Members(set)
		r.sets[set] = known
	}
	return known
}
