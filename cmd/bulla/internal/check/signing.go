package check

import (
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/layout"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// checkSigning says what a fleet that demands signatures leaves to every pusher.
func (c *checker) checkSigning() {
	signing := c.model.Fleet.Spec.Signing
	if signing == nil || len(signing.Require) == 0 {
		return
	}
	for _, grant := range layout.Grants {
		path := strings.Trim(grant.Path, "/")
		if path == tree.FleetFile || path == "CODEOWNERS" { // the one is always signed, the other grants nothing by itself
			continue
		}
		if !slices.ContainsFunc(signing.Require, func(r string) bool { return strings.TrimSuffix(r, "/") == path }) {
			c.add(Finding{Warning: true, File: tree.FleetFile, Field: "spec.signing.require",
				Problem: "leaves out " + path + "/, " + grant.Why + ": whoever can push changes that without a signature"})
		}
	}
}
