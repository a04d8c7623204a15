package statement

import (
	"maps"
	"slices"
	"time"

	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/keyservice/audit"
)

// The steps, in their order.
const (
	Granted        = "Granted"
	Delivered      = "Delivered"
	Removed        = "Removed"
	ReportedAbsent = "ReportedAbsent"
)

// Step is one thing that became of an object.
type Step struct {
	Object string `json:"object"`
	Step   string `json:"step"`
	Shown  bool   `json:"shown"`
	// Index and Time are of the entry that shows it; Index is -1 for none.
	Index int64      `json:"index"`
	Time  *time.Time `json:"time,omitempty"`
	Says  string     `json:"says"`
}

// About says whether an entry is one that a statement needs: of its subject, or a head
// that was accepted.
func (s *Statement) About(e audit.Entry) bool {
	switch {
	case e.Kind == audit.Head:
		return e.Outcome == audit.Done
	case e.Cluster != s.Cluster:
		return false
	case e.Kind == audit.Unseal && e.Outcome != "Granted", e.Kind != audit.Unseal && e.Reported() == "":
		return false
	}
	return len(s.named(e)) > 0
}

// named are the objects of the subject that an entry names.
func (s *Statement) named(e audit.Entry) (objects []string) {
	for _, b := range e.Built() {
		if s.Object == b.Object || s.Placement != "" && s.Placement == b.Placement {
			objects = append(objects, b.Object)
		}
	}
	return objects
}

// Steps are what the entries show of each object, four for each.
func (s *Statement) Steps(entries []Entry) []Step {
	objects := map[string]bool{}
	if s.Object != "" {
		objects[s.Object] = true
	}
	for _, e := range entries {
		if e.Kind != audit.Head && s.About(e.Entry) {
			for _, object := range s.named(e.Entry) {
				objects[object] = true
			}
		}
	}
	var steps []Step
	for _, object := range slices.Sorted(maps.Keys(objects)) {
		steps = append(steps, s.stepsOf(object, entries)...)
	}
	return steps
}

func (s *Statement) stepsOf(object string, entries []Entry) []Step {
	var granted, delivered, absent, head *Entry
	times := 0
	for i := range entries {
		e := &entries[i]
		if e.Kind == audit.Head || !s.About(e.Entry) || !slices.Contains(s.named(e.Entry), object) {
			continue
		}
		switch {
		case e.Kind == audit.Unseal:
			granted, absent = e, nil
			times++
		case e.Reported() == "Deprovisioned":
			absent = e
		case e.Reported() == "Provisioned" || e.Reported() == "InUse":
			delivered, absent = e, nil
		default: // the cluster does not know any more
			absent = nil
		}
	}
	for i := range entries {
		if e := &entries[i]; absent != nil && e.Kind == audit.Head && e.Outcome == audit.Done &&
			e.Entry.Head == absent.Entry.Head && e.Index < absent.Index {
			head = e
		}
	}
	return []Step{
		step(object, Granted, granted, plural.Of(times, "time")+", this is the last"),
		step(object, Delivered, delivered, "the cluster said that it stands"),
		step(object, Removed, head, "this head was accepted before the cluster said that it is gone"),
		step(object, ReportedAbsent, absent, "the cluster said that it is gone, and nothing else since"),
	}
}

func step(object, name string, by *Entry, says string) Step {
	if by == nil {
		return Step{Object: object, Step: name, Index: -1, Says: "no entry here shows it"}
	}
	if by.Entry.Head != "" {
		says += ", at " + by.Entry.Head[:min(len(by.Entry.Head), 12)]
	}
	return Step{Object: object, Step: name, Shown: true, Index: by.Index, Time: &by.Time, Says: says}
}
