package plan

import (
	"cmp"
	"fmt"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize"
)

// Prune is what of a placement is deleted, held against the fleet's guard.
type Prune struct {
	// Leaving objects of so many that stand, or placements of so many on the cluster.
	Leaving int `json:"leaving"`
	Of      int `json:"of"`
	// MaxShare is the greatest share that leaves without consent, in percent.
	MaxShare int `json:"maxShare"`
	// Free is how many leave without consent whatever share they are.
	Free int `json:"free"`
	// Held: it stays until somebody consents.
	Held bool `json:"held"`
	// Consented are the revisions that fleet.yaml of the head consents to, by which it
	// goes.
	Consented []string `json:"consented,omitempty"`
	// Stays says why plain objects stay, "" where they go. Sealed are how many leave that
	// were sealed: those go all the same, as their grants did.
	Stays  string `json:"stays,omitempty"`
	Sealed int    `json:"sealed,omitempty"`
	// Kept are how many objects stay until what KeptFor says is mended: whatever does not
	// build in their namespace may have them. Nobody can consent to it.
	Kept    int    `json:"kept,omitempty"`
	KeptFor string `json:"keptFor,omitempty"`
}

// prune says what is deleted of a delivery; nil for nothing. A placement that left is
// guarded with the others that leave the cluster.
func (d *differ) prune(cluster string, out Delivery, was, is *kustomize.Placed, before, after *resolved) *Prune {
	leaving, sealed := 0, 0
	for _, o := range out.Objects {
		if o.Change != Removed {
			continue
		}
		if leaving++; wasSealed(o) {
			sealed++
		}
	}
	if leaving == 0 || was == nil {
		return nil
	}
	spec := d.head.Model.Fleet.Spec
	p := &Prune{Leaving: leaving, Of: len(was.Build.Objects), MaxShare: spec.MaxShare(), Free: api.FreeObjects}
	if is != nil {
		p.Stays = stays(is.Placement, false)
	} else {
		p.Stays = stays(was.Placement, true)
		p.Leaving, p.Free = len(placementsLeaving(before, after)), api.FreePlacements
		p.Of = len(d.base.Model.PlacedOn(cluster))
	}
	going := leaving
	if p.Stays != "" {
		p.Sealed, going = sealed, sealed
	}
	leave := p.keep(removed(out, p.Stays != ""), after)
	if is != nil {
		going = len(leave)
	}
	switch {
	case going == 0:
	case is != nil:
		p.Held = !spec.FewObjects(going, p.Of)
		if p.Held && len(d.consent()) > 0 {
			var guarded int
			p.Consented, guarded = d.consentedObjects(cluster, leave)
			p.Held = !spec.FewObjects(guarded, p.Of)
		}
	case !d.head.Model.Clusters[cluster].Spec.Decommission: // which is consent
		p.Held = !spec.FewPlacements(p.Leaving, p.Of)
		if p.Held && len(d.consent()) > 0 {
			var guarded int
			p.Consented, guarded = d.consented(cluster, placementsLeaving(before, after))
			own, _ := d.consented(cluster, []string{out.Placement})
			p.Held = len(own) == 0 && !spec.FewPlacements(guarded, p.Of)
		}
	}
	return p
}

// keep counts what may not be deleted at the head, and gives the others.
func (p *Prune) keep(leaving []ObjectChange, after *resolved) (leave []ObjectChange) {
	for _, o := range leaving {
		if after != nil {
			if ok, why := after.MayDelete(kustomize.ObjectID(o.Object)); !ok {
				p.Kept, p.KeptFor = p.Kept+1, cmp.Or(p.KeptFor, why)
				continue
			}
		}
		leave = append(leave, o)
	}
	return leave
}

// removed are the objects that leave; only those that were sealed, where plain ones stay.
func removed(out Delivery, sealedOnly bool) (all []ObjectChange) {
	for _, o := range out.Objects {
		if o.Change == Removed && (!sealedOnly || wasSealed(o)) {
			all = append(all, o)
		}
	}
	return all
}

// wasSealed is as the controller takes it.
func wasSealed(o ObjectChange) bool {
	return o.Stub != "" || o.Object.Group == "" && o.Object.Kind == "Secret"
}

// stays says why plain objects stay that Git dropped, of a placement that stays or left.
func stays(p *api.Placement, left bool) string {
	prune, policy := p.Spec.PruneEnabled(), p.Spec.DeletionPolicy
	switch {
	case left && policy == api.DeletionOrphan:
		return "the placement says deletionPolicy: Orphan"
	case prune, left && !policy.Orphans(prune):
		return ""
	}
	return "the placement says prune: false"
}

func placementsLeaving(before, after *resolved) (names []string) {
	for name := range before.Placed {
		if placedOn(after, name) == nil {
			names = append(names, name)
		}
	}
	return names
}

// waits says what keeps a change from arriving at once; what is removed waits for
// nothing.
func (d *differ) waits(p *api.Placement) []string {
	m := d.head.Model
	var all []string
	if p.Spec.Suspend {
		all = append(all, "the placement is suspended: nothing arrives")
	}
	if p.Spec.Rollout != nil && p.Spec.Rollout.Paused {
		all = append(all, "its rollout is paused: nothing new starts")
	}
	if names := waveNames(m.Waves(p.Metadata.Name)); names != "" && d.meetsWaves(p.Metadata.Name) {
		all = append(all, "it comes in waves, by clusters: "+names)
	}
	open, next := p.Spec.OpenAt(m.Now())
	switch {
	case open:
	case next.IsZero():
		all = append(all, "none of its windows ever opens")
	default:
		all = append(all, fmt.Sprintf("its window opens at %s", next.Format(time.RFC3339)))
	}
	return all
}
