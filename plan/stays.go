package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/workload"
)

// staying says of the objects that leave a placement which of them stay in the cluster for
// a reason of their own, as the controller does it: what somebody names stays while that
// runs, however revoked the value is.
type staying struct {
	was, is *kustomize.Placed
	// waits: the build does not come at once, to some clusters: of those that come in waves,
	// alike ones stand together here, whatever their wave is.
	waits bool
	// users are who names an object that leaves, in words.
	users map[kustomize.ObjectID]string
}

// stay writes down of each object that leaves why it stays. A placement that left whole
// takes all of it along, when its timeout is over.
func (d *differ) stay(out *Delivery, was, is *kustomize.Placed, before, after *resolved) {
	if was == nil || was.Build == nil || !slices.ContainsFunc(out.Objects, leaves) {
		return
	}
	s := &staying{was: was, is: is, waits: len(out.Waits) > 0}
	if is != nil {
		s.users = usersAfter(before, after)
		if s.waits {
			s.stand()
		}
	}
	old, inUse, access := byID(was.Build), false, false
	for i, o := range out.Objects {
		if !leaves(o) {
			continue
		}
		why, named := s.why(o, old[kustomize.ObjectID(o.Object)])
		out.Objects[i].Stays = why
		inUse, access = inUse || named, access || named && o.Object.Kind == workload.ServiceAccount
	}
	for i, o := range out.Objects {
		switch {
		case !leaves(o) || o.Stays != "":
		case access && o.Object.Group == "rbac.authorization.k8s.io":
			out.Objects[i].Stays = "an account that stays keeps what it may do"
		case inUse && contains(o.Object):
			out.Objects[i].Stays = "it goes after what stays"
		}
	}
}

func leaves(o ObjectChange) bool { return o.Change == Removed }

// contains: others may be in it, or of it.
func contains(o Object) bool {
	return o.Group == "" && o.Kind == "Namespace" ||
		o.Group == "apiextensions.k8s.io" && o.Kind == "CustomResourceDefinition"
}

// why says why one object stays, "" where it does not; named that somebody names it.
func (s *staying) why(o ObjectChange, old kustomize.Object) (why string, named bool) {
	said := v1alpha1.Said(old, v1alpha1.PruneAnnotation)
	switch {
	case s.is != nil && s.is.Placement.Spec.Suspend:
		return "the placement is suspended: nothing is pruned", false
	case said == "disabled":
		return "it says " + v1alpha1.PruneAnnotation + ": disabled", false
	case s.is == nil || stays(s.is.Placement, false) != "" && !wasSealed(o):
		return "", false
	}
	user := s.users[kustomize.ObjectID(o.Object)]
	if user != "" && said != v1alpha1.PruneForce && !goesInUse(s.is.Placement) {
		return user + " names it", true
	}
	if s.waits && !wasSealed(o) {
		return "it goes with the change, and not before", false
	}
	return "", false
}

func goesInUse(p *api.Placement) bool { return p.Spec.Allow != nil && p.Spec.Allow.PruneInUse }

// usersAfter are the objects that somebody names: what the head places on the cluster, and
// workloads that are left behind as nobody's. Who names an object of another namespace is
// not looked for, since its placement may not be built.
func usersAfter(before, after *resolved) map[kustomize.ObjectID]string {
	users := map[kustomize.ObjectID]string{}
	for _, name := range slices.Sorted(maps.Keys(after.Placed)) {
		if build := after.Placed[name].Build; build != nil {
			note(users, build.Objects, fmt.Sprintf(" of placement %s", name), func(o kustomize.Object, ref workload.Ref) bool {
				return !ref.Optional
			})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before.Placed)) {
		if build := before.Placed[name].Build; build != nil {
			note(users, build.Objects, ", which stays,", func(o kustomize.Object, _ workload.Ref) bool {
				return behind(o, before.Placed[name], after)
			})
		}
	}
	return users
}

// behind: a workload that no placement has any more runs on. Its pods name what they do
// without, too.
func behind(o kustomize.Object, was *kustomize.Placed, after *resolved) bool {
	id := o.ID()
	if after.owner(id) != "" || after.claimed(id) || len(workload.Templates(o.Object)) == 0 {
		return false
	}
	if v1alpha1.Said(o, v1alpha1.PruneAnnotation) == "disabled" {
		return true
	}
	is := placedOn(after, was.Placement.Metadata.Name)
	return is != nil && stays(is.Placement, false) != "" || is == nil && stays(was.Placement, true) != ""
}

// stand adds what runs on until the build comes that waits.
func (s *staying) stand() {
	note(s.users, s.was.Build.Objects, ", until the change comes,", func(_ kustomize.Object, ref workload.Ref) bool {
		return !ref.Optional
	})
}

func note(users map[kustomize.ObjectID]string, objects []kustomize.Object, of string,
	counts func(kustomize.Object, workload.Ref) bool,
) {
	for _, o := range objects {
		for _, ref := range workload.Reads(o.Object) {
			if ref.Namespace != "" && ref.Namespace != o.GetNamespace() || !counts(o, ref) {
				continue
			}
			id := kustomize.ObjectID{Kind: ref.Kind, Namespace: o.GetNamespace(), Name: ref.Name}
			users[id] = cmp.Or(users[id], objectOf(o.ID()).String()+of)
		}
	}
}
