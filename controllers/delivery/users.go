package delivery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fluxcd/pkg/apis/meta"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/workload"
)

// usersPoll is between two looks at the pods that name what is to go.
const usersPoll = 5 * time.Second

// inUse are objects that Git dropped and somebody still names: the user of each.
type inUse map[ObjectID]string

// unused takes from the objects of one stage those that somebody still names, and
// that Git does not want gone all the same.
func (p *deliveryPass) unused(ctx context.Context, ids []ObjectID, held inUse) ([]ObjectID, error) {
	users, err := p.users(ctx, ids)
	if err != nil || len(users) == 0 {
		return ids, err
	}
	var free []ObjectID
	access := ""
	for _, id := range ids {
		user, used := users[id]
		if !used {
			free = append(free, id)
			continue
		}
		switch {
		case p.goesInUse(id):
			p.warn("PrunedInUse", fmt.Sprintf("%s goes though %s still names it", inventory.Describe(id), user))
			free = append(free, id)
			continue
		case id.Kind == workload.ServiceAccount:
			access = user
		}
		held[id] = user
	}
	if access == "" {
		return free, nil
	}
	// An account that stays in use keeps what it may do.
	return slices.DeleteFunc(free, func(id ObjectID) bool {
		if id.Group == "rbac.authorization.k8s.io" {
			held[id] = access
		}
		return held[id] != ""
	}), nil
}

// users finds who names what is to go: live pods, which are the truth, and what
// Git has on this cluster, whose pods may come any moment.
func (p *deliveryPass) users(ctx context.Context, ids []ObjectID) (inUse, error) {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id ObjectID) bool { return !apply.Readable(id) })
	if len(ids) == 0 {
		return nil, nil
	}
	users, err := p.hands.Users(ctx, ids)
	if err != nil {
		return nil, pruneFailed(err)
	}
	for id, user := range namedInGit(p.snapshot.Resolution, ids) {
		if users[id] == "" {
			users[id] = user
		}
	}
	return users, nil
}

// namedInGit finds what a revision places here that names one of ids and does not
// do without it.
func namedInGit(r *kustomize.Resolution, ids []ObjectID) inUse {
	users := inUse{}
	for _, name := range slices.Sorted(maps.Keys(r.Placed)) {
		build := r.Placed[name].Build
		if build == nil {
			continue
		}
		for _, o := range build.Objects {
			for _, ref := range workload.Reads(o.Object) {
				id := apply.IDOf(ref, o.GetNamespace())
				if users[id] == "" && !ref.Optional && slices.Contains(ids, id) {
					users[id] = fmt.Sprintf("%s of placement %q", inventory.Describe(o.ID()), name)
				}
			}
		}
	}
	return users
}

// goesInUse: after the timeout an object goes though somebody names it where Git
// says so, and with a placement that left this cluster whole: that is Git's word
// too, and nobody's pod keeps a cluster from losing what was taken from it.
func (p *deliveryPass) goesInUse(id ObjectID) bool {
	if !p.overdue(id) {
		return false
	}
	if p.obj.Spec.Removed || p.inv[id].Prune == v1alpha1.PruneForce {
		return true
	}
	allow := p.placed.Placement.Spec.Allow
	return allow != nil && allow.PruneInUse
}

// overdue: it was to go for longer than the timeout.
func (p *deliveryPass) overdue(id ObjectID) bool {
	return p.now().Sub(p.mem.leaving[id]) > p.timeout()
}

// stay ends a pass with objects that stay because they are in use: as progress
// until the timeout is over, and then as what it is.
func (p *deliveryPass) stay(held inUse) error {
	if len(held) == 0 {
		return nil
	}
	ids := slices.SortedFunc(maps.Keys(held), compareIDs)
	first := ids[0]
	over := slices.IndexFunc(ids, p.overdue)
	if over < 0 {
		p.later(usersPoll) // pods are not watched
		return &deliveryError{inUse: true, progress: true, reason: meta.ProgressingReason, message: fmt.Sprintf(
			"%s, which Git dropped, %swaits for %s to name it no more", inventory.Describe(first), more(ids), held[first])}
	}
	p.later(unhealthyPoll)
	first = ids[over]
	return &deliveryError{inUse: true, reason: v1alpha1.StillInUseReason, message: fmt.Sprintf(
		"%s, which Git dropped, %sstays: %s still names it; hint: finish the rollout, or let it go with allow.pruneInUse in the placement",
		inventory.Describe(first), more(ids), held[first])}
}

func more(ids []ObjectID) string {
	if len(ids) == 1 {
		return ""
	}
	return fmt.Sprintf("and %d more, ", len(ids)-1)
}

// leaves starts the clock of what is to go, and stops that of what is not.
func (m *memory) leaves(ids []ObjectID, now time.Time) {
	leaving := make(map[ObjectID]time.Time, len(ids))
	for _, id := range ids {
		since, known := m.leaving[id]
		if !known {
			since = now
		}
		leaving[id] = since
	}
	m.leaving = leaving
}

// stays says whether a pass ended because something is still in use, or waits for
// it: everything else of the pass goes on.
func stays(err error) bool {
	var ended *deliveryError
	return err == nil || errors.As(err, &ended) && ended.inUse
}

// together is one result of two: the reason of the first that is wrong, and what
// both say.
func together(a, b error) error {
	var one, other *deliveryError
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case !errors.As(a, &one) || !errors.As(b, &other):
		return errors.Join(a, b)
	}
	if one.progress && !other.progress {
		one, other = other, one
	}
	both := *one
	both.message = strings.Join([]string{one.message, other.message}, "; ")
	return &both
}
