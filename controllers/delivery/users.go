package delivery

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/workload"
)

// usersPoll is between two looks at the pods that name what is to go.
const usersPoll = 5 * time.Second

// inUse are objects that Git dropped and somebody still names: the user of each.
type inUse map[ObjectID]string

// unused takes from the objects of one stage those that somebody still names, and
// that Git does not want gone all the same.
func (p *pruning) unused(ctx context.Context, ids []ObjectID, held inUse) ([]ObjectID, error) {
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
			p.record.Warn("PrunedInUse", fmt.Sprintf("%s goes though %s still names it", inventory.Describe(id), user))
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
func (p *pruning) users(ctx context.Context, ids []ObjectID) (inUse, error) {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id ObjectID) bool { return !apply.Readable(id) })
	if len(ids) == 0 {
		return nil, nil
	}
	users, err := p.hands.Live.Users(ctx, ids)
	if err != nil {
		return nil, pruneFailed(err)
	}
	also := []inUse{namedInGit(p.aim.Snapshot.Resolution, ids)}
	if p.held {
		// What stands runs on until the build may come, though it has no pod just now.
		standing, err := p.hands.Live.UsersAmong(ctx, p.stand.inv, ids)
		if err != nil {
			return nil, pruneFailed(err)
		}
		also = append(also, standing)
	}
	for _, more := range also {
		for id, user := range more {
			if users[id] == "" {
				users[id] = user
			}
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
func (p *pruning) goesInUse(id ObjectID) bool {
	if !p.overdue(id) {
		return false
	}
	if p.record.Obj.Spec.Removed || p.stand.inv[id].Prune == v1alpha1.PruneForce {
		return true
	}
	if p.held {
		// pruneInUse is for a rollout that hangs, and this one may not begin.
		return false
	}
	allow := p.aim.Placed.Placement.Spec.Allow
	return allow != nil && allow.PruneInUse
}

// overdue: it was to go for longer than the timeout.
func (p *pruning) overdue(id ObjectID) bool {
	return p.now().Sub(p.leavings.since[id]) > p.timeout()
}

// stay ends a pass with objects that stay because they are in use: as progress
// until the timeout is over, and then as what it is.
func (p *pruning) stay(held inUse) error {
	if len(held) == 0 {
		return nil
	}
	ids := slices.SortedFunc(maps.Keys(held), compareIDs)
	first := ids[0]
	over := slices.IndexFunc(ids, p.overdue)
	if over < 0 {
		p.again.Within(usersPoll) // pods are not watched
		progress := loop.Progressing("%s, which Git dropped, %swaits for %s to name it no more",
			inventory.Describe(first), more(ids), held[first])
		progress.InUse = true
		return progress
	}
	p.again.Within(unhealthyPoll)
	first = ids[over]
	hint := "finish the rollout, or let it go with allow.pruneInUse in the placement"
	if p.held {
		hint = "it goes when nobody names it, or after the build that waits; what that waits for is said before"
	}
	stays := loop.Stalled(v1alpha1.StillInUseReason, "%s, which Git dropped, %sstays: %s still names it; hint: %s",
		inventory.Describe(first), more(ids), held[first], hint)
	stays.InUse = true
	return stays
}

func more(ids []ObjectID) string {
	if len(ids) == 1 {
		return ""
	}
	return fmt.Sprintf("and %d more, ", len(ids)-1)
}
