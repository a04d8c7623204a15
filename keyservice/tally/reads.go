package tally

import (
	"sync"
	"time"

	"github.com/bulla-dev/bulla/keyservice/audit"
)

const (
	// ReadWindow is how long a person's equal reads are counted before the count is recorded,
	// and how long a crash may lose such a count: a page that is left open asks every few
	// seconds, by itself, and is to be no more than a few entries a day.
	ReadWindow = time.Hour
	// maxReads bounds the memory: beyond it each read is an entry again.
	maxReads = 1 << 12
)

// Reads says which reads of people get an entry of the audit log. The first of a kind is
// recorded before it is answered, as every act is; the same again is counted, and the count
// is an entry at the end of the window. Nobody's first read is ever counted with another's.
type Reads struct {
	now func() time.Time

	mu   sync.Mutex
	seen map[read]*repeated
}

// read is one kind: who asked, with which proof of it, and what.
type read struct{ person, certificate, identity, act string }

func readOf(e audit.Entry) read { return read{e.Person, e.Certificate, e.Identity, e.Detail} }

// NewReads makes it.
func NewReads(now func() time.Time) *Reads { return &Reads{now: now, seen: map[read]*repeated{}} }

// Admit says whether a read is to be recorded before it is answered, and counts it
// otherwise. Call Recorded when it is on disk.
func (r *Reads) Admit(e audit.Entry) (record bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.seen[readOf(e)]; known != nil {
		known.again(e)
		return false
	}
	return true
}

// Recorded says that a read which Admit had recorded is on disk: from now on the same is
// counted.
func (r *Reads) Recorded(e audit.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.seen) < maxReads && r.seen[readOf(e)] == nil {
		r.seen[readOf(e)] = &repeated{entry: e, since: r.now()}
	}
}

// Due takes the counts of windows that ended, as entries; all of them when the service
// stops.
func (r *Reads) Due(all bool) (entries []audit.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	for kind, one := range r.seen {
		if !all && now.Sub(one.since) < ReadWindow {
			continue
		}
		delete(r.seen, kind)
		if one.count > 0 {
			entries = append(entries, one.counted())
		}
	}
	return entries
}
