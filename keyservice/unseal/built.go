package unseal

import (
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/grant"
)

const (
	// builtInEntry is how many built objects one entry names, builtBesideLocks how
	// many where it names many locks too: an entry has a greatest size.
	builtInEntry, builtBesideLocks = 32, 1
	manyLocks                      = 64
)

// nameBuilt has the log name every object that a digest stands for: whoever may
// open one of them has the file keys of all, and a log that names one of them says
// of the others that nobody opened them.
func nameBuilt(e audit.Entry, stands []*grant.Candidate) []audit.Entry {
	entries := []audit.Entry{e}
	room := builtInEntry
	if len(e.Targets) > manyLocks {
		room = builtBesideLocks
	}
	for i, c := range stands {
		built := audit.Built{Placement: c.Placement, Object: c.Object.Namespace + "/" + c.Object.Name}
		if room == 0 {
			further := e
			further.Targets, further.Keys, further.Operations = nil, nil, 0
			entries, room = append(entries, further), builtInEntry
		}
		last := &entries[len(entries)-1]
		if room--; i == 0 || last.Object == "" {
			last.Placement, last.Object = built.Placement, built.Object
			continue
		}
		last.Also = append(last.Also, built.String())
	}
	return entries
}
