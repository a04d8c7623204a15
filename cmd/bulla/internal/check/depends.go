package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// checkDependencies finds what waits for ever: a placement that depends on one
// which its cluster does not get, or on itself round a corner.
func (c *checker) checkDependencies() {
	for _, name := range slices.Sorted(maps.Keys(c.model.Placements)) {
		for i, dependency := range c.model.Placements[name].Spec.DependsOn {
			if problem := c.dependency(name, dependency.Name); problem != "" {
				c.add(Finding{File: c.placementFile(name), Field: fmt.Sprintf("spec.dependsOn[%d].name", i), Problem: problem})
			}
		}
	}
}

func (c *checker) dependency(name, on string) string {
	if c.refused(api.KindPlacement, on) {
		return ""
	}
	if c.model.Placements[on] == nil {
		return fmt.Sprintf("placement %q is not in the fleet: %s would wait for it for ever", on, name)
	}
	var alone []string
	targets := c.model.TargetsOf(on)
	for _, cluster := range c.model.TargetsOf(name) {
		if !slices.Contains(targets, cluster) {
			alone = append(alone, cluster)
		}
	}
	switch {
	case len(alone) > 0 && !c.targetsRefused(c.model.Placements[on]):
		return fmt.Sprintf("placement %q is not placed on %s: %s would wait for it there for ever", on, strings.Join(alone, ", "), name)
	case c.leadsTo(on, name, map[string]bool{}):
		return fmt.Sprintf("placement %q depends on this one: each would wait for the other for ever", on)
	}
	return ""
}

// leadsTo follows dependsOn.
func (c *checker) leadsTo(from, to string, seen map[string]bool) bool {
	p := c.model.Placements[from]
	if p == nil || seen[from] {
		return false
	}
	seen[from] = true
	return slices.ContainsFunc(p.Spec.DependsOn, func(d api.PlacementReference) bool {
		return d.Name == to || c.leadsTo(d.Name, to, seen)
	})
}
