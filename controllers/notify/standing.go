package notify

import (
	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/notify"
)

// object is what is watched.
type object interface {
	metav1.Object
	conditions.Getter
}

// standing is how an object stands; ok is false while it is at work, or new.
func standing(o object) (n notify.Notice, ok bool) {
	ready := conditions.Get(o, meta.ReadyCondition)
	if ready == nil || ready.Status == metav1.ConditionUnknown || ready.ObservedGeneration != o.GetGeneration() {
		return notify.Notice{}, false
	}
	n = notify.Notice{Namespace: o.GetNamespace(), Name: o.GetName(), Ready: ready.Status == metav1.ConditionTrue,
		Reason: ready.Reason, Message: ready.Message, At: ready.LastTransitionTime.Time}
	switch is := o.(type) {
	case *v1alpha1.Delivery:
		n.Kind, n.Revision = notify.Delivery, is.Spec.Revision
	case *v1alpha1.FleetSync:
		n.Kind, n.Revision = notify.FleetSync, is.Status.Head
	}
	return n, true
}
