package delivery

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/built"
)

var (
	placementNames = []string{"other", "shop", "third"}
	objectNames    = []string{"db", "cache", "mail", "conf", "rules", "texts", "extra", "api", "worker"}
	deliveryKind   = []schema.GroupVersionKind{v1alpha1.GroupVersion.WithKind("Delivery")}
	errBroken      = errors.New("does not build")
)

// build makes an object of the next version, by its name: three are sealed, two are
// workloads that read one of these.
func (h *history) build(name string) kustomize.Object {
	switch version := fmt.Sprint(h.rng.IntN(3)); name {
	case "db", "cache", "mail":
		return h.seal(name, map[string]string{"token": version})
	case "api":
		return h.deployment(name, "db")
	case "worker":
		return h.deployment(name, "cache")
	default:
		return h.configMap(name, version)
	}
}

func pick[T any](h *history, of []T) T { return of[h.rng.IntN(len(of))] }

// step is one thing that happens.
func (h *history) step() {
	steps := []func(){
		h.gitAdds, h.gitAdds, h.gitAdds, h.gitDrops, h.gitDrops, h.gitDrops, h.gitMoves, h.gitMoves, h.gitLeaves, h.gitLeaves,
		h.gitReturns, h.gitReturns, h.gitReturns,
		h.gitBreaks, h.gitMends, h.gitMends, h.gitMends, h.gitClaims, h.gitHolds, h.gitHolds,
		h.sabotages, h.sabotages, h.crashes, h.serviceIsAway,
		h.foreignerMakes, h.foreignerEdits, h.foreignerDeletes, h.foreignerPretends, h.deliveryIsDeleted,
		h.podsBegin, h.podsBegin, h.podsEnd, h.podsEnd, h.podOfSomebody, h.timePasses, h.timePasses, h.timePasses,
		h.somebodyConsents, h.somebodyConsents, h.gitConsents, h.gitConsents,
		h.gitPaces, h.gitPaces, h.turnComes, h.turnComes, h.nobodySaysWhoseTurn, h.gitVaries, h.gitVaries,
		h.gitKeeps, h.gitKeeps, h.gitKeeps, h.gitKeeps, h.gitReplaces, h.gitReplaces, h.gitReplaces,
	}
	pick(h, steps)()
}

// gitAdds places a few objects; a workload comes with what it reads.
func (h *history) gitAdds() {
	name := pick(h, placementNames)
	var added []string
	for range 1 + h.rng.IntN(5) {
		added = append(added, pick(h, objectNames))
	}
	if slices.Contains(added, "api") {
		added = append(added, "db")
	}
	if slices.Contains(added, "worker") {
		added = append(added, "cache")
	}
	h.change(fmt.Sprintf("Git adds %v to %s", added, name), func() {
		a := h.appOf(name)
		for _, object := range added {
			if !h.placed(object) || h.rng.IntN(10) == 0 && !has(a, object) {
				a.objects = append(a.objects, h.build(object))
			} else if i := indexOf(a, object); i >= 0 { // another version
				a.objects[i] = h.build(object)
			}
		}
	})
}

func (h *history) appOf(name string) *app {
	a := h.git[name]
	if a == nil {
		a = h.place(name)
	}
	a.objects = slices.Clone(a.objects)
	return a
}

func indexOf(a *app, object string) int {
	return slices.IndexFunc(a.objects, func(o kustomize.Object) bool { return o.GetName() == object })
}

func has(a *app, object string) bool { return a != nil && indexOf(a, object) >= 0 }

func (h *history) placed(object string) bool {
	for _, a := range h.git {
		if has(a, object) {
			return true
		}
	}
	return false
}

// gitDrops drops some objects of a placement; many at once meet the guard.
func (h *history) gitDrops() {
	name := pick(h, placementNames)
	h.change("Git drops objects of "+name, func() {
		if h.git[name] == nil {
			return
		}
		a, keep := h.appOf(name), h.rng.IntN(4)
		a.objects = slices.DeleteFunc(a.objects, func(kustomize.Object) bool { return h.rng.IntN(4) >= keep })
	})
}

