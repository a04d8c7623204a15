package plan

import (
	"maps"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/reach"
	"github.com/bulla-dev/bulla/sealing"
)

// Stand is one object that a placement makes of a stub.
type Stand struct{ Placement, Namespace, Name string }

// Several is what to do where no value of a stub can be sealed for all that placements
// make of it, with every step that is needed; "" where its scope fits them.
func Several(m *model.Model, stub *api.SealedManifest, stands []Stand) string {
	contexts := map[[32]byte]bool{}
	for _, s := range stands {
		if c, err := sealing.ContextOf(m.Fleet.Spec.ID, stub, 0, s.Namespace, s.Name); err == nil {
			contexts[c.Digest()] = true
		}
	}
	if len(contexts) < 2 {
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

// several is [Several] of a stub at the head. It asks every placement that can have the
// stub, built for this plan or not: the one that was not touched has it too.
func (d *differ) several(stub string) string {
	if told, known := d.advice[stub]; known {
		return told
	}
	var manifest *api.SealedManifest
	var stands []Stand
	finder := reach.In(d.head.Tree)
	for _, name := range slices.Sorted(maps.Keys(d.head.Model.Placements)) {
		p := d.head.Model.Placements[name]
		if paths, known := finder.Of(p); known && !reach.Touched(paths, []string{stub}) {
			continue
		}
		for _, variant := range p.InVariants() {
			build, err := d.head.builder.Build(d.head.ctx, d.head.Tree, variant)
			if err != nil {
				continue // told as a problem of its own
			}
			for _, o := range build.Objects {
				if o.Stub != nil && o.Stub.Path == stub {
					manifest = o.Stub.Manifest
					stands = append(stands, Stand{name, o.GetNamespace(), o.GetName()})
				}
			}
		}
	}
	if manifest != nil {
		d.advice[stub] = Several(d.head.Model, manifest, stands)
	}
	return d.advice[stub]
}
