package sealjob

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/desk/built"
	"github.com/bulla-dev/bulla/desk/naming"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/bulla-dev/bulla/plan"
)

// search looks for what a stub becomes in the placements that build it.
type search struct {
	Fleet
	where Where
	// placement is the one to look in; "" looks through all of them.
	placement string
}

// uses builds the placements and returns what the stub becomes in them. standIn is
// in the place of a file that is not there yet, and nil for one that is.
func (s search) uses(ctx context.Context, placements []*api.Placement, standIn []byte) (*built.Result, error) {
	files, err := s.tree(standIn)
	if err != nil {
		return nil, err
	}
	result, err := s.find(ctx, files, placements)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(result.Failed)) {
		if s.placement != "" {
			return nil, fault.New(s.failedHint(result.Failed[name]), "%w", result.Failed[name])
		}
		s.Warn("%v", result.Failed[name])
	}
	s.warnImmutable(result.Uses)
	return result, s.checkFleetScope(result)
}

// tree is the repository as it will be, as far as a build sees it.
func (s search) tree(standIn []byte) (*tree.Tree, error) {
	files, err := s.Repo.Tree, error(nil)
	if standIn != nil {
		files, err = files.With(s.where.File, standIn)
	}
	for _, file := range slices.Sorted(maps.Keys(s.where.Also)) {
		if err == nil {
			files, err = files.With(file, s.where.Also[file])
		}
	}
	return files, err
}

// warnImmutable is about an overlay that makes a stub's Secret immutable: of the
// stub's own template the warning was given when it was read.
func (s search) warnImmutable(uses []built.Use) {
	if s.where.Old == nil || stub.Immutable(s.where.Stub) {
		return
	}
	var names []string
	for _, use := range uses {
		if use.Immutable && !slices.Contains(names, use.Placement) {
			names = append(names, use.Placement)
		}
	}
	if len(names) > 0 {
		s.Warn("placement %s makes the Secret of %s immutable: a cluster that has it refuses the new value. "+
			"Seal a stub with a new name, or annotate it there with %s: enabled to have it deleted and made again",
			strings.Join(names, ", "), s.where.File, v1alpha1.ForceAnnotation)
	}
}

// failedHint says what to do about a placement that does not build.
func (s search) failedHint(err error) string {
	namespaces := s.Repo.Model.Placements[s.placement].Spec.AllNamespaces()
	var build *kustomize.BuildError
	if errors.As(err, &build) && len(namespaces) > 1 && s.where.Stub.Metadata.Namespace == "" {
		for _, one := range append([]*kustomize.BuildError{build}, build.More...) {
			if one.File == s.where.File {
				return "give --namespace: " + strings.Join(namespaces, " or ")
			}
		}
	}
	return "`bulla validate` says it all; a Secret in the clear becomes a stub with `bulla seal --replace FILE`"
}

// placements are those to look for the stub in. Scope Fleet needs a line in
// each that builds it: they are built as if it were there, so that what is
// missing can be told with their names.
func (s search) placements() ([]*api.Placement, error) {
	all := slices.Collect(maps.Values(s.Repo.Model.Placements))
	if s.placement != "" {
		p, ok := s.Repo.Model.Placements[s.placement]
		if !ok {
			return nil, naming.Unknown(s.Repo.Model, api.KindPlacement, s.placement, "`bulla place` makes one")
		}
		all = []*api.Placement{p}
	}
	if s.where.Stub.Spec.Scope != api.ScopeFleet {
		return all, nil
	}
	for i, p := range all {
		p = p.DeepCopy()
		if p.Spec.Allow == nil {
			p.Spec.Allow = &api.PlacementAllow{}
		}
		p.Spec.Allow.FleetScope = true
		all[i] = p
	}
	return all, nil
}

// checkFleetScope names the placements that build the stub and do not allow it.
func (s search) checkFleetScope(found *built.Result) error {
	if s.where.Stub.Spec.Scope != api.ScopeFleet {
		return nil
	}
	if closed := s.closed(found.Uses); len(closed) > 0 {
		return fault.New("write `allow: {fleetScope: true}` under spec of "+strings.Join(s.filesOf(closed), " and ")+
			", then seal again",
			"%s: scope fleet is not allowed by placement %s", s.where.File, strings.Join(closed, ", "))
	}
	return nil
}

// closed are the placements among uses that do not allow scope Fleet.
func (s search) closed(uses []built.Use) []string {
	var names []string
	for _, use := range uses {
		allow := s.Repo.Model.Placements[use.Placement].Spec.Allow
		if (allow == nil || !allow.FleetScope) && !slices.Contains(names, use.Placement) {
			names = append(names, use.Placement)
		}
	}
	return names
}

func (s search) filesOf(placements []string) []string {
	var files []string
	for _, name := range placements {
		files = append(files, s.Repo.Model.Files[api.KindPlacement+"/"+name])
	}
	return files
}

// object decides which built object the values are bound to.
func (s search) object(found *built.Result) (built.Use, error) {
	distinct := built.Distinct(found.Uses, s.where.Stub.Spec.Scope)
	switch {
	case len(distinct) == 1:
		return distinct[0], nil
	case len(distinct) > 1:
		var names []string
		for _, use := range found.Uses {
			names = append(names, fmt.Sprintf("%s/%s in %s", use.Namespace, use.Name, use.Title()))
		}
		return built.Use{}, fault.New(s.wayOut(found.Uses),
			"%s becomes several objects: %s", s.where.File, strings.Join(names, ", "))
	case s.placement != "":
		return built.Use{}, fault.New(s.listHint(), "placement %q does not build %s", s.placement, s.where.File)
	case s.where.Stub.Metadata.Namespace == "":
		return built.Use{}, fault.NewUsage("give --for PLACEMENT, or say the namespace: in the Secret's manifest, "+
			"or with `bulla seal --namespace`",
			"%s: no placement builds it yet, and it has no namespace", s.where.File)
	}
	s.Warn(
		"no placement builds %s yet: sealed for %s/%s, as the file says; --for PLACEMENT looks at what kustomize makes of it",
		s.where.File, s.where.Stub.Metadata.Namespace, s.where.Stub.Metadata.Name)
	return built.Use{Namespace: s.where.Stub.Metadata.Namespace, Name: s.where.Stub.Metadata.Name}, nil
}

// wayOut says how one stub can be several objects: only by a scope that fits
// them all, with what else that scope needs.
func (s search) wayOut(uses []built.Use) string {
	stands := make([]plan.Stand, 0, len(uses))
	for _, use := range uses {
		stands = append(stands, plan.Stand{Placement: use.Placement, Namespace: use.Namespace, Name: use.Name})
	}
	hint := plan.OneForAll(s.Repo.Model, stands)
	if s.placement == "" {
		hint += "; --for PLACEMENT seals for one alone"
	}
	return hint
}

// written is the namespace that the file of a renamed Secret says: none, where
// the placement gives it. kustomize renames references only between objects of
// one namespace, and workloads say none: they would ask for the old name.
func (s search) written() string {
	p, ok := s.Repo.Model.Placements[s.placement]
	if ok && s.where.Stub.Metadata.Namespace == p.Spec.TargetNamespace {
		return ""
	}
	return s.where.Stub.Metadata.Namespace
}
