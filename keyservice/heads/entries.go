package heads

import (
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/audit"
)

// headEntries are what is recorded of an accepted head: itself, and each sealing
// key that is new in it or stands otherwise than before.
func headEntries(next *Head, before *Head, parent string) []audit.Entry {
	e := audit.Entry{Kind: audit.Head, Outcome: audit.Done, Head: next.Hash, Detail: "first"}
	if parent != "" {
		e.Detail = "after " + parent
	}
	entries := []audit.Entry{e}
	var known []api.SealingKey
	if before != nil {
		known = before.Model.Fleet.Spec.SealingKeys
	}
	for _, key := range next.Model.Fleet.Spec.SealingKeys {
		if !slices.Contains(known, key) {
			entries = append(entries, audit.Entry{Kind: audit.Key, Outcome: audit.Done, Head: next.Hash,
				Keys: []string{key.ID}, Detail: "sealing key is " + string(key.Status)})
		}
	}
	return entries
}
