package clone

import (
	"path"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// noFleet says why a commit without fleet.yaml at its top is no fleet, and where one lies
// that was meant: key service and clusters read it at the top alone.
func noFleet(t *tree.Tree, commit string) error {
	lies := ""
	t.Walk("", func(at string, n *tree.Node) {
		if lies == "" && n.Kind == tree.File && path.Base(at) == tree.FleetFile {
			lies = at
		}
	})
	if lies == "" {
		return &fleetError{fault.New("`bulla init` makes a fleet there; another branch is shown by --branch",
			"read commit %s: there is no %s at the top of the repository", short(commit), tree.FleetFile)}
	}
	return &fleetError{fault.New("move all that lies beside it to the top of a repository (git mv), and the paths in "+
		"placements with it: key service and clusters look there alone",
		"read commit %s: %s lies at %.200q, and not at the top of the repository", short(commit), tree.FleetFile, lies)}
}
