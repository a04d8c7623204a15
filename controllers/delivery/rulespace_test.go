package delivery

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/workload"
)

// paces is what the rules know of windows, waves and what Git says of removals.
type paces struct {
	// last is the app of each placement as Git had it last.
	last map[string]app
	// owners are the placements that had an object since it stood as Git's.
	owners map[ObjectID]map[string]bool
	// mayStay are plain objects that Git dropped and that a word about their placement
	// keeps, or kept.
	mayStay map[ObjectID]bool
	// leftIn is the revision that left an object out.
	leftIn map[ObjectID]string
	// touched are objects that somebody else edited or deleted: they are healed, and
	// nothing new.
	touched map[ObjectID]bool
	// begun are builds, by what they met on its way out when they might come. They make
	// that anew whatever time it is then.
	begun map[ObjectID]string
	// mishaps count what an inventory may not survive whole.
	mishaps int
}

func newPaces() paces {
	return paces{last: map[string]app{}, owners: map[ObjectID]map[string]bool{}, mayStay: map[ObjectID]bool{},
		leftIn: map[ObjectID]string{}, touched: map[ObjectID]bool{},
		begun: map[ObjectID]string{}}
}

// said takes in what a commit says.
func (r *rules) said() {
	revision := r.h.snapshots.Load().Revision
	for name, a := range r.h.git {
		r.last[name] = *a
		for _, o := range a.objects {
			if r.owners[o.ID()] == nil {
				r.owners[o.ID()] = map[string]bool{}
			}
			r.owners[o.ID()][name] = true
		}
	}
	for id := range r.leftAt {
		if r.leftIn[id] == "" {
			r.leftIn[id] = revision
		}
		for name := range r.owners[id] {
			if why := r.keeps(name); why != nil && id.Kind != "Secret" && !r.mayStay[id] {
				*why++
				r.mayStay[id] = true
			}
		}
	}
	for id := range r.before {
		delete(r.leftIn, id)
	}
}

// met notes a write to what goes.
func (r *rules) met(id ObjectID) {
	for name, a := range r.h.git {
		if _, comes := r.placed()[id]; comes && has(a, id.Name) && !r.h.closed(name) {
			r.begun[id] = name + buildDigestOf(a.objects)
		}
	}
}

// came notes that a pass of a placement found its time, and its build applied: what of it is on
// its way out then is made anew whatever time it is. An apply may have met that for the build
// before, and is not made again.
func (r *rules) came(d *v1alpha1.Delivery) {
	a := r.h.git[d.Name]
	if a == nil || r.h.closed(d.Name) || d.Status.AppliedBuildDigest != buildDigestOf(a.objects) {
		return
	}
	for _, o := range a.objects {
		live, err := r.h.server.live(r.h.ctx, o.GroupVersionKind(), client.ObjectKeyFromObject(o.Unstructured))
		if r.h.must(err); live != nil && live.GetDeletionTimestamp() != nil {
			r.begun[o.ID()] = d.Name + d.Status.AppliedBuildDigest
		}
	}
}

// keeps says that plain objects of a placement stay when Git drops them, by the count of
// such; nil for no.
func (r *rules) keeps(name string) *int {
	spec := r.last[name].spec
	switch _, placed := r.h.git[name]; {
	case placed && !spec.PruneEnabled():
		return &r.h.tally.Unpruned
	case !placed && spec.DeletionPolicy.Orphans(spec.PruneEnabled()):
		return &r.h.tally.Orphans
	}
	return nil
}

// paced is asked before an object is deleted.
func (r *rules) paced(id ObjectID, owner string) {
	sealed := id.Kind == "Secret"
	if !sealed && r.keeps(owner) != nil {
		r.breaks("%s is deleted, and Git says that plain objects of %s stay", id, owner)
	}
	switch held := r.h.heldBack(owner); {
	case held && sealed:
		r.h.tally.Revoked++
	case held:
		r.breaks("%s is deleted while what comes with the same build waits", id)
	case r.h.closed(owner):
		r.h.tally.TookAway++
	}
}

// kept counts plain objects that a held build drops and that stay.
func (r *rules) kept(d *v1alpha1.Delivery) {
	if count(d, v1alpha1.WaitingForWindowReason)+count(d, v1alpha1.WaitingForWaveReason) == 0 {
		return
	}
	claimed := r.claimed()
	for _, entry := range d.Status.Inventory {
		if id, err := inventory.Parse(entry.ID); err == nil && id.Kind != "Secret" && !claimed[id] {
			r.h.tally.Kept++
		}
	}
}

// standing are the workloads of a placement that live and name an object.
func (r *rules) standing(id ObjectID, owner string) []string {
	var users []string
	for _, d := range r.h.list(modelKinds[3]) {
		if d.GetLabels()[v1alpha1.OwnerLabel] != owner || d.GetDeletionTimestamp() != nil || !r.isOurs(d.GetUID()) {
			continue
		}
		for _, ref := range workload.Reads(d.Object) {
			if ref.Kind == id.Kind && ref.Name == id.Name {
				users = append(users, "standing "+d.GetName())
			}
		}
	}
	return users
}

// covers: who consents to a revision consents to what left Git by then, and was not placed
// since.
func (r *rules) covers(id ObjectID, consent string) bool {
	left := r.leftIn[id]
	return left != "" && left <= consent
}

// taken is asked when all was calm for long and no window was open: what is revoked is
// gone, and what only takes away was not held.
func (r *rules) taken() {
	placed := r.placed()
	for _, gvk := range modelKinds {
		for _, o := range r.h.list(gvk) {
			id := built.ObjectIDOf(&o)
			if _, wanted := placed[id]; wanted || !r.isOurs(o.GetUID()) || r.mayStay[id] {
				continue
			}
			r.stays(id, &o)
		}
	}
}

// stays judges an object that stands while windows are closed, and that Git dropped.
func (r *rules) stays(id ObjectID, o *unstructured.Unstructured) {
	owner := o.GetLabels()[v1alpha1.OwnerLabel]
	a := r.h.git[owner]
	users := append(r.users(id), r.standing(id, owner)...)
	switch {
	case a == nil:
		r.breaks("%s of %s stands, and Git does not place it", id, owner)
	case len(users) > 0:
		return
	case id.Kind == "Secret":
		r.breaks("%s of %s stands, Git revoked it, and nobody uses it", id, owner)
	default:
		for _, o := range a.objects {
			// Whether a workload changes hangs on secrets of other placements, too.
			if r.h.stands(owner, o) != nil || o.GetKind() == "Deployment" {
				return
			}
		}
		if r.mishaps == 0 {
			r.breaks("%s of %s stands, though its build only takes away", id, owner)
		}
	}
}
