package check

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/layout"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/owners"
	"github.com/bulla-dev/bulla/desk/naming"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// granting are the files that say who gets what, those that somebody may add too.
func (g grants) granting() []string {
	all := []string{tree.FleetFile}
	for _, folder := range []string{tree.Clusters, tree.ClusterSets, tree.Placements} {
		all = append(all, owners.Any(folder))
		for _, entry := range g.tree.Files(folder) {
			if path.Ext(entry.Path) == ".yaml" {
				all = append(all, entry.Path)
			}
		}
	}
	return all
}

// placed are the files that placements build from, with those placements. What stands in
// a placement's folder is built the day that somebody adds it.
func (g grants) placed() map[string][]string {
	all := map[string][]string{}
	note := func(file, placement string) {
		if !slices.Contains(all[file], placement) {
			all[file] = append(all[file], placement)
		}
	}
	for name, p := range g.model.Placements {
		for _, variant := range p.InVariants() {
			note(owners.Any(variant.Spec.Path), name)
		}
	}
	for _, build := range g.builds {
		for _, file := range build.Files {
			note(file, build.Placement)
		}
	}
	return all
}

// under are the placements that build something of a path from the root, which is of a
// folder where it ends in a slash.
func under(placed map[string][]string, at string) (names []string) {
	at = strings.TrimPrefix(at, "/")
	for file, placements := range placed {
		if file == at || strings.HasSuffix(at, "/") && strings.HasPrefix(file, at) {
			names = append(names, placements...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func placements(names []string) string {
	if len(names) == 1 {
		return "placement " + names[0]
	}
	return "each of placements " + naming.Some(names)
}

// checkOwners wants a reviewer for everything that grants access: what says who gets what,
// what placements build, wherever that stands, and the file that names the reviewers.
func (g grants) checkOwners(placed map[string][]string) {
	file := owners.Find(g.tree)
	if file == nil {
		g.warn("CODEOWNERS", "it is missing: nobody must approve what grants access")
		return
	}
	for _, at := range owners.Open(append(g.granting(), file.Path), file.Own) {
		g.warn(file.Path, "it names nobody for %s, which grants access; hint: a line for it is %q", at, file.Line(at))
	}
	for _, at := range owners.Open(slices.Collect(maps.Keys(placed)), file.Own) {
		g.warn(file.Path, "it names nobody for %s, of which %s builds: what is merged there is granted; "+
			"hint: a line for it is %q", at, placements(under(placed, at)), file.Line(at))
	}
}

// checkSigning says what a fleet that demands signatures leaves to every pusher.
func (g grants) checkSigning(placed map[string][]string) {
	signing := g.model.Fleet.Spec.Signing
	if signing == nil || len(signing.Require) == 0 {
		return
	}
	signed := func(file string) bool {
		// fleet.yaml is always signed.
		return file == tree.FleetFile || slices.ContainsFunc(signing.Require, func(r string) bool {
			r = strings.TrimSuffix(r, "/")
			return file == r || strings.HasPrefix(file, r+"/")
		})
	}
	leaves := func(files []string, why func(at string) string) {
		for _, at := range owners.Open(files, signed) {
			g.add(Finding{Warning: true, File: tree.FleetFile, Field: "spec.signing.require", Problem: "leaves out " +
				at[1:] + ", " + why(at) + ": whoever can push changes that without a signature"})
		}
	}
	leaves(g.granting(), whyGranting)
	leaves(slices.Collect(maps.Keys(placed)), func(string) string { return layout.Built })
}

// whyGranting says what a path says, of those that grant whatever is placed.
func whyGranting(at string) string {
	for _, grant := range layout.Grants {
		if strings.HasPrefix(at, grant.Path) {
			return grant.Why
		}
	}
	return "which grants access"
}
