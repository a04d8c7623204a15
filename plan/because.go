package plan

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// because says through which files a grant changes. Each way by which access is granted
// is asked, so that none can change a grant unseen; clusters/ files are named when it is
// known of how many clusters it holds, see [folds].
func (d *differ) because(cluster string, change Change, v value, from string) []Cause {
	var causes []Cause
	add := func(path GrantingPath, what string, files ...string) {
		files = slices.DeleteFunc(files, func(f string) bool { return f == "" })
		slices.Sort(files)
		causes = append(causes, Cause{Path: path, What: what, Files: append([]string{}, slices.Compact(files)...)})
	}
	placements := []string{v.placement}
	if from != "" {
		placements = append(placements, from)
	}
	was, is := d.base.Model.Clusters[cluster], d.head.Model.Clusters[cluster]
	if was != nil && is != nil && !d.relabelled(cluster, placements) {
		was = was.DeepCopy()
		was.Metadata.Labels = is.Metadata.Labels
	}
	if what := clusterChange(was, is); what != "" {
		switch {
		case was == nil && d.base.refused(api.KindCluster, cluster):
			what = readNow
		case is == nil && d.head.refused(api.KindCluster, cluster):
			what = cannotBeRead
		}
		add(ByCluster, what)
	}
	for _, placement := range placements {
		d.becausePlaced(cluster, placement, add)
	}
	if what := keyChange(d.base.Model.Fleet, d.head.Model.Fleet); what != "" && len(causes) == 0 {
		add(ByFleet, what, tree.FleetFile)
	}
	if files := d.changedStubs(cluster, v); len(files) > 0 {
		add(ByBuild, buildWords[change], files...)
	}
	if files := d.otherClaims(cluster, v); len(files) > 0 {
		add(ByPlacement, claimWords[change], files...)
	}
	if len(causes) == 0 {
		add(ByBuild, "what the placement builds changed", d.head.Model.Files[api.KindPlacement+"/"+v.placement])
	}
	return causes
}

var buildWords = map[Change]string{
	Gained: "the stub is new, or has another lock", Lost: "the stub is gone, or lost its lock",
	Changed: "the stub has another value", Moved: "the stub moved",
}

func clusterChange(was, is *api.Cluster) string {
	switch {
	case was == nil && is == nil:
		return ""
	case was == nil:
		return "the cluster is new"
	case is == nil:
		return "the cluster left the fleet"
	}
	var what []string
	for _, c := range []struct {
		is  bool
		yes string
		was bool
		no  string
	}{
		{is.Spec.Suspend, "it is suspended", was.Spec.Suspend, "it is suspended no more"},
		{is.Spec.Decommission, "it is decommissioned", was.Spec.Decommission, "it is decommissioned no more"},
	} {
		if c.is && !c.was {
			what = append(what, c.yes)
		} else if c.was && !c.is {
			what = append(what, c.no)
		}
	}
	if !maps.Equal(was.Metadata.Labels, is.Metadata.Labels) {
		what = append(what, "its labels changed")
	}
	if rekeyed(was, is) {
		what = append(what, "its keys changed")
	}
	switch {
	case was.Spec.VouchedBy != "" && is.Spec.VouchedBy == "":
		what = append(what, "its keys count as compared, and locks may rest on them alone")
	case was.Spec.VouchedBy != is.Spec.VouchedBy:
		what = append(what, "its keys stand on the key service's word")
	}
	return strings.Join(what, "; ")
}

// rekeyed: another holder of keys stands under a cluster's name.
func rekeyed(was, is *api.Cluster) bool {
	return was != nil && is != nil &&
		(was.Spec.Recipient != is.Spec.Recipient || was.Spec.Identity != is.Spec.Identity)
}

