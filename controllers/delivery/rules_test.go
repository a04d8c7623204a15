package delivery

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/workload"
)

// rules are when the controller may write. They know Git, the live objects and the
// clock, and nothing of how the product decides:
//
//   - what Git places is not deleted; nor is anything while what Git has is not known:
//     a placement does not build, a file cannot be read, the cluster or the owner is
//     suspended. What two claim is placed by both.
//   - what somebody else made is neither deleted nor written.
//   - a removal of more than the fleet's share of what stood waits for consent.
//   - what a live pod or a workload of Git names stays; what a placement leaves behind
//     that left as a whole stays until the timeout.
//   - no Secret is written that Git does not place.
//   - what a held build drops stays if it is plain, and goes if it is sealed and nobody
//     uses it, those that stand included; one that only takes away is not held.
//   - plain objects stay where Git says so, sealed ones never.
//   - when all is calm, exactly what Git places stands, and is as Git has it.
type rules struct {
	h *history
	// leftAt is since when Git does not place what it placed.
	leftAt map[ObjectID]time.Time
	// unseen is the same as the controller can know it: what came back and left again
	// between two passes of who has it never came back.
	unseen map[ObjectID]time.Time
	before map[ObjectID]kustomize.Object
	// settled is what stood when a placement last stood as a whole.
	settled map[string]map[ObjectID]bool
	paces   // what a time, a turn and a word about a placement do
}

// ruleTimeout is the timeout of every placement; see deliveryWorld.place.
const ruleTimeout = time.Minute

func newRules(h *history) *rules {
	return &rules{h: h, leftAt: map[ObjectID]time.Time{}, unseen: map[ObjectID]time.Time{},
		settled: map[string]map[ObjectID]bool{}, paces: newPaces()}
}

// placed is what Git places: what two placements claim is nobody's.
func (r *rules) placed() map[ObjectID]kustomize.Object {
	placed, claims := map[ObjectID]kustomize.Object{}, map[ObjectID]int{}
	for _, a := range r.h.git {
		for _, o := range a.objects {
			if a.err == nil {
				placed[o.ID()] = o
				claims[o.ID()]++
			}
		}
	}
	maps.DeleteFunc(placed, func(id ObjectID, _ kustomize.Object) bool { return claims[id] > 1 })
	return placed
}

// claimed is what any placement of Git names, whatever else is wrong with it.
func (r *rules) claimed() map[ObjectID]bool {
	claimed := map[ObjectID]bool{}
	for _, a := range r.h.git {
		for _, o := range a.objects {
			claimed[o.ID()] = true
		}
	}
	return claimed
}

// committed starts the clock of what left, and stops that of what came back.
func (r *rules) committed() {
	now := r.placed()
	for id := range r.before {
		if _, still := now[id]; !still && r.leftAt[id].IsZero() {
			r.leftAt[id] = r.h.clock
			if r.unseen[id].IsZero() {
				r.unseen[id] = r.h.clock
			}
		}
	}
	for id := range now {
		delete(r.leftAt, id)
	}
	r.before = now
	r.said()
}

func (r *rules) breaks(rule string, args ...any) {
	r.h.note("A RULE IS BROKEN: "+rule, args...)
	r.h.t.Errorf("history %d: "+rule, append([]any{r.h.seed}, args...)...)
}

// passEnded notes what a placement that stands as a whole is made of.
func (r *rules) passEnded(name string) {
	d := &v1alpha1.Delivery{}
	if r.h.client.Get(r.h.ctx, client.ObjectKey{Namespace: r.h.system, Name: name}, d) != nil {
		delete(r.settled, name)
		return
	}
	r.h.tally.Guarded += count(d, v1alpha1.PruneBlockedReason)
	r.h.tally.Windows += count(d, v1alpha1.WaitingForWindowReason)
	r.h.tally.Waves += count(d, v1alpha1.WaitingForWaveReason)
	r.kept(d)
	r.seen(d)
	r.came(d)
	if d.Status.AppliedBuildDigest != d.Spec.BuildDigest || d.Spec.Removed {
		return
	}
	stands := map[ObjectID]bool{}
	for id := range r.placed() {
		if has(r.h.git[name], id.Name) {
			stands[id] = true
		}
	}
	if len(stands) == len(d.Status.Inventory) {
		r.settled[name] = stands
	}
}

