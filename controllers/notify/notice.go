// Package notify tells people and their tools how this cluster's deliveries fare: a
// chat, an alert manager, the commit at the forge, or anything that takes CloudEvents.
//
//   - It tells what the Ready conditions say, which everybody may read: names, revisions,
//     reasons. What must not be said there was taken out before.
//   - Nothing waits for it. Each receiver has a queue of its own, which is bounded, tried
//     with back-off, and dropped and counted beyond that.
//   - What it sends to is the operator's word alone, in a file: nothing in Git or in a
//     cluster's objects adds a receiver.
package notify

import (
	"strings"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// Notice is one change of how an object stands.
type Notice struct {
	Cluster string
	// Kind is Delivery or FleetSync.
	Kind, Namespace, Name string
	// Revision is REF@sha1:HASH; empty before there is one.
	Revision        string
	Ready           bool
	Reason, Message string
	At              time.Time
}

// commit is the hash of the revision; "" for none.
func (n Notice) commit() string {
	_, hash, ok := strings.Cut(n.Revision, ":")
	if !ok || !hexid.IsCommit(hash) {
		return ""
	}
	return hash
}

// text is the notice in a line.
func (n Notice) text() string {
	state := "is ready"
	if !n.Ready {
		state = "is not ready (" + n.Reason + ")"
	}
	where := n.Cluster
	if where == "" {
		where = n.Namespace
	}
	return printable.Text(where + ": " + n.Kind + " " + n.Name + " " + state + ": " + short(n.Message, 512))
}

// short keeps a message within what receivers take.
func short(text string, most int) string {
	if len(text) > most {
		return strings.ToValidUTF8(text[:most-3], "") + "…"
	}
	return text
}

// object is what is watched.
type object interface {
	metav1.Object
	conditions.Getter
}

// standing is how an object stands; ok is false while it is at work, or new.
func standing(o object) (n Notice, ok bool) {
	ready := conditions.Get(o, meta.ReadyCondition)
	if ready == nil || ready.Status == metav1.ConditionUnknown || ready.ObservedGeneration != o.GetGeneration() {
		return Notice{}, false
	}
	n = Notice{Namespace: o.GetNamespace(), Name: o.GetName(), Ready: ready.Status == metav1.ConditionTrue,
		Reason: ready.Reason, Message: ready.Message, At: ready.LastTransitionTime.Time}
	switch is := o.(type) {
	case *v1alpha1.Delivery:
		n.Kind, n.Revision = "Delivery", is.Spec.Revision
	case *v1alpha1.FleetSync:
		n.Kind, n.Revision = "FleetSync", is.Status.Head
	}
	return n, true
}

// isNews reports whether one is another than the one before, for people. A message
// that alone is another is none: it may count seconds.
func isNews(before, now Notice) bool {
	return before.Ready != now.Ready || before.Revision != now.Revision || !now.Ready && before.Reason != now.Reason
}
