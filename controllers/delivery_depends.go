package controllers

import (
	"fmt"
	"strings"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

// never says why a placement waits for another one for ever, as far as Git alone
// tells; "" when waiting may help.
func (s *Snapshot) never(name, on string) string {
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

// whyNot is what keeps a dependency, in its own words.
func whyNot(d *v1alpha1.Delivery) string {
	ready := conditions.Get(d, meta.ReadyCondition)
	switch {
	case d.Spec.Suspend:
		return ": its Delivery is suspended here"
	case ready == nil || conditions.IsTrue(d, meta.ReadyCondition):
		return ""
	}
	return fmt.Sprintf(": it says %s", ready.Reason)
}
