package view

import (
	"fmt"
	"slices"
	"strings"
)

// Never says why a placement waits for another one for ever, as far as Git alone
// tells; "" when waiting may help.
func (s *Snapshot) Never(name, on string) string {
	const hint = "; hint: mend spec.dependsOn in Git, as bulla validate says"
	placed := s.Placed(on)
	switch {
	case placed == nil:
		return fmt.Sprintf("waits for placement %q, which Git does not place on this cluster%s", on, hint)
	case placed.Placement.Spec.Suspend && !s.ClusterSuspended:
		return fmt.Sprintf("waits for placement %q, which Git suspends", on)
	}
	if circle := s.circle(name, on, map[string]bool{}); circle != nil {
		return fmt.Sprintf("waits for itself: %s → %s%s", name, strings.Join(circle, " → "), hint)
	}
	return ""
}

// circle is the way from one placement to another along dependsOn, nil for none.
func (s *Snapshot) circle(to, from string, seen map[string]bool) []string {
	placed := s.Placed(from)
	if placed == nil || seen[from] {
		return nil
	}
	seen[from] = true
	for _, dependency := range placed.Placement.Spec.DependsOn {
		if dependency.Name == to {
			return []string{from, to}
		}
		if rest := s.circle(to, dependency.Name, seen); rest != nil {
			return append([]string{from}, rest...)
		}
	}
	return nil
}

// Failing gives the placements that do not build, sorted.
func Failing(s *Snapshot) []string {
	var names []string
	for name, placed := range s.Resolution.Placed {
		if placed.Err != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
