package check

import (
	"maps"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/passed"
	"github.com/bulla-dev/bulla/keyservice/grant"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// grants are the files that say who gets what, without what they build.
type grants struct {
	*fleet
	// builds are those of all placements that build.
	builds []*kustomize.Build
	// recipients are those that a run before parsed.
	recipients *passed.Set
}

func (g grants) check() {
	g.checkFlaws()
	g.checkKeys()
	for _, name := range slices.Sorted(maps.Keys(g.model.Placements)) {
		g.checkTargets(name)
		g.checkDependencies(name)
		g.checkExpressions(name)
		g.checkWaves(name)
	}
	placed := g.placed()
	g.checkOwners(placed)
	g.checkSigning(placed)
}

// checkKeys tells of clusters' keys that are none, or not their own.
func (g grants) checkKeys() {
	defer g.recipients.Save()
	receives := func(c *api.Cluster) bool {
		recipient := []byte(c.Spec.Recipient)
		if g.recipients.Has(recipient) {
			return true
		}
		ok := grant.Receives(c)
		if ok {
			g.recipients.Note(recipient)
		}
		return ok
	}
	for _, e := range grant.KeyProblems(g.model, receives) {
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
