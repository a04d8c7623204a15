package delivery

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

// narrow is an API server that takes no status with more than most entries.
type narrow struct {
	client.Client
	most *atomic.Int32
}

func (n narrow) Status() client.SubResourceWriter { return narrowStatus{n.Client.Status(), n.most} }

type narrowStatus struct {
	client.SubResourceWriter
	most *atomic.Int32
}

func (n narrowStatus) Patch(ctx context.Context, o client.Object, p client.Patch, options ...client.SubResourcePatchOption) error {
	if d, ok := o.(*v1alpha1.Delivery); ok && len(d.Status.Inventory) > int(n.most.Load()) {
		return apierrors.NewRequestEntityTooLargeError("etcdserver: request is too large")
	}
	return n.SubResourceWriter.Patch(ctx, o, p, options...)
}

// A status that cannot be saved is said, in an event and in the condition, and
// nothing is applied that nobody would remember.
func TestAStatusThatCannotBeSavedIsSaid(t *testing.T) {
	w := newDeliveryWorld(t)
	var most atomic.Int32
	most.Store(2)
	w.wrap = func(c client.Client) client.Client { return narrow{c, &most} }
	w.run()
	w.place("shop", w.configMaps("a", "b")...)
	w.commit()
	w.settled()
	before := len(said.String())
	w.place("shop", w.configMaps("a", "b", "c")...)
	w.commit()
	d := w.reason("shop", v1alpha1.StatusNotSavedReason)
	if text := message(d); !strings.Contains(text, "too large") || !strings.Contains(text, "hint: split the placement") {
		t.Errorf("the condition says %q", text)
	}
	if len(d.Status.Inventory) != 2 || w.exists(&corev1.ConfigMap{}, "c") {
		t.Errorf("%d entries are remembered, and what is not was applied", len(d.Status.Inventory))
	}
	eventually(t, "an event says it", func() error {
		if !containsEvent(said.String()[before:], "Warning", v1alpha1.StatusNotSavedReason) {
			return errNotYet
		}
		return nil
	})
	w.place("shop", w.configMaps("a", "c")...)
	most.Store(3)
	w.commit()
	w.settled()
}
