package plan

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
)

type problem = model.Problem

// with builds a placement with a cluster's values in it.
func (r *resolving) with(cluster, placement string) *kustomize.Placed {
	return r.builder.On(r.ctx, r.Tree, r.Model, placement, cluster)
}

// problems are what is wrong at the head: first what was not at the base.
func (d *differ) problems() (blockers, known []Problem) {
	blockers, known = []Problem{}, []Problem{}
	before := map[Problem]bool{}
	for _, p := range d.base.problems() {
		before[p] = true
	}
	for _, p := range d.head.problems() {
		if before[p] {
			known = append(known, p)
		} else {
			blockers = append(blockers, p)
		}
	}
	return blockers, known
}

func (r *resolving) problems() []Problem {
	all := map[Problem]bool{}
	for _, p := range r.Model.Problems {
		all[told(Problem{File: p.File, Problem: unfiled(p.Err.Error(), p.File)})] = true
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

// unfiled takes the file off an error that begins with it.
func unfiled(text, file string) string { return strings.TrimPrefix(text, file+": ") }

// String names an object as people do.
func (o Object) String() string {
	if o.Namespace == "" {
		return o.Kind + " " + o.Name
	}
	return o.Kind + " " + o.Namespace + "/" + o.Name
}