func (h *history) gitMoves() {
	from, to := pick(h, placementNames), pick(h, placementNames)
	h.change(fmt.Sprintf("Git moves an object from %s to %s", from, to), func() {
		if h.git[from] == nil || from == to || len(h.git[from].objects) == 0 {
			return
		}
		a, b := h.appOf(from), h.appOf(to)
		i := h.rng.IntN(len(a.objects))
		if !has(b, a.objects[i].GetName()) {
			b.objects = append(b.objects, a.objects[i])
		}
		a.objects = slices.Delete(a.objects, i, i+1)
	})
}

func (h *history) gitLeaves() {
	name := pick(h, placementNames)
	h.change("Git takes "+name+" away", func() { delete(h.git, name) })
}

func (h *history) gitReturns() {
	h.change("Git places everything anew", func() {
		clear(h.git)
		for _, object := range objectNames {
			a := h.appOf(pick(h, placementNames))
			a.objects = append(a.objects, h.build(object))
		}
	})
}

func (h *history) gitBreaks() {
	name := pick(h, placementNames)
	h.change(name+" does not build", func() {
		if h.git[name] != nil {
			h.git[name].err = errBroken
		}
	})
}

func (h *history) gitMends() {
	h.change("everything builds", func() {
		for _, a := range h.git {
			a.err, a.spec.Suspend, a.spec.Windows, a.spec.Rollout = nil, false, nil, nil
		}
		h.suspended, h.holdAll = false, false
	})
}

// gitClaims lets two placements have one object: nobody gets it.
func (h *history) gitClaims() {
	object, one, two := pick(h, objectNames), pick(h, placementNames), pick(h, placementNames)
	h.change(fmt.Sprintf("%s and %s claim %s", one, two, object), func() {
		built := h.build(object)
		for _, name := range []string{one, two} {
			if a := h.appOf(name); !has(a, object) {
				a.objects = append(a.objects, built)
			}
		}
	})
}

func (h *history) gitHolds() {
	name := pick(h, placementNames)
	switch h.rng.IntN(5) {
	case 3, 4:
		h.change("no window of "+name+" is open", func() {
			if h.git[name] != nil {
				h.git[name].spec.Windows = closed()
			}
		})
	case 0:
		h.change("Git suspends the cluster", func() { h.suspended = true })
	case 1:
		h.change("a file of Git cannot be read", func() { h.holdAll = true })
	default:
		h.change("Git suspends "+name, func() {
			if h.git[name] != nil {
				h.git[name].spec.Suspend = true
			}
		})
	}
}

// sabotages has one of the next writes go wrong.
func (h *history) sabotages() {
	kind := pick(h, []fault{dies, fails, persists})
	h.saboteur.mu.Lock()
	h.saboteur.kind, h.saboteur.at = kind, h.saboteur.count+1+h.rng.IntN(8)
	h.saboteur.mu.Unlock()
	h.tally.Faults++
	h.rules.mishaps++
	h.note("a write will go wrong: %d", kind)
}

func (h *history) crashes() {
	h.note("the process is killed")
	h.tally.Crashes++
	h.rules.mishaps++
	h.starts(&saboteur{})
}

func (h *history) serviceIsAway() {
	away := h.rng.IntN(2) == 0
	h.note("the key service is away: %v", away)
	h.unsealer.set(away)
}

func (h *history) timePasses() {
	d := pick(h, []time.Duration{time.Second, 20 * time.Second, 2 * time.Minute, 11 * time.Minute})
	h.clock = h.clock.Add(d)
	h.note("%s later", d)
}

// somebodyConsents to what the condition names, or to what the Delivery was told.
func (h *history) somebodyConsents() {
	h.consent(pick(h, placementNames), func(d *v1alpha1.Delivery) string {
		_, named, _ := strings.Cut(describeConditions(d), v1alpha1.ConsentAnnotation+"=")
		named, _, _ = strings.Cut(named, " ")
		return cmp.Or(named, d.Spec.Revision)
	})
}

func (h *history) consent(name string, to func(*v1alpha1.Delivery) string) {
	d := &v1alpha1.Delivery{}
	if h.client.Get(h.ctx, client.ObjectKey{Namespace: h.system, Name: name}, d) != nil {
		return
	}
	h.note("somebody consents to %s at %s", name, to(d))
	metav1.SetMetaDataAnnotation(&d.ObjectMeta, v1alpha1.ConsentAnnotation, to(d))
	h.must(h.client.Update(h.ctx, d))
}

