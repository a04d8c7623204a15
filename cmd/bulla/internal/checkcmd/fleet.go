package checkcmd

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/desk/ledger"
	"github.com/bulla-dev/bulla/desk/login"
	"github.com/bulla-dev/bulla/desk/naming"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// silentAfter is how long a cluster may say nothing: it says that it is alive every
// ten minutes.
const silentAfter = 30 * time.Minute

// lookAtFleet reads what clusters say of themselves.
func (a *run) lookAtFleet(ctx context.Context, admin *client.Admin) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	answer, err := admin.ListLedger(ctx, &keyservicev1.ListLedgerRequest{})
	if err != nil {
		a.is(Failed, "clusters", login.Refused(err))
		return
	}
	status := ledger.Read(answer, silentAfter)
	a.head = status.Head
	a.lookAtHead(status.Head)
	var members, silent, behind, suspended []string
	versions := map[string][]string{}
	for _, c := range status.Clusters {
		if c.Standing == ledger.Left {
			continue
		}
		members = append(members, c.Name)
		switch {
		case c.Silent:
			silent = append(silent, c.Name)
		case c.Suspended != nil:
			suspended = append(suspended, c.Name)
		case status.Behind(c):
			behind = append(behind, c.Name)
		}
		if c.Version != "" {
			versions[c.Version] = append(versions[c.Version], c.Name)
		}
	}
	if len(silent) > 0 {
		a.failed("reports", "look at the controller there: bulla check --context CONTEXT",
			"%s of %d said nothing for %s: %s", plural.Of(len(silent), "cluster"), len(members), silentAfter,
			naming.Some(silent))
	} else {
		a.ok("reports", "%s, each heard within %s", plural.Of(len(members), "cluster"), silentAfter)
	}
	if len(behind) > 0 {
		a.warn("heads", "in a moment again; if it stays: bulla get fleetsyncs --context CONTEXT",
			"not at the accepted head: %s", naming.Some(behind))
	}
	if len(suspended) > 0 {
		a.warn("suspended", "`bulla status` says by whom and since when", "nothing is followed on %s", naming.Some(suspended))
	}
	a.versions(versions)
}

// versions says which builds of the controller report.
func (a *run) versions(by map[string][]string) {
	if len(by) == 0 {
		return
	}
	var all []string
	for _, version := range slices.Sorted(maps.Keys(by)) {
		all = append(all, fmt.Sprintf("%s on %s", version, naming.Some(by[version])))
	}
	if len(all) == 1 {
		a.ok("controllers", "%s", all[0])
		return
	}
	a.warn("controllers", "helm upgrade the older ones", "several versions: %s", strings.Join(all, "; "))
}
