package check

import "fmt"

// checkDependencies finds what waits for ever: a placement that depends on one
// which its cluster does not get, or on itself round a corner.
func (g grants) checkDependencies(name string) {
	for _, fault := range g.model.DependencyFaults(name) {
		g.add(Finding{
			File: g.placementFile(name), Field: fmt.Sprintf("spec.dependsOn[%d].name", fault.Dependency),
			Problem: fault.Problem,
		})
	}
}