// deliveryIsDeleted: somebody deletes a Delivery, and FleetSync makes it anew. Not one
// that Git left, which nobody makes anew, though a suspended cluster knows that later. Nor
// in the moment between the making of an object and its proof: what it is of, the Delivery
// alone knows then. Two mishaps at once are promised nothing.
func (h *history) deliveryIsDeleted() {
	d := &v1alpha1.Delivery{}
	key := client.ObjectKey{Namespace: h.system, Name: pick(h, placementNames)}
	if h.client.Get(h.ctx, key, d) != nil || d.Spec.Removed || h.git[d.Name] == nil || !h.proved(d.Name) {
		return
	}
	h.note("somebody deletes the Delivery %s", d.Name)
	h.rules.mishaps++
	h.must(h.client.Delete(h.ctx, d))
	h.rules.forgotten(d.Name)
	h.commit()
	h.rules.committed()
}

// proved: every object of a placement carries the proof that names its uid.
func (h *history) proved(name string) bool {
	for _, gvk := range modelKinds {
		for _, o := range h.list(gvk) {
			claim := inventory.Claim{Fleet: h.fleet, Placement: name, ID: built.ObjectIDOf(&o), UID: string(o.GetUID())}
			if h.server.ours[o.GetUID()] && o.GetLabels()[v1alpha1.OwnerLabel] == name &&
				!claim.ProvedBy(h.key, o.GetAnnotations()[v1alpha1.OwnerAnnotation]) {
				return false
			}
		}
	}
	return true
}

// list gives the live objects of a kind.
func (h *history) list(gvk schema.GroupVersionKind) []unstructured.Unstructured {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	h.must(h.server.raw.List(h.ctx, list))
	return list.Items
}

// podsBegin starts a pod for each Deployment, as its template is now.
func (h *history) podsBegin() {
	for _, d := range h.list(modelKinds[3]) {
		name := client.ObjectKey{Namespace: h.ns, Name: d.GetName() + "-pod"}
		live, err := h.server.live(h.ctx, modelKinds[2], name)
		if err != nil || live != nil || d.GetDeletionTimestamp() != nil {
			continue
		}
		spec, _, err := unstructured.NestedMap(d.Object, "spec", "template", "spec")
		h.must(err)
		h.note("a pod of %s begins", d.GetName())
		h.pod(name.Name, d.GetName(), spec)
	}
}

func (h *history) pod(name, of string, spec map[string]any) {
	pod := &corev1.Pod{}
	pod.Namespace, pod.Name, pod.Labels = h.ns, name, map[string]string{"of": of}
	h.must(runtime.DefaultUnstructuredConverter.FromUnstructured(spec, &pod.Spec))
	h.must(h.server.make(h.ctx, pod))
}

// podsEnd ends the pods of Deployments that go, and with the last of them these.
func (h *history) podsEnd() {
	stand := map[string]bool{}
	going := map[string]unstructured.Unstructured{}
	for _, d := range h.list(modelKinds[3]) {
		if stand[d.GetName()] = d.GetDeletionTimestamp() == nil; !stand[d.GetName()] {
			going[d.GetName()] = d
		}
	}
	for _, pod := range h.list(modelKinds[2]) {
		if of := pod.GetLabels()["of"]; of != "" && !stand[of] {
			h.note("the pod of %s ends", of)
			h.must(h.server.raw.Delete(h.ctx, &pod))
		}
	}
	for _, d := range going {
		d.SetFinalizers(nil)
		h.must(h.server.raw.Update(h.ctx, &d))
	}
}

// podOfSomebody is a pod that reads a secret and is no workload's of ours.
func (h *history) podOfSomebody() {
	secret := pick(h, []string{"db", "cache", "mail"})
	name := client.ObjectKey{Namespace: h.ns, Name: "theirs-" + secret}
	if live, err := h.server.live(h.ctx, modelKinds[2], name); err != nil || live != nil {
		if live != nil {
			h.note("somebody's pod that reads %s ends", secret)
			h.must(h.server.raw.Delete(h.ctx, live))
		}
		return
	}
	h.podOf(secret)
}

// podOf is a pod of somebody that reads a secret.
func (h *history) podOf(secret string) {
	h.note("somebody's pod reads %s", secret)
	spec := h.deployment("theirs", secret).Object["spec"].(map[string]any)["template"].(map[string]any)["spec"]
	h.pod("theirs-"+secret, "", spec.(map[string]any))
}
