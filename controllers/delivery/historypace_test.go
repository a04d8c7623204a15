package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/utils/ptr"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/kustomize"
)

// waves is the key service of a history. What it let in once it lets in for ever.
type waves struct {
	away  bool
	turn  map[string]bool // of a placement
	given map[string]bool // release of a placement
}

func (s *waves) MayTake(_ context.Context, in *keyservicev1.MayTakeRequest) (bool, string, time.Duration, error) {
	if s.away {
		return false, "", 0, errors.New("connection refused")
	}
	key := in.GetPlacement() + " " + in.GetRelease()
	s.given[key] = s.given[key] || s.turn[in.GetPlacement()]
	return s.given[key], "wave canary is not Ready with it", time.Minute, nil
}

// gitPaces brings a placement in waves, and it is not this cluster's turn.
func (h *history) gitPaces() {
	name := pick(h, placementNames)
	h.change(name+" comes in waves", func() {
		if a := h.git[name]; a != nil {
			a.spec.Rollout = &api.PlacementRollout{}
			h.waves.turn[name] = false
		}
	})
}

func (h *history) turnComes() {
	name := pick(h, placementNames)
	h.note("it is this cluster's turn with %s", name)
	h.waves.turn[name] = true
}

func (h *history) nobodySaysWhoseTurn() {
	h.waves.away = !h.waves.away
	h.note("nobody says whose turn it is: %v", h.waves.away)
}

// gitKeeps says what becomes of what Git drops later.
func (h *history) gitKeeps() {
	name := pick(h, placementNames)
	prune, policy, inUse := pick(h, []bool{true, false}), api.DeletionPolicy(""), h.rng.IntN(3) == 0
	if h.rng.IntN(2) == 0 {
		policy = pick(h, []api.DeletionPolicy{api.DeletionOrphan, api.DeletionOrphan, api.DeletionDelete})
	}
	h.change(fmt.Sprintf("%s says prune %v, deletionPolicy %q, pruneInUse %v", name, prune, policy, inUse), func() {
		if a := h.git[name]; a != nil {
			a.spec.Prune, a.spec.DeletionPolicy = ptr.To(prune), policy
			a.spec.Allow = &api.PlacementAllow{PruneInUse: inUse}
		}
	})
	if policy == api.DeletionOrphan && h.rng.IntN(2) == 0 {
		h.pass(name)
		h.change("Git takes "+name+" away", func() { delete(h.git, name) })
	}
}

// gitVaries gives the cluster another variant of a placement, or the one before: some
// objects are the same, some are others, some are not in both.
func (h *history) gitVaries() {
	name := pick(h, placementNames)
	h.change("the cluster gets another variant of "+name, func() {
		a := h.git[name]
		if a == nil {
			return
		}
		h.tally.Variants++
		is, other := a.objects, a.variant
		if other == nil {
			for _, o := range is {
				switch h.rng.IntN(4) {
				case 0, 1:
					other = append(other, o)
				case 2:
					other = append(other, h.build(o.GetName()))
				}
			}
			if more := pick(h, objectNames); !h.placed(more) {
				other = append(other, h.build(more))
			}
		}
		a.objects, a.variant = slices.Clone(other), slices.Clone(is)
	})
}

// gitConsents consents in fleet.yaml to what the head of now left out. Now and then that
// is nearly all of a placement, and the clusters knew it before.
func (h *history) gitConsents() {
	if name := pick(h, placementNames); h.rng.IntN(2) == 0 && h.git[name] != nil {
		h.change("Git drops nearly all of "+name, func() {
			a := h.appOf(name)
			a.objects = a.objects[:min(1, len(a.objects))]
		})
		h.pass(name)
	}
	revision := h.snapshots.Load().Revision
	h.tally.GitConsents++
	h.change("fleet.yaml consents to "+revision, func() { h.deliveryWorld.consent = revision })
}

// heldBack says that a placement's build of now may not begin here, and gives something.
func (h *history) heldBack(name string) bool {
	if !h.closed(name) {
		return false
	}
	placed := h.rules.placed() // what is contested nobody gets
	build := name + buildDigestOf(h.git[name].objects)
	return slices.ContainsFunc(h.git[name].objects, func(o kustomize.Object) bool {
		_, comes := placed[o.ID()]
		return comes && !h.rules.touched[o.ID()] && h.rules.begun[o.ID()] != build && h.stands(name, o) != nil
	})
}

// closed says that nothing of a placement that changes may come now.
func (h *history) closed(name string) bool {
	a := h.git[name]
	if a == nil || a.err != nil {
		return false
	}
	if open, _ := a.spec.OpenAt(h.clock); !open {
		return true
	}
	p := h.snapshots.Load().Placed(name)
	return a.spec.Rollout != nil && !h.waves.given[name+" "+p.Release()]
}

// gitReplaces drops objects of a placement and brings others, while its changes wait: for
// a window or for a turn.
func (h *history) gitReplaces() {
	name := pick(h, placementNames)
	h.change("Git replaces objects of "+name+", which wait", func() {
		if h.git[name] == nil {
			return
		}
		a := h.appOf(name)
		a.objects = slices.DeleteFunc(a.objects, func(o kustomize.Object) bool { // nobody reads mail
			return o.GetName() == "mail" || h.rng.IntN(4) == 0
		})
		for i, o := range a.objects {
			if h.rng.IntN(2) == 0 {
				a.objects[i] = h.build(o.GetName())
			}
		}
		if more := pick(h, objectNames); !h.placed(more) {
			a.objects = append(a.objects, h.build(more))
		}
		if h.rng.IntN(2) == 0 {
			a.spec.Windows = closed()
			return
		}
		a.spec.Rollout, h.waves.turn[name] = &api.PlacementRollout{}, false
	})
	h.pass(name)
}
