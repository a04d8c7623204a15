package ledger

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// namedInEntry is how many objects one entry names: an entry has a greatest size, and
// names are at most 381 bytes here.
const namedInEntry = 100

// reportEntries are what the audit log says of a report: one entry for each state, with
// the objects that the cluster says are in it, so that the log bears out when it said of
// a secret that it is gone. A complete report repeats what was said before: of that it
// names what is gone alone. A report that says only that the cluster is alive has none.
func reportEntries(who authority.Cluster, at *heads.Head, r *store.LedgerReport) (entries []audit.Entry) {
	base := who.Entry(audit.Report, audit.Done)
	base.Head, base.Revision = at.Hash, r.Head
	states := map[string][]audit.Built{}
	for _, secret := range r.Secrets {
		state := keyservicev1.SecretState(secret.State).Name()
		// The log names objects as an Unseal does, without a kind.
		object := secret.Namespace + "/" + path.Base(secret.Name)
		states[state] = append(states[state], audit.Built{Placement: secret.Placement, Object: object})
	}
	var said []string
	for _, state := range slices.Sorted(maps.Keys(states)) {
		if r.Complete && state != keyservicev1.SecretState_SECRET_STATE_DEPROVISIONED.Name() {
			said = append(said, audit.ReportDetail(len(states[state]), state))
			continue
		}
		for objects := range slices.Chunk(states[state], namedInEntry) {
			e := base
			e.Detail = audit.ReportDetail(len(objects), state)
			e.Placement, e.Object = objects[0].Placement, objects[0].Object
			for _, also := range objects[1:] {
				e.Also = append(e.Also, also.String())
			}
			entries = append(entries, e)
		}
	}
	if r.Complete {
		base.Detail = strings.Join(append(said, "complete"), ", ")
		entries = append(entries, base)
	}
	return entries
}

// named is how many objects entries name.
func named(entries []audit.Entry) (n int) {
	for _, e := range entries {
		n += len(e.Built())
	}
	return n
}
