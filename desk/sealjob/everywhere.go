package sealjob

import (
	"context"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/desk/built"
	"github.com/bulla-dev/bulla/desk/naming"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/reach"
	"github.com/bulla-dev/bulla/sealing"
)

// everywhere refuses a stub that does not open wherever it is placed. What it is put
// in the place of may be all that there is of the values: once it is written, nobody
// here can seal them again.
func (j *Job) everywhere(ctx context.Context, out *Outcome) error {
	all, err := search{Fleet: j.Fleet, where: j.Where}.placements()
	if err != nil {
		return err
	}
	files, err := search{Fleet: j.Fleet, where: j.Where}.tree(out.Data)
	if err != nil {
		return err
	}
	found, err := built.Find(ctx, j.Fleet.Builder, files, all, j.Where.File, j.Fleet.Progress)
	if err != nil || len(found.Uses) == 0 {
		return err
	}
	own := search{Fleet: j.Fleet, where: j.Where, placement: j.Whom.Placement}
	if _, err := own.object(found); err != nil {
		return err
	}
	fleet := j.Fleet.Repo.Model
	var placed []string
	for _, use := range found.Uses {
		placed = append(placed, fleet.Got(use.Placement, use.Variant)...)
	}
	for _, sealed := range out.Sealed {
		var targets []sealing.Target
		for _, text := range sealed.Targets {
			if target, err := sealing.ParseTarget(text); err == nil {
				targets = append(targets, target)
			}
		}
		if left := without(placed, reached(fleet, targets)); len(left) > 0 {
			return fault.New("name a set for each with --set, or take the placement away from there first",
				"%s: it is placed on %s, and no lock would open %s there", j.Where.File,
				naming.Some(left), strings.Join(sealed.Fields, ", "))
		}
	}
	return nil
}

// warnFewer says whom a new value is not for any more: a stub that several placements
// build, sealed for one of them, is lost to the others. A value that is new says so
// where the stub is placed and the value opens nowhere at all.
func (l locking) warnFewer(warn func(string, ...any), change stub.Change, targets []sealing.LockTarget,
	uses []built.Use) {
	var now []sealing.Target
	for _, target := range targets {
		now = append(now, target.Target)
	}
	if len(change.Replaces) == 0 {
		l.warnNowhere(warn, change, now, uses)
		return
	}
	before := l.kept(change)
	if left := without(reached(l.model, before), reached(l.model, now)); len(left) > 0 {
		var names []string
		for _, target := range before {
			names = append(names, target.String())
		}
		warn("%s: %s was for %s, and is not for %s any more", l.where.File, strings.Join(change.Fields, ", "),
			strings.Join(names, ", "), naming.Some(left))
	}
}

// warnNowhere says of a new value that no cluster on which the stub is placed opens it.
func (l locking) warnNowhere(warn func(string, ...any), change stub.Change, now []sealing.Target, uses []built.Use) {
	var placed []string
	for _, use := range uses {
		placed = append(placed, l.model.Got(use.Placement, use.Variant)...)
	}
	left := without(placed, reached(l.model, now))
	if len(left) > 0 && len(left) == len(without(placed, nil)) {
		warn("%s: %s is for no cluster on which it is placed, such as %s", l.where.File,
			strings.Join(change.Fields, ", "), left[0])
	}
}

// noteVariants says which clusters of a placement do not get a new stub that stands in the
// placement's own folder: their variants build another one. Who put it into a variant's
// folder means those alone.
func (s search) noteVariants(uses []built.Use) {
	p := s.Repo.Model.Placements[s.placement]
	if p == nil || !reach.Within(s.where.File, p.Spec.Path) {
		return
	}
	var get []string
	for _, use := range uses {
		get = append(get, s.Repo.Model.Got(use.Placement, use.Variant)...)
	}
	for _, v := range p.InVariants() {
		if left := without(s.Repo.Model.Got(s.placement, v.Variant), get); len(left) > 0 {
			s.Note("%s is not for %s: %s in variant %s of placement %s, which builds %s; a folder that all of them "+
				"build gives it to all", s.where.File, naming.Some(left), plural.Verb(len(left), "it is", "they are"),
				v.Variant, s.placement, v.Spec.Path)
		}
	}
}

// warnEmpty tells of sets without a cluster: a lock for one is for nobody yet. It is sealed
// all the same, since a set may be there before its first cluster. Who is in which set is
// not known while a cluster's file is refused.
func (l locking) warnEmpty(warn func(string, ...any), targets [][]sealing.LockTarget) {
	if slices.ContainsFunc(l.model.Problems, func(p model.Problem) bool { return p.Kind == api.KindCluster }) {
		return
	}
	var empty []string
	for _, target := range slices.Concat(targets...) {
		if target.Kind == sealing.Set && len(l.model.Members(target.Name)) == 0 {
			empty = append(empty, target.String())
		}
	}
	slices.Sort(empty)
	for _, set := range slices.Compact(empty) {
		warn("%s: %s has no cluster: its lock opens for nobody until one has the set's labels; "+
			"`bulla cluster list` shows the labels that clusters have", l.where.File, set)
	}
}

// Lost are the clusters that open what is locked to before, and not what is locked to
// after.
func Lost(m *model.Model, before, after []sealing.Target) []string {
	return without(reached(m, before), reached(m, after))
}

// reached are the clusters that locks for targets open on.
func reached(m *model.Model, targets []sealing.Target) []string {
	var clusters []string
	for _, target := range targets {
		if target.Kind == sealing.Cluster {
			clusters = append(clusters, target.Name)
		} else {
			clusters = append(clusters, m.Members(target.Name)...)
		}
	}
	return clusters
}

// without are the names that are not among others, sorted.
func without(names, others []string) []string {
	var left []string
	for _, name := range names {
		if !slices.Contains(others, name) && !slices.Contains(left, name) {
			left = append(left, name)
		}
	}
	slices.Sort(left)
	return left
}
