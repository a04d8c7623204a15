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
	// Stays says why nothing is deleted at all.
	Stays string `json:"stays,omitempty"`
}

// prune says what is deleted of a delivery; nil for nothing. A placement that left is
// guarded with the others that leave the cluster.
func (d *differ) prune(cluster string, out Delivery, was, is *kustomize.Placed, before, after *resolved) *Prune {
	leaving := 0
	for _, o := range out.Objects {
		if o.Change == Removed {
			leaving++
		}
	}
	if leaving == 0 || was == nil {
		return nil
	}
	spec := d.head.Model.Fleet.Spec
	p := &Prune{Leaving: leaving, Of: len(was.Build.Objects), MaxShare: spec.MaxShare()}
	says := was.Placement
	if is != nil {
		says, p.Held = is.Placement, !spec.FewObjects(p.Leaving, p.Of)
	} else if !d.head.Model.Clusters[cluster].Spec.Decommission {
		p.Leaving, p.Of = placementsLeaving(before, after), len(before.Placed)
		p.Held = !spec.FewPlacements(p.Leaving, p.Of)
	}
	if says.Spec.Prune != nil && !*says.Spec.Prune {
		p.Held, p.Stays = false, "the placement says prune: false"
	}
	return p
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
