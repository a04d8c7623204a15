package draft

import (
	"slices"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/desk/placed"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/sealing"
)

// MostNamed is how many clusters of a set are named one by one, so that one can leave it.
const MostNamed = 50

// placed is the file of an application that is on one cluster or set more, or less.
func (c Choice) placed(s *clone.Snapshot) (map[string][]byte, error) {
	file, old := s.Model.Files[api.KindPlacement+"/"+c.Placement], s.Model.Placements[c.Placement]
	if old == nil || file == "" {
		return nil, c.noApplication()
	}
	if len(c.Targets) != 1 {
		return nil, ErrNoTarget
	}
	data, err := s.Tree.ReadFile(file)
	if err != nil {
		return nil, err
	}
	turn := joins
	if c.Kind == Leave {
		turn = leaves
	}
	add, remove, err := turn(s.Model, old, c.Targets[0])
	if err != nil {
		return nil, err
	}
	if data, err = placed.Edit(file, data, old, add, remove); err != nil {
		return nil, err
	}
	return map[string][]byte{file: data}, nil
}

func (c Choice) noApplication() error {
	return fault.New("load the page anew: it may be gone since", "there is no application %.60q", c.Placement)
}

// joins are the targets that a placement gets: a name that is none of the fleet's would be
// merged, and grant nothing, or later something else.
func joins(
	m *model.Model, old *api.Placement, t sealing.Target,
) (add []api.PlacementTarget, remove []int, err error) {
	known := m.Clusters[t.Name] != nil
	if t.Kind == sealing.Set {
		known = m.Sets[t.Name] != nil
	}
	named := placed.Named(t)
	switch {
	case !known:
		return nil, nil, fault.New("load the page anew: it may be gone since", "the fleet has no %.80q", t.String())
	case placed.Index(old.Spec.Targets, named) >= 0:
		return nil, nil, fault.New("load the page anew", "%s is placed on %s already", old.Metadata.Name, t)
	}
	return []api.PlacementTarget{named}, nil, nil
}

// leaves are the targets that a placement gets and loses. A cluster that it has by a set
// leaves that by having the set's others named in its place.
func leaves(
	m *model.Model, old *api.Placement, t sealing.Target,
) (add []api.PlacementTarget, remove []int, err error) {
	if i := placed.Index(old.Spec.Targets, placed.Named(t)); i >= 0 {
		remove = append(remove, i)
	}
	var stay []string // clusters that sets have without it
	for i, target := range old.Spec.Targets {
		members := m.Members(target.ClusterSet)
		switch {
		case target.ClusterSet == "" || t.Kind == sealing.Set:
		case !slices.Contains(members, t.Name):
			stay = append(stay, members...)
		case target.NotAfter != "":
			return nil, nil, fault.New("edit the file in a clone: what ends is written there",
				"%s has %s by set/%s, which ends %s", old.Metadata.Name, t, target.ClusterSet, target.NotAfter)
		case len(members)-1 > MostNamed:
			return nil, nil, fault.New("make a set without it (bulla cluster set), and place the application on that",
				"%s has %s by set/%s, whose %d clusters are too many to be named one by one", old.Metadata.Name, t,
				target.ClusterSet, len(members))
		default:
			remove = append(remove, i)
		}
	}
	for _, i := range remove {
		for _, name := range m.Members(old.Spec.Targets[i].ClusterSet) {
			one := api.PlacementTarget{ClusterName: name}
			if t.Kind == sealing.Set || name == t.Name || slices.Contains(stay, name) || slices.Contains(add, one) ||
				placed.Index(old.Spec.Targets, one) >= 0 {
				continue
			}
			add = append(add, one)
		}
	}
	switch {
	case len(remove) == 0:
		return nil, nil, fault.New("load the page anew: it may have left it since", "%s is not placed on %s",
			old.Metadata.Name, t)
	case len(remove) == len(old.Spec.Targets) && len(add) == 0:
		return nil, nil, fault.New("retire the application", "%s is nowhere but on %s", old.Metadata.Name, t)
	}
	return add, remove, nil
}
