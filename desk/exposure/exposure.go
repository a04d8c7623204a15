// Package exposure answers who could read a secret, and what a lost cluster
// could read, from the audit log, the working tree and the clone's history.
//
// The log says which cluster got the answer for which file at which head. A file
// that changed since may carry the same value: its locks alone may be new. What
// decides is the payload, which a new lock leaves as it is.
package exposure

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/desk/auditlog"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Granted chooses the entries of answers that were given.
var Granted = auditlog.Filter{Kind: string(audit.Unseal), Outcome: "Granted"}

// Reading is one cluster that could read one version of one object.
type Reading struct {
	Cluster string `json:"cluster"`
	Object  string `json:"object"`
	// Digest is of the stub's file.
	Digest    string    `json:"digest"`
	Placement string    `json:"placement"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
	Times     int       `json:"times"`
	// Entry is the index of the first entry.
	Entry int64 `json:"entry"`
	// Head is the head at which it was granted first, Commit what the clone's
	// history says of it, empty when it does not have it.
	Head   string `json:"head"`
	Commit string `json:"commit,omitempty"`
	// Current says that the working tree has this very file.
	Current bool `json:"current"`
}

// Readings puts entries together: one for each cluster, object and version, the
// earliest first. An entry counts for every object that it names.
func Readings(entries []client.AuditEntry) []Reading {
	type key struct{ cluster, object, digest, placement string }
	at := map[key]int{}
	var all []Reading
	count := func(k key, e client.AuditEntry) {
		i, known := at[k]
		if !known {
			i, at[k] = len(all), len(all)
			all = append(all, Reading{Cluster: k.cluster, Object: k.object, Digest: k.digest, Placement: k.placement,
				First: e.Entry.Time, Head: e.Entry.Head, Entry: e.Index})
		}
		all[i].Last = e.Entry.Time
		all[i].Times++
	}
	for _, e := range entries {
		for _, built := range e.Entry.Built() {
			count(key{e.Entry.Cluster, built.Object, e.Entry.Digest, built.Placement}, e)
		}
	}
	slices.SortStableFunc(all, func(a, b Reading) int { return cmp.Compare(a.Entry, b.Entry) })
	return all
}

// Stub is a file of sealed values of a tree: a stub, or a reference to one.
type Stub struct {
	built.Stub

	// values are the fields by the hash of their payload; nil where nobody could take them
	// from the store.
	values map[string][]string
}

// Stubs reads the stubs of a tree, and says which files cannot be read: what is
// in them is not looked at.
func Stubs(tree *tree.Tree) (stubs []Stub, unreadable []model.Unreadable) {
	found, unreadable := model.Stubs(tree)
	for _, file := range found {
		stubs = append(stubs, Stub{Stub: file.Stub})
	}
	return stubs, unreadable
}

// State is what became of a value that a lost cluster could read.
type State string

// The states, the worst first.
const (
	// Same: the working tree still carries all of it.
	Same State = "Same"
	// Part: some of its fields are sealed anew, others are not.
	Part State = "Part"
	// Unknown: the clone does not have the commit that it was granted at.
	Unknown State = "Unknown"
	// Changed: everything is sealed anew, perhaps with the old value.
	Changed State = "Changed"
	// Removed: no stub is left of it.
	Removed State = "Removed"
)

var order = []State{Same, Part, Unknown, Changed, Removed}

// Lost is one version of an object that a lost cluster could read.
type Lost struct {
	Reading
	State State `json:"state"`
	// Rotate lists the files in the working tree that still carry values of it.
	Rotate []Still `json:"rotate"`
}

// Still is a file with fields whose sealed values are the ones that were read.
type Still struct {
	Path   string   `json:"path"`
	Fields []string `json:"fields"`
}

// History finds what is not in the working tree any more.
type History interface {
	// Find gives the stub with a digest in the tree of a commit; false when the clone
	// does not have it.
	Find(commit, digest string) (Stub, bool)
	// Describe says who made a commit, and what for; empty when it is not there.
	Describe(commit string) string
}

// After says what of the readings has to be rotated, the worst first.
func After(readings []Reading, stubs []Stub, history History, kept Kept) []Lost {
	for i := range stubs {
		stubs[i].values = kept.values(stubs[i])
	}
	lost := make([]Lost, len(readings))
	for i, r := range readings {
		lost[i] = Lost{Reading: r, Rotate: []Still{}}
		lost[i].compare(stubs, history, kept)
	}
	slices.SortStableFunc(lost, func(a, b Lost) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.State), slices.Index(order, b.State)),
			cmp.Compare(a.Object, b.Object))
	})
	return lost
}

func (l *Lost) compare(stubs []Stub, history History, kept Kept) {
	old, known := history.Find(l.Head, l.Digest)
	for _, stub := range stubs {
		if stub.Digest == l.Digest {
			old, known, l.Current = stub, true, true
		}
	}
	if !known {
		l.State = Unknown
		for _, stub := range stubs {
			if stub.named(l.Object) {
				l.Rotate = append(l.Rotate, Still{Path: stub.Path, Fields: []string{}})
			}
		}
		return
	}
	old.values = kept.values(old)
	rest := map[string]bool{}
	for _, field := range old.Fields() {
		rest[field] = true
	}
	l.State = Removed
	for _, stub := range stubs {
		if stub.named(old.Manifest.Metadata.Namespace + "/" + old.Manifest.Metadata.Name) {
			l.State = Changed
		}
		if fields := stub.carries(old, kept.Fleet, rest); len(fields) > 0 {
			l.Rotate = append(l.Rotate, Still{Path: stub.Path, Fields: fields})
		}
	}
	if len(l.Rotate) == 0 {
		return
	}
	if l.State = Same; len(rest) > 0 {
		l.State = Part
	}
}

func (s Stub) named(object string) bool {
	return s.Manifest.Metadata.Namespace+"/"+s.Manifest.Metadata.Name == object
}

// String names the file and its fields.
func (s Still) String() string {
	if len(s.Fields) == 0 {
		return s.Path
	}
	return s.Path + " (" + strings.Join(s.Fields, " ") + ")"
}
