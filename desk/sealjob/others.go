package sealjob

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/built"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/reach"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/bulla-dev/bulla/plan"
)

// warnOthers says which other placements build the stub and cannot use it: whoever names one
// placement seals for what that one makes of the file, and another one's object would not
// open, or the whole of it not build any more.
func (j *Job) warnOthers(ctx context.Context, s search, a *Asked) error {
	if s.placement == "" || j.How.Replaces { // all were looked through, or it is refused: see everywhere
		return nil
	}
	var standIn []byte
	var err error
	if j.Where.Text == nil { // as it will be written, and not as it was built to learn what it becomes
		if standIn, err = a.sheet.standIn(a.sealer, a.edit); err != nil {
			return err
		}
	}
	files, err := s.tree(standIn)
	if err != nil {
		return err
	}
	others, err := s.others(files)
	if err != nil || len(others) == 0 {
		return err
	}
	found, err := built.Find(ctx, s.Builder, files, others, s.where.File, s.Progress)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(found.Failed)) {
		if s.isRefused(found.Failed[name]) {
			s.Warn("%s is sealed for placement %s, and another one has it too: %v", s.where.File, s.placement,
				found.Failed[name])
		}
	}
	s.warnClosed(found.Uses)
	s.warnBound(found.Uses, a.Object)
	return nil
}

// others are the placements that may have the stub's file, without the one that was named.
func (s search) others(files *tree.Tree) ([]*api.Placement, error) {
	all, err := search{Fleet: s.Fleet, where: s.where}.reaching(files)
	return slices.DeleteFunc(all, func(p *api.Placement) bool { return p.Metadata.Name == s.placement }), err
}

// reaching are the placements that may have the stub's file.
func (s search) reaching(files *tree.Tree) ([]*api.Placement, error) {
	all, err := s.placements()
	finder := reach.In(files)
	return slices.DeleteFunc(all, func(p *api.Placement) bool {
		paths, known := finder.Of(p)
		return known && !reach.Touched(paths, []string{s.where.File})
	}), err
}

// isRefused: the build fails by this very file, and not by another one's fault.
func (s search) isRefused(err error) bool {
	var build *kustomize.BuildError
	if !errors.As(err, &build) {
		return false
	}
	return slices.ContainsFunc(append([]*kustomize.BuildError{build}, build.More...),
		func(one *kustomize.BuildError) bool { return one.File == s.where.File })
}

// warnClosed is about placements that have no line for scope Fleet.
func (s search) warnClosed(uses []built.Use) {
	if s.where.Stub.Spec.Scope != api.ScopeFleet {
		return
	}
	if closed := s.closed(uses); len(closed) > 0 {
		s.Warn("%s has scope fleet, which placement %s does not allow, and builds it too; hint: write "+
			"`allow: {fleetScope: true}` under spec of %s", s.where.File, strings.Join(closed, ", "),
			strings.Join(s.filesOf(closed), " and "))
	}
}

// warnBound is about objects that the lock does not fit.
func (s search) warnBound(uses []built.Use, own built.Use) {
	scope := s.where.Stub.Spec.Scope
	namespace, name := own.Bound(scope)
	stands := []plan.Stand{{Placement: s.placement, Namespace: own.Namespace, Name: own.Name}}
	var lost []string
	for _, use := range uses {
		if ns, n := use.Bound(scope); ns != namespace || n != name {
			lost = append(lost, use.Namespace+"/"+use.Name+" in "+use.Title())
			stands = append(stands, plan.Stand{Placement: use.Placement, Namespace: use.Namespace, Name: use.Name})
		}
	}
	if len(lost) > 0 {
		s.Warn("%s is sealed for %s/%s in placement %s alone, and does not open as %s; hint: %s", s.where.File, own.Namespace,
			own.Name, s.placement, strings.Join(lost, ", "), plan.OneForAll(s.Repo.Model, stands))
	}
}
