package check

import (
	"fmt"
	"strconv"

	"github.com/bulla-dev/bulla/kustomize/tree"
)

// checkConsents says which lines of spec.prune.consent let nothing go: what waits for
// them would wait for ever. A shallow clone cannot tell, which is worth a note.
func (s since) checkConsents() {
	for i, consent := range s.model.Fleet.Spec.PruneConsents() {
		if s.head.clone.Descends(s.head.commit, consent.Revision) {
			continue
		}
		found := Finding{
			Warning: true, File: tree.FleetFile, Field: fmt.Sprintf("spec.prune.consent[%d].revision", i),
			Line: s.lineOf(tree.FleetFile, "spec", "prune", "consent", strconv.Itoa(i), "revision"),
			Problem: fmt.Sprintf("%s is not in the history of the last commit: where the branch does not have it, it lets "+
				"nothing go; hint: name the commit that PruneBlocked names, once it is on the branch", consent.Revision),
		}
		if s.head.clone.Shallow() {
			found.Warning, found.Note = false, true
			found.Problem = consent.Revision + " is not in this clone, which is shallow: nobody can tell whether it lets " +
				"anything go; hint: git fetch --unshallow"
		}
		s.add(found)
	}
}
