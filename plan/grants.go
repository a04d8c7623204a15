package plan

import (
	"cmp"
	"slices"

	"github.com/bulla-dev/bulla/kustomize"
)

// granted are what changes of what a cluster may open. Whoever has the new keys of one
// that was rekeyed had nothing of it: all that stays under the name is gained.
func (d *differ) granted(cluster string, before, after access) []Grant {
	grants := d.grants(cluster, before, after)
	if !rekeyed(d.base.Model.Clusters[cluster], d.head.Model.Clusters[cluster]) {
		return grants
	}
	lost := slices.DeleteFunc(grants, func(g Grant) bool { return g.Change != Lost })
	return append(d.grants(cluster, access{}, after), lost...)
}

// grants are what changes between two accesses.
func (d *differ) grants(cluster string, before, after access) []Grant {
	byObject := map[string]*Grant{}
	note := func(change Change, v value, from string, stub string) {
		key := string(change) + "\x00" + v.placement + "\x00" + v.object.String() + "\x00" + from + "\x00" + stub
		g := byObject[key]
		if g == nil {
			g = &Grant{Change: change, Placement: v.placement, From: from, Object: objectOf(v.object), Stub: stub,
				Because: d.because(cluster, change, v, from)}
			byObject[key] = g
		}
		g.Fields = append(g.Fields, v.field)
	}
	came := map[value]string{}
	for v, is := range after.opens {
		was, had := before.opens[v]
		switch {
		case !had:
			from := d.movedFrom(v, is, before, after)
			came[value{from, v.object, v.field}] = v.placement
			if from == "" {
				note(Gained, v, "", is.stub)
			} else {
				note(Moved, v, from, is.stub)
			}
		case !d.sameValue(was, is):
			note(Changed, v, "", is.stub)
		}
	}
	for v, was := range before.opens {
		if _, has := after.opens[v]; !has && came[v] == "" {
			note(Lost, v, "", was.stub)
		}
	}
	grants := make([]Grant, 0, len(byObject))
	for _, g := range byObject {
		slices.Sort(g.Fields)
		grants = append(grants, *g)
	}
	slices.SortFunc(grants, func(a, b Grant) int {
		return cmp.Or(cmp.Compare(a.Placement, b.Placement), compareObjects(a.Object, b.Object),
			cmp.Compare(a.Change, b.Change), cmp.Compare(a.Stub, b.Stub), cmp.Compare(a.From, b.From))
	})
	return grants
}

// movedFrom is the placement that let the cluster open the same payload, for the same
// object, and does no more; "" for none.
func (d *differ) movedFrom(v value, is opened, before, after access) (from string) {
	for old, was := range before.opens {
		if old.object == v.object && old.field == v.field && d.sameValue(was, is) {
			if _, still := after.opens[old]; !still && (from == "" || old.placement < from) {
				from = old.placement
			}
		}
	}
	return from
}

// missing are the values that do not open where they are placed, and were not placed
// before, or opened.
func (d *differ) missing(before, after access) []Missing {
	byObject := map[string]*Missing{}
	for v, is := range after.shut {
		if _, was := before.shut[v]; was {
			continue
		}
		key := v.placement + "\x00" + v.object.String() + "\x00" + is.problem
		m := byObject[key]
		if m == nil {
			m = &Missing{Placement: v.placement, Object: objectOf(v.object), Stub: is.stub, Problem: is.problem}
			byObject[key] = m
		}
		m.Fields = append(m.Fields, v.field)
		m.Hint = d.sealAgain(v.placement, m, is)
	}
	all := make([]Missing, 0, len(byObject))
	for _, m := range byObject {
		slices.Sort(m.Fields)
		all = append(all, *m)
	}
	slices.SortFunc(all, compareMissing)
	return all
}

func compareMissing(a, b Missing) int {
	return cmp.Or(cmp.Compare(a.Placement, b.Placement), compareObjects(a.Object, b.Object),
		cmp.Compare(a.Problem, b.Problem))
}

func objectOf(id kustomize.ObjectID) Object {
	return Object{Group: id.Group, Kind: id.Kind, Namespace: id.Namespace, Name: id.Name}
}

func compareObjects(a, b Object) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.Group, b.Group))
}
