package sealjob

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize"
)

// CheckWires refuses wires by which a placement would not build any more: data is the
// stub's file as it is to be. A placement that fails for another reason is told of, and
// so is a stub that none builds.
func (f Fleet) CheckWires(ctx context.Context, where Where, data []byte) error {
	f.Note = func(string, ...any) {} // what is listed and not there was told, or is not asked
	s := search{Fleet: f, where: where}
	files, err := s.tree(data)
	if err != nil {
		return err
	}
	placements, err := s.reaching(files)
	if err != nil {
		return err
	}
	if len(placements) == 0 {
		f.Warn("%s: its wires were not checked: no placement builds it yet", where.File)
		return nil
	}
	found, err := s.find(ctx, files, placements)
	switch {
	case err != nil:
		return err
	case len(found.Failed) > 0:
		placements = slices.DeleteFunc(placements, func(p *api.Placement) bool {
			return found.Failed[p.Metadata.Name] == nil
		})
		return s.judgeWires(ctx, placements, found.Failed)
	case len(found.Uses) == 0:
		f.Warn("%s: its wires were not checked: no placement builds it yet", where.File)
	}
	return nil
}

// judgeWires looks at placements that failed: what failed in the same words before was
// not done by the new wires.
func (s search) judgeWires(ctx context.Context, placements []*api.Placement, failed map[string]error) error {
	before, err := s.find(ctx, s.Repo.Tree, placements)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		old := ofWires(before.Failed[name])
		for _, one := range ofWires(failed[name]) {
			if !slices.ContainsFunc(old, func(o *kustomize.BuildError) bool {
				return o.File == one.File && o.Problem == one.Problem
			}) {
				return s.refused(name, one)
			}
		}
		s.Warn("%s: its wires were not checked in placement %s, which does not build: %v", s.where.File, name, failed[name])
	}
	return nil
}

// ofWires are the problems of a failed build that are about deliverAs.
func ofWires(err error) []*kustomize.BuildError {
	var build *kustomize.BuildError
	if !errors.As(err, &build) {
		return nil
	}
	return slices.DeleteFunc(append([]*kustomize.BuildError{build}, build.More...),
		func(one *kustomize.BuildError) bool { return !strings.HasPrefix(one.Problem, "deliverAs: ") })
}

// refused tells no line: the person's file has none of it.
func (s search) refused(placement string, problem *kustomize.BuildError) error {
	said, hint, _ := strings.Cut(strings.TrimPrefix(problem.Problem, "deliverAs: "), "; hint: ")
	if problem.File != s.where.File {
		said += ", for " + problem.File
	}
	return fault.New(cmp.Or(hint, "`bulla build "+placement+"` prints what it has")+"; nothing was written",
		"%s: placement %s would not build with this wire: %s", s.where.File, placement, said)
}
