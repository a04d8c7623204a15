package plan

import (
	"maps"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/reach"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// Stand is one object that a placement makes of a stub.
type Stand struct{ Placement, Namespace, Name string }

// Several is what to do where no value of a stub can be sealed for all that placements
// make of it, with every step that is needed; "" where its scope fits them.
func Several(m *model.Model, stub *api.SealedManifest, stands []Stand) string {
	bound := map[[2]string]bool{}
	for _, s := range stands {
		namespace, name := stub.Spec.Scope.Binds(s.Namespace, s.Name)
		bound[[2]string{namespace, name}] = true
	}
	if len(bound) < 2 {
		return ""
	}
	return "it becomes several objects: " + OneForAll(m, stands)
}

// OneForAll says how one stub can be several objects: only by a scope that fits them all,
// with what else that scope needs.
func OneForAll(m *model.Model, stands []Stand) string {
	const apart = "keep one stub for each overlay"
	closed, namespaces := map[string]bool{}, map[string]bool{}
	for _, s := range stands {
		namespaces[s.Namespace] = true
		if p := m.Placements[s.Placement]; p != nil && (p.Spec.Allow == nil || !p.Spec.Allow.FleetScope) {
			closed[m.Files[api.KindPlacement+"/"+s.Placement]] = true
		}
	}
	if len(namespaces) == 1 {
		return "seal a new stub with --scope namespace, so that one lock fits them, or " + apart
	}
	fleet := "seal a new stub with --scope fleet, so that one lock fits them"
	if len(closed) > 0 {
		fleet += " (and write `allow: {fleetScope: true}` under spec of " +
			strings.Join(slices.Sorted(maps.Keys(closed)), " and ") + ")"
	}
	return fleet + ", or " + apart
}

// several is [Several] of a stub at the head.
func (d *differ) several(stub string) string {
	told, known := d.advice[stub]
	if !known {
		if one := d.head.standsOf(stub); one.stub != nil {
			told = Several(d.head.Model, one.stub.Manifest, one.stands)
		}
		d.advice[stub] = told
	}
	return told
}

// stood is a stub, or a reference, and all that the fleet makes of it.
type stood struct {
	stub   *kustomize.Stub
	stands []Stand
}

func (s stood) objects() (all []reference.Object) {
	for _, one := range s.stands {
		all = append(all, reference.Object{Namespace: one.Namespace, Name: one.Name})
	}
	return all
}

// standsOf asks every placement that can have a file, built for this plan or not: the one
// that was not touched has it too.
func (r *resolving) standsOf(file string) stood {
	if known, ok := r.stood[file]; ok {
		return known
	}
	var all stood
	finder := reach.In(r.Tree)
	for _, name := range slices.Sorted(maps.Keys(r.Model.Placements)) {
		p := r.Model.Placements[name]
		if paths, known := finder.Of(p); known && !reach.Touched(paths, []string{file}) {
			continue
		}
		for _, variant := range p.InVariants() {
			build, err := r.builder.Build(r.ctx, r.Tree, variant)
			if err != nil {
				continue // told as a problem of its own
			}
			for _, o := range build.Objects {
				if o.Stub != nil && o.Stub.Path == file {
					all.stub = o.Stub
					all.stands = append(all.stands, Stand{name, o.GetNamespace(), o.GetName()})
				}
			}
		}
	}
	r.stood[file] = all
	return all
}
