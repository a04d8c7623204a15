package plan

import (
	"fmt"
	"strings"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// Prune is what of a placement is deleted, held against the fleet's guard.
type Prune struct {
	// Leaving objects of so many that stand, or placements of so many on the cluster.
	Leaving int `json:"leaving"`
	Of      int `json:"of"`
	// MaxShare is the greatest share that leaves without consent, in percent.
	MaxShare int `json:"maxShare"`
	// Held: it stays until somebody consents.
	Held bool `json:"held"`
	// Stays says why plain objects stay, "" where they go. Sealed are how many leave that
	// were sealed: those go all the same, as their grants did.
	Stays  string `json:"stays,omitempty"`
	Sealed int    `json:"sealed,omitempty"`
}

// prune says what is deleted of a delivery; nil for nothing. A placement that left is
// guarded with the others that leave the cluster.
func (d *differ) prune(cluster string, out Delivery, was, is *kustomize.Placed, before, after *resolved) *Prune {
	leaving, sealed := 0, 0
	for _, o := range out.Objects {
		if o.Change != Removed {
			continue
		}
		if leaving++; o.Stub != "" || o.Object.Group == "" && o.Object.Kind == "Secret" { // as the controller takes it
			sealed++
		}
	}
	if leaving == 0 || was == nil {
		return nil
	}
	spec := d.head.Model.Fleet.Spec
	p := &Prune{Leaving: leaving, Of: len(was.Build.Objects), MaxShare: spec.MaxShare()}
	if is != nil {
		p.Stays = stays(is.Placement, false)
	} else {
		p.Stays = stays(was.Placement, true)
		p.Leaving, p.Of = placementsLeaving(before, after), len(before.Placed)
	}
	going := leaving
	if p.Stays != "" {
		p.Sealed, going = sealed, sealed
	}
	switch {
	case going == 0:
	case is != nil:
		p.Held = !spec.FewObjects(going, p.Of)
	case !d.head.Model.Clusters[cluster].Spec.Decommission: // which is consent
		p.Held = !spec.FewPlacements(p.Leaving, p.Of)
	}
	return p
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

func placementsLeaving(before, after *resolved) (n int) {
	for name := range before.Placed {
		if placedOn(after, name) == nil {
			n++
		}
	}
	return n
}

// waits says what keeps a change from arriving at once; what is removed waits for
// nothing.
func waits(m *model.Model, p *api.Placement) []string {
	var all []string
	if p.Spec.Suspend {
		all = append(all, "the placement is suspended: nothing arrives")
	}
	if p.Spec.Rollout != nil && p.Spec.Rollout.Paused {
		all = append(all, "its rollout is paused: nothing new starts")
	}
	if text := inWaves(m.Waves(p.Metadata.Name)); text != "" {
		all = append(all, text)
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

// inWaves says how a change goes through the waves of a placement, if it has any.
func inWaves(waves []model.Wave) string {
	var each []string
	for _, w := range waves {
		each = append(each, fmt.Sprintf("%s (%d)", w, len(w.Clusters)))
	}
	if len(each) == 0 {
		return ""
	}
	return "it comes in waves, by clusters: " + strings.Join(each, ", ")
}
