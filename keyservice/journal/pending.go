package journal

import (
	"os/user"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// Later leaves an entry for the log to a program that changes the store beside
// the service: the token's log key signs in one place only. The service takes it
// into the log with its next append, at the latest within a minute, and before
// anything that rests on the change.
func Later(rows interface {
	AddPending(fleet string, entry []byte) store.Change
}, fleet string, e audit.Entry, now time.Time) store.Change {
	e.Fleet, e.Time = fleet, now
	if who, err := user.Current(); err == nil {
		e.Detail = strings.TrimLeft(e.Detail+"; by "+who.Username+" on the service's machine", "; ")
	}
	return rows.AddPending(fleet, e.Marshal())
}

// addPending takes over what another program left. What does not parse is
// recorded as that: it would otherwise hold up the log for ever.
func (w *drafting) addPending(data []byte) error {
	e, err := audit.ParseEntry(data)
	if err != nil {
		e = audit.Entry{Time: w.at, Kind: audit.Person, Outcome: "Unreadable",
			Detail: "an entry that another program left does not parse"}
	}
	// Every entry has the time of its append; one that waited says since when.
	if w.at.Sub(e.Time) > time.Second {
		e.Detail = strings.TrimLeft(e.Detail+"; decided at "+e.Time.UTC().Format(time.RFC3339), "; ")
	}
	return w.add(e)
}
