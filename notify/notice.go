// Package notify brings notices to people and their tools: a chat, an alert manager, the
// commit at the forge, or anything that takes CloudEvents. A controller tells how its
// cluster fares, the key service how sets of clusters do and what it refused.
//
//   - It tells what everybody may read: names, revisions, reasons. What must not be said
//     was taken out by who gives it a notice.
//   - Nothing waits for it. Each receiver has a queue of its own, which is bounded, tried
//     with back-off, and dropped and counted beyond that.
//   - What it sends to is the operator's word alone, in a file: nothing in Git or in a
//     cluster's objects adds a receiver.
package notify

import (
	"strings"
	"time"

	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// Kinds of a [Notice].
const (
	Delivery  = "Delivery"
	FleetSync = "FleetSync"
	// ClusterSet is how a set of clusters stands at a commit; its name is empty for the
	// whole fleet.
	ClusterSet = "ClusterSet"
	// Refusals are what the key service refused lately.
	Refusals = "Refusals"
)

// Notice is one change of how something stands.
type Notice struct {
	// Cluster is empty for what is of no one cluster.
	Cluster string
	Kind    string
	// Namespace is empty but for objects of a cluster.
	Namespace, Name string
	// Revision is REF@sha1:HASH; empty before there is one.
	Revision string
	Ready    bool
	// Pending says that it may become ready by itself.
	Pending         bool
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
	if n.Kind == Refusals {
		return printable.Text("key service of " + n.Name + ": " + short(n.Message, 512))
	}
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

// IsNews reports whether one is another than the one before, for people. A message that
// alone is another is none of an object: it may count seconds. Of a set and of refusals
// it is what there is to tell.
func IsNews(before, now Notice) bool {
	return before.Ready != now.Ready || before.Revision != now.Revision || !now.Ready && before.Reason != now.Reason ||
		before.Message != now.Message && (now.Kind == ClusterSet || now.Kind == Refusals)
}