// forgotten: with its Delivery goes what stood when a placement last settled. What is
// proved to be of it is all that anybody knows then, that of a build that was cut short too.
func (r *rules) forgotten(name string) {
	stands := map[ObjectID]bool{}
	for _, gvk := range modelKinds {
		for _, o := range r.h.list(gvk) {
			if r.isOurs(o.GetUID()) && o.GetLabels()[v1alpha1.OwnerLabel] == name {
				stands[built.ObjectIDOf(&o)] = true
			}
		}
	}
	r.settled[name] = stands
}

// seen: what a placement has and Git places, and a pass of it saw that. It is as it was
// before it left. What was left behind and not taken up yet, since the process died before,
// is left behind still.
func (r *rules) seen(d *v1alpha1.Delivery) {
	placed := r.placed()
	for _, entry := range d.Status.Inventory {
		id, err := inventory.Parse(entry.ID)
		if _, again := placed[id]; !again || err != nil {
			continue
		}
		delete(r.unseen, id)
		live, err := r.h.server.live(r.h.ctx, gvkOf(id), client.ObjectKey{Namespace: id.Namespace, Name: id.Name})
		if r.h.must(err); live != nil && live.GetLabels()[v1alpha1.OwnerLabel] == d.Name {
			delete(r.mayStay, id)
		}
	}
}

func count(d *v1alpha1.Delivery, reason string) int {
	for _, c := range d.Status.Conditions {
		if c.Type == "Ready" && c.Reason == reason {
			return 1
		}
	}
	return 0
}

func (r *rules) isOurs(uid types.UID) bool { return r.h.server.ours[uid] }

// applies is asked before a write to an object; live is nil for one that is made.
func (r *rules) applies(gvk schema.GroupVersionKind, live *unstructured.Unstructured) {
	r.h.tally.Applies++
	if live == nil {
		r.h.tally.Made++
	}
	if live != nil && !r.isOurs(live.GetUID()) {
		r.breaks("%s is somebody else's and is written", built.ObjectIDOf(live))
	}
	if live != nil && live.GetDeletionTimestamp() != nil {
		r.met(built.ObjectIDOf(live))
	}
}

// deletes is asked before an object is deleted.
func (r *rules) deletes(_ schema.GroupVersionKind, live *unstructured.Unstructured) {
	r.h.tally.Deletes++
	id, owner := built.ObjectIDOf(live), live.GetLabels()[v1alpha1.OwnerLabel]
	r.h.note("%s is deleted", id)
	switch {
	case !r.isOurs(live.GetUID()):
		r.breaks("%s is somebody else's and is deleted", id)
	case r.claimed()[id]:
		r.breaks("%s is deleted, and Git has it", id)
	case r.h.suspended, r.h.holdAll:
		r.breaks("%s is deleted while Git holds all", id)
	case r.h.git[owner] != nil && r.h.git[owner].spec.Suspend:
		r.breaks("%s is deleted while Git suspends %s", id, owner)
	}
	for name, a := range r.h.git {
		if a.err != nil {
			r.breaks("%s is deleted while %s does not build", id, name)
		}
	}
	r.inUse(id, owner)
	r.share(owner)
	r.paced(id, owner)
}

// inUse holds the deletion of what is still named.
func (r *rules) inUse(id ObjectID, owner string) {
	users := r.users(id)
	held := r.h.heldBack(owner)
	if held {
		users = append(users, r.standing(id, owner)...)
	}
	if len(users) == 0 {
		return
	}
	r.h.tally.InUse++
	since, known := r.unseen[id]
	if !known || r.h.clock.Sub(since) <= ruleTimeout {
		r.breaks("%s is deleted at once, and %v name it", id, users)
	}
	a := r.h.git[owner]
	if a != nil && (held || a.spec.Allow == nil || !a.spec.Allow.PruneInUse) {
		r.breaks("%s is deleted, %v name it, and its placement has not left", id, users)
	}
}

