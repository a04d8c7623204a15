package check

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/bulla-dev/bulla/api/closest"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/yamltext"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// ofModel is what is wrong with a file that grants, where it is written.
func (f *fleet) ofModel(problem model.Problem) []Finding {
	findings := fromError(problem.File, problem.Err)
	for i, found := range findings {
		switch {
		case found.Line > 0 || found.File != problem.File:
		case problem.Field != "": // a placement that names what is not there
			findings[i].Field = problem.Field
			findings[i].Problem += nearest(problem.Name, f.model.Sets, "clustersets/"+problem.Name+".yaml makes one")
		case strings.HasPrefix(found.Problem, "metadata.name "):
			findings[i].Line = f.lineOf(found.File, "metadata", "name")
		}
	}
	return findings
}

// nearest is a hint to what somebody may have meant, and what to do if not.
func nearest[T any](name string, known map[string]T, otherwise string) string {
	if near := closest.Hint(name, slices.Sorted(maps.Keys(known))); near != "" {
		return "; hint: " + near + otherwise
	}
	return "; hint: " + otherwise
}

func (f *fleet) lineOf(file string, path ...string) int {
	data, err := f.tree.ReadFile(file)
	if err != nil {
		return 0
	}
	return yamltext.LineOf(data, path...)
}

// checkEnd warns of a target that counts for nothing any more.
func (g grants) checkEnd(file string, i int, target api.PlacementTarget) {
	if !target.EndedAt(g.model.Now()) {
		return
	}
	g.add(Finding{
		Warning: true, File: file, Line: g.lineOf(file, "spec", "targets", strconv.Itoa(i)),
		Field:   fmt.Sprintf("spec.targets[%d].notAfter", i),
		Problem: target.NotAfter + " has passed: the target counts for nothing; hint: remove it, or write a later time",
	})
}

// checkTargets says whom a placement does not reach.
func (g grants) checkTargets(name string) {
	p, file := g.model.Placements[name], g.placementFile(name)
	missing := false
	for i, target := range p.Spec.Targets {
		g.checkEnd(file, i, target)
		missing = missing || target.ClusterSet != "" && g.model.Sets[target.ClusterSet] == nil
		if _, ok := g.model.Clusters[target.ClusterName]; target.ClusterName != "" && !ok &&
			!g.refused(api.KindCluster, target.ClusterName) {
			g.add(Finding{
				Warning: true, File: file, Line: g.lineOf(file, "spec", "targets", strconv.Itoa(i)),
				Field: fmt.Sprintf("spec.targets[%d]", i),
				Problem: fmt.Sprintf("cluster %q is not in the fleet", target.ClusterName) +
					nearest(target.ClusterName, g.model.Clusters, "`bulla cluster add` makes one"),
			})
		}
	}
	if !missing {
		g.checkVariants(name)
	}
	// A set that is not there is a finding of the model, and the cause of this one.
	if len(g.model.TargetsOf(name)) == 0 && !missing && !g.model.TargetsRefused(name) {
		g.add(Finding{
			Warning: true, File: file, Line: g.lineOf(file, "spec", "targets"), Problem: "it reaches no cluster",
		})
	}
}
