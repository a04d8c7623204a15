package delivery

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/drift"
	"github.com/bulla-dev/bulla/kustomize/built"
)

// taken is what a watch says to whose object was taken.
func (h *history) taken(_ schema.GroupVersionKind, was *unstructured.Unstructured) {
	h.process.onEvent(drift.Event{Placement: was.GetLabels()[v1alpha1.OwnerLabel], ID: built.ObjectIDOf(was)})
}

// takesBack: a change takes objects from a placement that cannot follow, and goes again.
// The cluster is as Git has it then, long before anything is compared for its interval.
func (h *history) takesBack() {
	from, to := pick(h, placementNames), pick(h, placementNames)
	if from == to || h.git[from] == nil || h.git[to] == nil || len(h.git[from].objects) == 0 || h.t.Failed() {
		return
	}
	h.tally.TakenBack++
	before := maps.Clone(h.git)
	h.change(fmt.Sprintf("%s cannot follow, and objects of it move to %s", from, to), func() {
		cannot, takes := *h.git[from], *h.git[to]
		h.git[from], h.git[to] = &cannot, &takes
		n := 1 + h.rng.IntN(len(cannot.objects))
		takes.objects = slices.Concat(takes.objects, cannot.objects[:n])
		cannot.objects = slices.Clone(cannot.objects[n:])
		switch h.rng.IntN(3) {
		case 0:
			cannot.err = errBroken
		case 1:
			cannot.spec.Windows = closed()
			cannot.objects = append(cannot.objects, h.configMap("waits", "1"))
		}
	})
	h.soon()
	h.change("it is taken back", func() { h.git = before })
	h.soon()
	h.rules.equal()
}

// soon is a time that is short beside the interval at which everything is compared.
func (h *history) soon() {
	for range 5 {
		for _, name := range placementNames {
			h.pass(name)
		}
		h.podsEnd()
		h.podsBegin()
		h.clock = h.clock.Add(10 * time.Second)
	}
}
