package delivery

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/controllers/internal/say"
	"github.com/bulla-dev/bulla/kustomize/workload"
)

// maxNamed is how many objects a condition names; the rest is counted.
const maxNamed = 5

// failures are what one pass could not do. A failure of one object keeps only
// what needs that object.
type failures struct {
	of map[ObjectID]error
	// waits are objects that need one that failed, or that waits itself.
	waits map[ObjectID]ObjectID
	// unlike are those of the above that do not stand as Git says.
	unlike map[ObjectID]bool
	order  []ObjectID
}

func (f *failures) any() bool { return len(f.order) > 0 }

func (f *failures) add(id ObjectID, err error) {
	if f.of == nil {
		f.of = map[ObjectID]error{}
	}
	if _, ok := f.of[id]; !ok {
		f.order = append(f.order, id)
	}
	f.of[id] = errors.Join(f.of[id], err)
}

// fail notes that an object could not be compared, applied or established.
func (p *deliveryPass) fail(o apply.Object, err error) {
	p.failures.add(o.ID, err)
	entry := p.inv[o.ID]
	var conflict *apply.ConflictError
	if entry.UID == "" || entry.Applied != o.Hash || errors.As(err, &conflict) {
		p.unlike(o.ID)
	}
}

func (p *deliveryPass) unlike(id ObjectID) {
	if p.failures.unlike == nil {
		p.failures.unlike = map[ObjectID]bool{}
	}
	p.failures.unlike[id] = true
}

// blocked notes that an object waits for what it needs, and reports whether it
// does: its namespace, the definition of its kind, and what its pods read. What
// only heals an object does not wait for what the pods read: they ran with it.
func (p *deliveryPass) blocked(c change) bool {
	if len(p.failures.unlike) == 0 {
		return false
	}
	for _, need := range p.needs(c) {
		if !p.failures.unlike[need] {
			continue
		}
		if p.failures.waits == nil {
			p.failures.waits = map[ObjectID]ObjectID{}
		}
		p.failures.waits[c.object.ID] = need
		p.unlike(c.object.ID)
		return true
	}
	return false
}

func (p *deliveryPass) needs(c change) []ObjectID {
	id := c.object.ID
	needs := []ObjectID{{Kind: "Namespace", Name: id.Namespace}}
	for _, o := range p.objects {
		if defines(o, id) {
			needs = append(needs, o.ID)
		}
	}
	if c.revert {
		return needs
	}
	for _, ref := range workload.Reads(c.object.Manifest.Object) {
		if !ref.Optional {
			needs = append(needs, ObjectID{Kind: ref.Kind, Namespace: id.Namespace, Name: ref.Name})
		}
	}
	return needs
}

// defines reports whether o is the definition of an object's kind.
func defines(o apply.Object, id ObjectID) bool {
	if o.ID.Group != "apiextensions.k8s.io" || o.ID.Kind != "CustomResourceDefinition" {
		return false
	}
	group, _, _ := unstructured.NestedString(o.Manifest.Object, "spec", "group")
	kind, _, _ := unstructured.NestedString(o.Manifest.Object, "spec", "names", "kind")
	return group == id.Group && kind == id.Kind
}

// failed words what the pass could not do; nil when it could do everything.
func (p *deliveryPass) failed() error {
	f := p.failures
	if !f.any() {
		return nil
	}
	var errs []error
	var texts []string
	lost := false
	for i, id := range f.order {
		errs = append(errs, f.of[id])
		var conflict *apply.ConflictError
		lost = lost || errors.As(f.of[id], &conflict) && conflict.Labelled
		if i < maxNamed {
			texts = append(texts, strings.ReplaceAll(f.of[id].Error(), "\n", "; "))
		}
	}
	if more := len(f.order) - maxNamed; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d objects more", more))
	}
	if len(f.waits) > 0 {
		texts = append(texts, f.waiting())
	}
	if lost {
		texts = append(texts, fmt.Sprintf("if this cluster's keys were made anew, the annotation %s=%s on the Delivery takes back what carries its labels",
			v1alpha1.TakeOverAnnotation, p.obj.Spec.Revision))
	}
	err := applyFailed(errors.Join(errs...))
	var ended *deliveryError
	if errors.As(err, &ended) {
		ended.message = strings.Join(texts, "; ")
	}
	return err
}

func (f *failures) waiting() string {
	var names []string
	for id := range f.waits {
		names = append(names, inventory.Describe(id))
	}
	slices.Sort(names)
	return say.List(names) + " wait for that"
}
