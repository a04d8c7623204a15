package sealjob

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/built"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/stub"
	"github.com/bulla-dev/bulla/cmd/internal/fault"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/sealing"
)

// uses builds the placements and returns what the stub becomes in them.
func (j *Job) uses(ctx context.Context, sealer *sealing.Sealer, edit *stub.Edit) (*built.Result, error) {
	placements, err := j.placements()
	if err != nil {
		return nil, err
	}
	tree := j.Repo.Tree
	if j.Text == nil && len(placements) > 0 {
		standIn, err := j.standIn(sealer, edit)
		if err != nil {
			return nil, err
		}
		if tree, err = tree.With(j.File, standIn); err != nil {
			return nil, err
		}
	}
	for _, file := range slices.Sorted(maps.Keys(j.Also)) {
		if tree, err = tree.With(file, j.Also[file]); err != nil {
			return nil, err
		}
	}
	result, err := j.find(ctx, tree, placements)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(result.Failed)) {
		if j.For != "" {
			return nil, fault.New(j.failedHint(result.Failed[name]), "%w", result.Failed[name])
		}
		j.Warn("%v", result.Failed[name])
	}
	j.warnImmutable(result.Uses)
	return result, j.checkFleetScope(result)
}

// warnImmutable is about an overlay that makes a stub's Secret immutable: of the
// stub's own template the warning was given when it was read.
func (j *Job) warnImmutable(uses []built.Use) {
	if j.Old == nil || stub.Immutable(j.Stub) {
		return
	}
	var names []string
	for _, use := range uses {
		if use.Immutable && !slices.Contains(names, use.Placement) {
			names = append(names, use.Placement)
		}
	}
	if len(names) > 0 {
		j.Warn("placement %s makes the Secret of %s immutable: a cluster that has it refuses the new value. "+
			"Seal a stub with a new name, or annotate it there with %s: enabled to have it deleted and made again",
			strings.Join(names, ", "), j.File, v1alpha1.ForceAnnotation)
	}
}

// failedHint says what to do about a placement that does not build.
func (j *Job) failedHint(err error) string {
	namespaces := j.Repo.Model.Placements[j.For].Spec.AllNamespaces()
	var build *kustomize.BuildError
	if errors.As(err, &build) && len(namespaces) > 1 && j.Stub.Metadata.Namespace == "" {
		for _, one := range append([]*kustomize.BuildError{build}, build.More...) {
			if one.File == j.File {
				return "give --namespace: " + strings.Join(namespaces, " or ")
			}
		}
	}
	return "`bulla validate` says it all; a Secret in the clear becomes a stub with `bulla seal --replace FILE`"
}

// placements are those to look for the stub in. Scope Fleet needs a line in
// each that builds it: they are built as if it were there, so that what is
// missing can be told with their names.
func (j *Job) placements() ([]*api.Placement, error) {
	all := slices.Collect(maps.Values(j.Repo.Model.Placements))
	if j.For != "" {
		p, ok := j.Repo.Model.Placements[j.For]
		if !ok {
			return nil, shell.Unknown(j.Repo.Model, api.KindPlacement, j.For, "`bulla place` makes one")
		}
		all = []*api.Placement{p}
	}
	if j.Stub.Spec.Scope != api.ScopeFleet {
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
func (j *Job) checkFleetScope(found *built.Result) error {
	if j.Stub.Spec.Scope != api.ScopeFleet {
		return nil
	}
	if closed := j.closed(found.Uses); len(closed) > 0 {
		return fault.New("write `allow: {fleetScope: true}` under spec of "+strings.Join(j.filesOf(closed), " and ")+", then seal again",
			"%s: scope fleet is not allowed by placement %s", j.File, strings.Join(closed, ", "))
	}
	return nil
}

// closed are the placements among uses that do not allow scope Fleet.
func (j *Job) closed(uses []built.Use) []string {
	var names []string
	for _, use := range uses {
		allow := j.Repo.Model.Placements[use.Placement].Spec.Allow
		if (allow == nil || !allow.FleetScope) && !slices.Contains(names, use.Placement) {
			names = append(names, use.Placement)
		}
	}
	return names
}

func (j *Job) filesOf(placements []string) []string {
	var files []string
	for _, name := range placements {
		files = append(files, j.Repo.Model.Files[api.KindPlacement+"/"+name])
	}
	return files
}

// object decides which built object the values are bound to.
func (j *Job) object(found *built.Result) (built.Use, error) {
	distinct := built.Distinct(found.Uses, j.Stub.Spec.Scope)
	switch {
	case len(distinct) == 1:
		return distinct[0], nil
	case len(distinct) > 1:
		var names []string
		for _, use := range found.Uses {
			names = append(names, fmt.Sprintf("%s/%s in placement %s", use.Namespace, use.Name, use.Placement))
		}
		return built.Use{}, fault.New(j.wayOut(found.Uses), "%s becomes several objects: %s", j.File, strings.Join(names, ", "))
	case j.For != "":
		return built.Use{}, fault.New(j.listHint(), "placement %q does not build %s", j.For, j.File)
	case j.Stub.Metadata.Namespace == "":
		return built.Use{}, fault.NewUsage("give --for PLACEMENT, or --namespace", "%s: no placement builds it yet, and it has no namespace", j.File)
	}
	j.Warn("no placement builds %s yet: sealed for %s/%s, as the file says; --for PLACEMENT looks at what kustomize makes of it",
		j.File, j.Stub.Metadata.Namespace, j.Stub.Metadata.Name)
	return built.Use{Namespace: j.Stub.Metadata.Namespace, Name: j.Stub.Metadata.Name}, nil
}

// wayOut says how one stub can be several objects: only by a scope that fits
// them all, with what else that scope needs.
func (j *Job) wayOut(uses []built.Use) string {
	hint := "keep one stub for each overlay"
	if len(built.Distinct(uses, api.ScopeNamespace)) == 1 {
		hint = "seal a new stub with --scope namespace, so that one lock fits them, or " + hint
	} else {
		fleet := "seal a new stub with --scope fleet, so that one lock fits them"
		if closed := j.closed(uses); len(closed) > 0 {
			fleet += " (and write `allow: {fleetScope: true}` under spec of " + strings.Join(j.filesOf(closed), " and ") + ")"
		}
		hint = fleet + ", or " + hint
	}
	if j.For == "" {
		hint += "; --for PLACEMENT seals for one alone"
	}
	return hint
}

// written is the namespace that the file of a renamed Secret says: none, where
// the placement gives it. kustomize renames references only between objects of
// one namespace, and workloads say none: they would ask for the old name.
func (j *Job) written() string {
	p, ok := j.Repo.Model.Placements[j.For]
	if ok && j.Stub.Metadata.Namespace == p.Spec.TargetNamespace {
		return ""
	}
	return j.Stub.Metadata.Namespace
}
