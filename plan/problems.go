package plan

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/grant"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

type problem = model.Problem

// with builds a placement with a cluster's values in it.
func (r *resolving) with(cluster, placement string) *kustomize.Placed {
	return r.builder.On(r.ctx, r.Tree, r.Model, placement, cluster)
}

// problems are what is wrong at the head: first what was not at the base.
func (d *differ) problems() (blockers, known []Problem) {
	blockers, known = []Problem{}, []Problem{}
	// A line that only moved is no other problem.
	unplaced := func(p Problem) Problem { p.Line = 0; return p }
	before := map[Problem]bool{}
	for _, p := range append(d.base.problems(), d.keyProblems(d.base)...) {
		before[unplaced(p)] = true
	}
	for _, p := range append(d.head.problems(), d.keyProblems(d.head)...) {
		if before[unplaced(p)] {
			known = append(known, p)
		} else {
			blockers = append(blockers, p)
		}
	}
	return blockers, known
}

// keyProblems are those of clusters' keys, as `bulla validate` has them.
func (d *differ) keyProblems(at *resolving) (all []Problem) {
	stood := func(c *api.Cluster) bool { // who had it before the change is not asked again
		was := d.base.Model.Clusters[c.Metadata.Name]
		return was != nil && was.Spec.Recipient == c.Spec.Recipient || grant.Receives(c)
	}
	for _, e := range grant.KeyProblems(at.Model, stood) {
		all = append(all, told(Problem{File: e.File, Problem: e.Field + ": " + e.Problem}))
	}
	return all
}

func (r *resolving) problems() []Problem {
	all := map[Problem]bool{}
	for _, p := range r.Model.Problems {
		for _, one := range fileProblems(p) {
			all[told(one)] = true
		}
	}
	for _, p := range append(r.waveProblems(), r.dependencyProblems()...) {
		all[p] = true
	}
	for _, group := range r.groups {
		for name, placed := range group.Placed {
			if placed.Err != nil {
				for _, p := range r.buildProblems(name, placed.Err) {
					all[told(p)] = true
				}
			}
			for _, c := range placed.Conflicts {
				claimants := append([]string{name}, c.With...)
				slices.Sort(claimants)
				all[Problem{
					Problem: fmt.Sprintf("%s is claimed by placements %s: none of them gets it, and none opens anything there",
						objectOf(c.ID), strings.Join(claimants, ", ")),
					Hint: "take it out of all placements but one",
				}] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(all), func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Placement, b.Placement),
			cmp.Compare(a.Problem, b.Problem))
	})
}

func (r *resolving) buildProblems(name string, err error) []Problem {
	var build *kustomize.BuildError
	if !errors.As(err, &build) {
		return []Problem{{File: r.Model.Files[api.KindPlacement+"/"+name], Placement: name, Problem: err.Error()}}
	}
	var all []Problem
	for _, e := range append([]*kustomize.BuildError{build}, build.More...) {
		all = append(all, Problem{
			File: cmp.Or(e.File, r.Model.Files[api.KindPlacement+"/"+name]), Line: e.Line, Placement: name,
			Problem: "it does not build: " + e.Problem,
		})
	}
	return all
}

// told takes the hint out of a problem's text, or gives it one.
func told(p Problem) Problem {
	if text, hint, ok := strings.Cut(p.Problem, "hint: "); ok {
		p.Problem, p.Hint = strings.TrimRight(text, "; \n"), hint
	}
	p.Hint = cmp.Or(p.Hint, "`bulla validate` at the head says more")
	return p
}

// fileProblems are those of one file, with their lines. What it says counts for nothing
// until it is mended, which is not that it says nothing.
func fileProblems(p problem) []Problem {
	silent := ""
	if folder, own := folders[p.Kind]; own && strings.HasPrefix(p.File, folder+"/") {
		silent = "; the file counts for nothing, and nothing can be said of what it changes"
	}
	var all []Problem
	for _, e := range parseErrors(p.Err) {
		text := e.Problem
		if e.Field != "" {
			text = e.Field + ": " + text
		}
		all = append(all, told(Problem{File: p.File, Line: e.Line, Problem: text}))
	}
	if len(all) == 0 {
		all = []Problem{told(Problem{File: p.File, Problem: strings.TrimPrefix(p.Err.Error(), p.File+": ")})}
	}
	for i := range all {
		all[i].Problem += silent
	}
	return all
}

var folders = map[string]string{
	api.KindCluster: tree.Clusters, api.KindClusterSet: tree.ClusterSets, api.KindPlacement: tree.Placements,
}

// parseErrors are the errors of a file that have a line.
func parseErrors(err error) (all []*api.ParseError) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			all = append(all, parseErrors(one)...)
		}
		return all
	}
	if one := (*api.ParseError)(nil); errors.As(err, &one) {
		all = append(all, one)
	}
	return all
}

// refused: a file of that kind and name is there, and counts for nothing.
func (s *Side) refused(kind, name string) bool { return s.Model.Refused(kind, name) != nil }

// String names an object as people do.
func (o Object) String() string {
	if o.Namespace == "" {
		return o.Kind + " " + o.Name
	}
	return o.Kind + " " + o.Namespace + "/" + o.Name
}
