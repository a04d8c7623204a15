package plan

import (
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
)

var claimWords = map[Change]string{
	Gained: "no other placement claims the object any more", Lost: "another placement claims the object too",
	Changed: "another placement claims the object", Moved: "another placement claimed the object",
}

// otherClaims are the files of the placements that claim a value's object on one side
// alone: what several claim is of none.
func (d *differ) otherClaims(cluster string, v value) (files []string) {
	was, is := d.base.claimants(cluster, v), d.head.claimants(cluster, v)
	for _, name := range slices.Concat(was, is) {
		if name != v.placement && slices.Contains(was, name) != slices.Contains(is, name) {
			for _, side := range []*resolving{d.base, d.head} {
				files = append(files, side.Model.Files[api.KindPlacement+"/"+name])
			}
		}
	}
	return files
}

func (r *resolving) claimants(cluster string, v value) []string {
	if on := r.on(cluster); on != nil {
		return on.Conflicts[v.object]
	}
	return nil
}
