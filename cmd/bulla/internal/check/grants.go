package check

import (
	"maps"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/layout"
	"github.com/bulla-dev/bulla/keyservice/grant"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// grants are the files that say who gets what, without what they build.
type grants struct{ *fleet }

func (g grants) check() {
	g.checkFlaws()
	g.checkKeys()
	for _, name := range slices.Sorted(maps.Keys(g.model.Placements)) {
		g.checkTargets(name)
		g.checkDependencies(name)
		g.checkExpressions(name)
		g.checkWaves(name)
	}
	g.checkOwners()
	g.checkSigning()
}

// checkKeys tells of clusters' keys that are none, or not their own.
func (g grants) checkKeys() {
	for _, e := range grant.KeyProblems(g.model, nil) {
		g.add(Finding{File: e.File, Line: g.lineOf(e.File, strings.Split(e.Field, ".")...),
			Field: e.Field, Problem: e.Problem})
	}
}

// checkFlaws tells of folders that nothing is built from. Where they grant, or a
// placement builds them, that is an error already.
func (g grants) checkFlaws() {
	for _, flawed := range g.tree.Flaws() {
		if !slices.ContainsFunc(g.model.Problems, func(p model.Problem) bool { return p.File == flawed.Path }) {
			g.warn(flawed.Path, "%s: no placement can build its folder; hint: give it another name (git mv)", flawed.Problem)
		}
	}
}

// checkOwners wants a reviewer for everything that grants access.
func (g grants) checkOwners() {
	for _, file := range []string{"CODEOWNERS", ".github/CODEOWNERS", ".gitlab/CODEOWNERS", "docs/CODEOWNERS"} {
		data, err := g.tree.ReadFile(file)
		if err != nil {
			continue
		}
		for _, path := range layout.Missing(data) {
			if path != "/CODEOWNERS" || file == "CODEOWNERS" {
				g.warn(file, "it names nobody for %s, which grants access", path)
			}
		}
		return
	}
	g.warn("CODEOWNERS", "it is missing: nobody must approve what grants access")
}

// checkSigning says what a fleet that demands signatures leaves to every pusher.
func (g grants) checkSigning() {
	signing := g.model.Fleet.Spec.Signing
	if signing == nil || len(signing.Require) == 0 {
		return
	}
	for _, grant := range layout.Grants {
		path := strings.Trim(grant.Path, "/")
		if path == tree.FleetFile || path == "CODEOWNERS" { // the one is always signed, the other grants nothing by itself
			continue
		}
		if !slices.ContainsFunc(signing.Require, func(r string) bool { return strings.TrimSuffix(r, "/") == path }) {
			g.add(Finding{Warning: true, File: tree.FleetFile, Field: "spec.signing.require",
				Problem: "leaves out " + path + "/, " + grant.Why + ": whoever can push changes that without a signature"})
		}
	}
}
