package delivery

import (
	"errors"
	"strings"
	"testing"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/own"
)

// quiet waits until the loop has nothing left to do: looks at every object and status
// are equal.
func (w *deliveryWorld) quiet() {
	w.t.Helper()
	stays(w.t, w.everything)
}

// stays waits until as many looks in a row are equal as a machine with nothing else to
// do takes in a second. They are counted, and not the time: where everything is slow, a
// look is too.
func stays[V any](t *testing.T, look func() V) {
	t.Helper()
	last, equal := look(), 0
	eventually(t, "nothing moves", func() error {
		now := look()
		if equal++; !cmp.Equal(last, now) {
			last, equal = now, 0
		}
		if equal < 14 {
			return errNotYet
		}
		return nil
	})
}

func (w *deliveryWorld) everything() map[string]string {
	out := w.versions()
	list := &v1alpha1.DeliveryList{}
	w.must(w.client.List(w.t.Context(), list, client.InNamespace(w.system)))
	for _, d := range list.Items {
		out[d.Name] = d.ResourceVersion
	}
	return out
}

// ask asks for a pass now and waits until it was made.
func (w *deliveryWorld) ask(name, value string) {
	w.t.Helper()
	w.annotate(name, meta.ReconcileRequestAnnotation, value)
	eventually(w.t, "the request is handled", func() error {
		if w.delivery(name).Status.LastHandledReconcileAt != value {
			return errors.New("not yet")
		}
		return nil
	})
}

func (w *deliveryWorld) annotate(name, key, value string) {
	w.t.Helper()
	d := w.delivery(name)
	next := d.DeepCopy()
	if next.Annotations == nil {
		next.Annotations = map[string]string{}
	}
	next.Annotations[key] = value
	w.must(w.client.Patch(w.t.Context(), next, client.MergeFrom(d)))
}

func (w *deliveryWorld) delivery(name string) *v1alpha1.Delivery {
	w.t.Helper()
	d := &v1alpha1.Delivery{}
	w.must(w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.system, Name: name}, d))
	return d
}

func (w *deliveryWorld) generation(deployment string) int64 {
	w.t.Helper()
	d := &appsv1.Deployment{}
	w.must(w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.ns, Name: deployment}, d))
	return d.Generation
}

// edit changes a live object as a person would.
func (w *deliveryWorld) edit(o client.Object, name string, change func(client.Object)) {
	w.t.Helper()
	w.editAs("kubectl-edit", o, name, change)
}

// editAs changes a live object as a field manager does.
func (w *deliveryWorld) editAs(manager string, o client.Object, name string, change func(client.Object)) {
	w.t.Helper()
	eventually(w.t, "the edit is made", func() error {
		if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.ns, Name: name}, o); err != nil {
			return err
		}
		change(o)
		err := w.client.Update(w.t.Context(), o, client.FieldOwner(manager))
		if err != nil && !apierrors.IsConflict(err) {
			w.t.Fatal(err)
		}
		return err
	})
}

// heals waits until every object of Git is as it should be again.
func (w *deliveryWorld) heals() {
	w.t.Helper()
	eventually(w.t, "the cluster equals Git again", func() error {
		for name, a := range w.git {
			for _, o := range a.objects {
				if err := w.stands(name, o); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// written are the objects that the controller wrote since mark, in order, each
// write on its own.
func (w *deliveryWorld) written(mark int) []string {
	w.t.Helper()
	var out []string
	for _, e := range w.audit(mark) {
		if e.Write() && e.Subresource == "" && e.Namespace == w.ns && strings.Contains(e.URI, "fieldManager="+own.FieldManager) {
			out = append(out, e.Resource+"/"+e.Name)
		}
	}
	return out
}

func isSecret(o client.Object) bool {
	_, ok := o.(*corev1.Secret)
	return ok
}