// users are the live pods and the workloads of Git that name an object.
func (r *rules) users(id ObjectID) []string {
	var users []string
	reads := func(what string, o *unstructured.Unstructured) {
		for _, ref := range workload.Reads(o.Object) {
			if ref.Kind == id.Kind && ref.Name == id.Name && o.GetNamespace() == id.Namespace {
				users = append(users, what+" "+o.GetName())
			}
		}
	}
	for _, pod := range r.h.list(modelKinds[2]) {
		reads("pod", &pod)
	}
	for _, a := range r.h.git {
		for _, o := range a.objects {
			reads("Git's", o.Unstructured)
		}
	}
	return users
}

// share holds a removal of much without consent.
func (r *rules) share(owner string) {
	stood, a := r.settled[owner], r.h.git[owner]
	d := &v1alpha1.Delivery{}
	if a == nil || r.h.client.Get(r.h.ctx, client.ObjectKey{Namespace: r.h.system, Name: owner}, d) != nil {
		return
	}
	leaving, typed, covered := 0, 0, 0
	for id := range stood {
		if r.mayStay[id] {
			continue
		}
		live, err := r.h.server.live(r.h.ctx, gvkOf(id), client.ObjectKey{Namespace: id.Namespace, Name: id.Name})
		if err == nil && live != nil && !r.claimed()[id] && r.isOurs(live.GetUID()) &&
			live.GetLabels()[v1alpha1.OwnerLabel] == owner {
			leaving++
			byHand := r.covers(id, d.Annotations[v1alpha1.ConsentAnnotation])
			if byHand {
				typed++
			}
			if byHand || r.covers(id, r.h.deliveryWorld.consent) {
				covered++
			}
		}
	}
	many := func(n int) bool { return n > 2 && n*100 > r.h.maxShare*len(stood) }
	if many(leaving-typed) && !many(leaving-covered) {
		r.h.tally.Covered++
	}
	if many(leaving - covered) {
		r.breaks("%d of %d objects of %s leave, and nobody consented", leaving, len(stood), owner)
	}
}

func gvkOf(id ObjectID) schema.GroupVersionKind {
	i := slices.IndexFunc(modelKinds, func(gvk schema.GroupVersionKind) bool { return gvk.Kind == id.Kind })
	return modelKinds[i]
}

// equal is asked when all was calm for long: the cluster is what Git has.
func (r *rules) equal() {
	for name, a := range r.h.git {
		for _, o := range a.objects {
			if err := r.h.stands(name, o); err != nil && r.has(o) == nil {
				r.breaks("%s of %s: %v", o.ID(), name, err)
			}
		}
	}
	placed := r.placed()
	for _, gvk := range modelKinds {
		for _, o := range r.h.list(gvk) {
			id := built.ObjectIDOf(&o)
			if _, wanted := placed[id]; wanted || !r.isOurs(o.GetUID()) || r.mayStay[id] {
				continue
			}
			// In use it stays, unless its placement left: then the timeout is over.
			owner := o.GetLabels()[v1alpha1.OwnerLabel]
			if users := r.users(id); len(users) == 0 || r.h.git[owner] == nil {
				r.breaks("%s of %s stands, and Git does not place it (named by %v)", id, owner, users)
			}
		}
	}
	for _, o := range r.h.list(deliveryKind[0]) {
		if r.h.git[o.GetName()] == nil {
			r.breaks("the Delivery %s is still there", o.GetName())
		}
	}
}

// has says what an object needs that Git does not place: it waits for that.
func (r *rules) has(o kustomize.Object) error {
	for _, ref := range workload.Reads(o.Object) {
		if _, ok := r.placed()[ObjectID{Kind: ref.Kind, Namespace: o.GetNamespace(), Name: ref.Name}]; !ok {
			return fmt.Errorf("Git does not place %s", ref.Name)
		}
	}
	return nil
}
