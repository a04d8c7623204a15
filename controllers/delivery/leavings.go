package delivery

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/api/v1alpha1"
)

// leavings is what is to go, and what went.
type leavings struct {
	since map[ObjectID]time.Time
	// moved are the objects that another placement took, by its name.
	moved map[string]int
}

// set starts the clock of what is to go, and stops that of what is not.
func (l *leavings) set(ids []ObjectID, now time.Time) {
	leaving := make(map[ObjectID]time.Time, len(ids))
	for _, id := range ids {
		since, known := l.since[id]
		if !known {
			since = now
		}
		leaving[id] = since
	}
	l.since = leaving
}

// back stops the clock of what Git places again, though the pass that sees it comes to no
// pruning: who uses it has the whole time once more when it goes again.
func (l *leavings) back(places func(ObjectID) (string, bool)) {
	maps.DeleteFunc(l.since, func(id ObjectID, _ time.Time) bool {
		_, placed := places(id)
		return placed
	})
}

// moves notes that an object was taken over by another placement.
func (l *leavings) moves(to string) {
	if l.moved == nil {
		l.moved = map[string]int{}
	}
	l.moved[to]++
}

// farewell says what became of a placement that left. One that was renamed left
// nothing behind that is absent: its objects stand, for another. And one that leaves
// its objects behind has its secrets absent, no more.
func (l *leavings) farewell(d *v1alpha1.Delivery) string {
	revision := d.Spec.Revision
	if leavesPlain(d) {
		return fmt.Sprintf("sealed objects are confirmed absent at %s; plain ones stay: %s", revision, stayWhy(d))
	}
	if len(l.moved) == 0 {
		return fmt.Sprintf("everything that is no other placement's is confirmed absent at %s", revision)
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(l.moved)) {
		parts = append(parts, fmt.Sprintf("%s %s for placement %q now", plural.Of(l.moved[name], "object"),
			plural.Verb(l.moved[name], "stands", "stand"), name))
	}
	return fmt.Sprintf("%s; everything else is confirmed absent at %s", strings.Join(parts, ", "), revision)
}