// becausePlaced says why a placement is on a cluster now, or no more, or in another
// variant.
func (d *differ) becausePlaced(cluster, placement string, add func(GrantingPath, string, ...string)) {
	file := func(m *model.Model) string { return m.Files[api.KindPlacement+"/"+placement] }
	was, is := d.base.Model.Placements[placement], d.head.Model.Placements[placement]
	files := []string{file(d.base.Model), file(d.head.Model)}
	switch {
	case was == nil && is == nil:
		return
	case was == nil && d.base.refused(api.KindPlacement, placement):
		add(ByPlacement, readNow, files...)
		return
	case was == nil:
		add(ByPlacement, "the placement is new", files...)
		return
	case is == nil && d.head.refused(api.KindPlacement, placement):
		add(ByPlacement, cannotBeRead, files...)
		return
	case is == nil:
		add(ByPlacement, "the placement is gone", files...)
		return
	case !reflect.DeepEqual(was.Spec.Targets, is.Spec.Targets) && d.onOneSide(placement, cluster):
		add(ByPlacement, "its targets changed", files...)
	case !kustomize.SameBuild(was, is):
		add(ByPlacement, "it builds or admits something else", files...)
	}
	sets := map[string]bool{}
	for _, p := range []*api.Placement{was, is} {
		for _, t := range p.Spec.Targets {
			sets[t.ClusterSet] = true
		}
		for _, v := range p.Spec.Variants {
			sets[v.ClusterSet] = true
		}
	}
	// A lock may name a set that no target does.
	for _, m := range []*model.Model{d.base.Model, d.head.Model} {
		for _, set := range m.SetsOf(cluster) {
			sets[set] = true
		}
	}
	for _, set := range slices.Sorted(maps.Keys(sets)) {
		before, after := d.base.Model.Sets[set], d.head.Model.Sets[set]
		if set == "" || before == nil && after == nil {
			continue
		}
		if before == nil || after == nil || !reflect.DeepEqual(before.Spec, after.Spec) && d.joins(set, cluster) {
			key, what := api.KindClusterSet+"/"+set, "set/"+set+" selects others"
			switch {
			case before == nil && d.base.refused(api.KindClusterSet, set):
				what = "set/" + set + ": " + readNow
			case after == nil && d.head.refused(api.KindClusterSet, set):
				what = "set/" + set + ": " + cannotBeRead
			case after == nil:
				what = "set/" + set + " is gone"
			}
			add(BySet, what, d.base.Model.Files[key], d.head.Model.Files[key])
		}
	}
	// Where its own file says the same of variants, another file had the cluster get
	// another one; where it is on one side only, nothing was built otherwise.
	if !d.base.places(placement, cluster) || !d.head.places(placement, cluster) ||
		reflect.DeepEqual(was.Spec.Variants, is.Spec.Variants) {
		return
	}
	old, now := variantOn(d.base.Model, placement, cluster), variantOn(d.head.Model, placement, cluster)
	switch {
	case old != now:
		add(ByVariant, "it is built "+inVariant(now)+", and was "+inVariant(old), files...)
	case now != "" && !sameVariant(d.base.Model, d.head.Model, placement, cluster):
		add(ByVariant, "what it builds "+inVariant(now)+" changed", files...)
	}
}

// sameVariant says whether what a cluster gets of a placement builds the same of every tree.
func sameVariant(base, head *model.Model, placement, cluster string) bool {
	was, err := base.For(placement, cluster)
	is, err2 := head.For(placement, cluster)
	return err == nil && err2 == nil && kustomize.SameBuild(was, is)
}

// What is said of a file that counts for nothing, on one of the sides.
const (
	readNow      = "the file could not be read before"
	cannotBeRead = "the file cannot be read, and grants nothing until it is mended"
)

// places says whether a placement is on a cluster.
func (r *resolving) places(placement, cluster string) bool {
	on := r.on(cluster)
	return on != nil && on.Placed[placement] != nil
}

func variantOn(m *model.Model, placement, cluster string) string {
	p, err := m.For(placement, cluster)
	if err != nil {
		return ""
	}
	return p.Variant
}

func inVariant(name string) string {
	if name == "" {
		return "in its own variant"
	}
	return "in variant " + name
}

// changedStubs are the files of stubs that stand for an object on one side and not, with
// the same bytes, on the other. Where a placement comes to a cluster or leaves it, a stub
// that would have opened there as it was is no reason, whatever else became of it.
func (d *differ) changedStubs(cluster string, v value) []string {
	was, is := d.base.stubsOf(cluster, v), d.head.stubsOf(cluster, v)
	came := d.onOneSide(v.placement, cluster)
	var files []string
	for path, digest := range is {
		if blob := d.base.digestAt(path); blob != digest && was[path] != digest &&
			(!came || !d.head.wouldOpen(d.base, path, cluster, v.field)) {
			files = append(files, path)
		}
	}
	for path, digest := range was {
		if blob := d.head.digestAt(path); blob != digest && is[path] != digest &&
			(!came || !d.base.wouldOpen(d.head, path, cluster, v.field)) {
			files = append(files, path)
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// stubsOf are the stubs that stand for a value's object, with their digests by path.
func (r *resolving) stubsOf(cluster string, v value) map[string]string {
	files := map[string]string{}
	on := r.on(cluster)
	if on == nil {
		return nil
	}
	for digest, candidates := range on.stubs.ByDigest {
		for _, c := range candidates {
			if c.Placement == v.placement && c.Object == v.object {
				files[c.Path] = digest
			}
		}
	}
	return files
}

func (r *resolving) digestAt(path string) string {
	data, err := r.Tree.ReadFile(path)
	if err != nil {
		return ""
	}
	return api.StubDigest(data)
}
