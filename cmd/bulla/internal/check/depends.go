package check

import (
	"fmt"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// checkDependencies finds what waits for ever: a placement that depends on one
// which its cluster does not get, or on itself round a corner.
func (g grants) checkDependencies(name string) {
	for i, dependency := range g.model.Placements[name].Spec.DependsOn {
		if problem := g.dependency(name, dependency.Name); problem != "" {
			g.add(Finding{
				File: g.placementFile(name), Field: fmt.Sprintf("spec.dependsOn[%d].name", i), Problem: problem,
			})
		}
	}
}

func (g grants) dependency(name, on string) string {
	if g.refused(api.KindPlacement, on) {
		return ""
	}
	if g.model.Placements[on] == nil {
		return fmt.Sprintf("placement %q is not in the fleet: %s would wait for it for ever", on, name)
	}
	var alone []string
	targets := g.model.TargetsOf(on)
	for _, cluster := range g.model.TargetsOf(name) {
		if !slices.Contains(targets, cluster) {
			alone = append(alone, cluster)
		}
	}
	switch {
	case len(alone) > 0 && !g.targetsRefused(g.model.Placements[on]):
		return fmt.Sprintf("placement %q is not placed on %s: %s would wait for it there for ever", on,
			strings.Join(alone, ", "), name)
	}
	switch chain := g.leadsTo(on, name, map[string]bool{}); {
	case len(chain) == 2:
		return fmt.Sprintf("placement %q depends on this one: each would wait for the other for ever", on)
	case len(chain) > 2:
		return name + " → " + strings.Join(chain, " → ") + ": each would wait for the next for ever"
	}
	return ""
}

// leadsTo follows dependsOn: the placements on the way, with both ends; nil for none.
func (g grants) leadsTo(from, to string, seen map[string]bool) []string {
	p := g.model.Placements[from]
	if p == nil || seen[from] {
		return nil
	}
	seen[from] = true
	if slices.ContainsFunc(p.Spec.DependsOn, func(d api.PlacementReference) bool { return d.Name == to }) {
		return []string{from, to}
	}
	for _, d := range p.Spec.DependsOn {
		if rest := g.leadsTo(d.Name, to, seen); rest != nil {
			return append([]string{from}, rest...)
		}
	}
	return nil
}
