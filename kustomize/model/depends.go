package model

import (
	"fmt"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// DependencyFault is a line of dependsOn that a placement would wait for, for ever. Who
// checks a fleet and who plans a change say why in the same words.
type DependencyFault struct {
	// Dependency counts from 0, in the order of the file.
	Dependency int
	Problem    string
}

// DependencyFaults are those of a placement, in order: it depends on one which a cluster
// of its own does not get, or on itself round a corner. What follows from a file that is
// refused is none: that file is a [Problem].
func (m *Model) DependencyFaults(placement string) (all []DependencyFault) {
	for i, dependency := range m.Placements[placement].Spec.DependsOn {
		if problem := m.dependency(placement, dependency.Name); problem != "" {
			all = append(all, DependencyFault{Dependency: i, Problem: problem})
		}
	}
	return all
}

func (m *Model) dependency(placement, on string) string {
	if m.Refused(api.KindPlacement, on) != nil {
		return ""
	}
	if m.Placements[on] == nil {
		return fmt.Sprintf("placement %q is not in the fleet: %s would wait for it for ever", on, placement)
	}
	var alone []string
	targets := m.TargetsOf(on)
	for _, cluster := range m.TargetsOf(placement) {
		if !slices.Contains(targets, cluster) {
			alone = append(alone, cluster)
		}
	}
	if len(alone) > 0 && !m.TargetsRefused(on) {
		return fmt.Sprintf("placement %q is not placed on %s: %s would wait for it there for ever", on,
			strings.Join(alone, ", "), placement)
	}
	switch chain := m.leadsTo(on, placement, map[string]bool{}); {
	case len(chain) == 2:
		return fmt.Sprintf("placement %q depends on this one: each would wait for the other for ever", on)
	case len(chain) > 2:
		return placement + " → " + strings.Join(chain, " → ") + ": each would wait for the next for ever"
	}
	return ""
}

// leadsTo follows dependsOn: the placements on the way, with both ends; nil for none.
func (m *Model) leadsTo(from, to string, seen map[string]bool) []string {
	p := m.Placements[from]
	if p == nil || seen[from] {
		return nil
	}
	seen[from] = true
	if slices.ContainsFunc(p.Spec.DependsOn, func(d api.PlacementReference) bool { return d.Name == to }) {
		return []string{from, to}
	}
	for _, d := range p.Spec.DependsOn {
		if rest := m.leadsTo(d.Name, to, seen); rest != nil {
			return append([]string{from}, rest...)
		}
	}
	return nil
}

// TargetsRefused says that where a placement is, is not known while a file that says so is refused.
func (m *Model) TargetsRefused(placement string) bool {
	return slices.ContainsFunc(m.Placements[placement].Spec.Targets, func(t api.PlacementTarget) bool {
		if t.ClusterSet != "" {
			return m.MembersRefused(t.ClusterSet)
		}
		return m.Refused(api.KindCluster, t.ClusterName) != nil
	})
}

// MembersRefused says that who is in a set is not known while its file is refused, or that of a
// cluster, whose labels nobody read.
func (m *Model) MembersRefused(set string) bool {
	return m.Refused(api.KindClusterSet, set) != nil ||
		slices.ContainsFunc(m.Problems, func(p Problem) bool { return p.Kind == api.KindCluster })
}
