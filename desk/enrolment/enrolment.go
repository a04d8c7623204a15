// Package enrolment says which machines enrolled with the key service, and which of them
// can have the file of a cluster on its word.
//
// Their keys come from the signed audit log, and from nowhere else: whoever gives a false
// recipient reads every secret of that cluster.
package enrolment

import (
	"context"
	"fmt"
	"maps"
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/auditlog"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// Read reads which keys enrolled under names of a pattern, as the signed log has it: by
// name, each different pair of keys once.
func Read(ctx context.Context, log auditlog.Source, fleet string, pattern protocol.Pattern) (map[string][]Keys, error) {
	machines := map[string][]Keys{}
	err := log.Read(ctx, auditlog.Filter{Kind: string(audit.Enrol), Outcome: audit.Done},
		func(e client.AuditEntry) error {
			keys := Keys{
				Fleet: e.Entry.Fleet, Cluster: e.Entry.Cluster,
				Identity: e.Entry.Identity, Recipient: e.Entry.Recipient,
			}
			// An entry of before recipients were recorded says too little.
			if keys.Fleet != fleet || keys.Recipient == "" || !pattern.Admits(keys.Cluster) {
				return nil
			}
			if !slices.Contains(machines[keys.Cluster], keys) {
				machines[keys.Cluster] = append(machines[keys.Cluster], keys)
			}
			return nil
		})
	return machines, err
}

// Standing is what a machine that enrolled is to the fleet.
type Standing string

// The standings.
const (
	// New: it has no file yet, and can have one.
	New Standing = "New"
	// Added: it has a file, with the keys that enrolled.
	Added Standing = "Added"
	// OtherKeys: it has a file, with none of the keys that enrolled.
	OtherKeys Standing = "OtherKeys"
	// TakenOutBefore: its file was taken out of the repository, and it stays out.
	TakenOutBefore Standing = "TakenOut"
	// Unfit: nobody can tell which machine is meant, or its keys are none.
	Unfit Standing = "Unfit"
)

// Machine is what enrolled under one name.
type Machine struct {
	Name string
	// Keys are all that enrolled under the name; the first alone where there is one pair.
	Keys     []Keys
	Standing Standing
	// Why says why it is Unfit.
	Why string
	// Commit took it out.
	Commit string
}

// Judge says of all machines what they are to the clusters of a fleet, sorted by name. Of
// two with one name, or one key, nobody can tell which is meant.
func Judge(clusters map[string]*api.Cluster, takenOut map[string]string, machines map[string][]Keys) []Machine {
	holders := map[string]string{}
	for name, cluster := range clusters {
		holders[cluster.Spec.Identity], holders[cluster.Spec.Recipient] = name, name
	}
	var all []Machine
	for _, name := range slices.Sorted(maps.Keys(machines)) {
		m := Machine{Name: name, Keys: machines[name], Standing: New}
		if cluster, ok := clusters[name]; ok {
			if m.Standing = OtherKeys; slices.ContainsFunc(m.Keys, func(k Keys) bool {
				return k.Identity == cluster.Spec.Identity && k.Recipient == cluster.Spec.Recipient
			}) {
				m.Standing = Added
			}
		} else if m.Commit = takenOut[name]; m.Commit != "" {
			m.Standing = TakenOutBefore
		} else if m.Why = unfit(m.Keys, holders); m.Why != "" {
			m.Standing = Unfit
		} else {
			holders[m.Keys[0].Identity], holders[m.Keys[0].Recipient] = name, name
		}
		all = append(all, m)
	}
	return all
}

func unfit(machines []Keys, holders map[string]string) string {
	keys := machines[0]
	if len(machines) > 1 {
		return fmt.Sprintf("%d different pairs of keys enrolled under that name", len(machines))
	}
	if err := keys.Check(); err != nil {
		return err.Error()
	}
	for _, key := range []string{keys.Identity, keys.Recipient} {
		if other := holders[key]; other != "" {
			return fmt.Sprintf("cluster %q has the same key", other)
		}
	}
	return ""
}

// File is the path and the text of a New machine's file, on the key service's word.
func (m Machine) File(labels map[string]string) (path string, data []byte, err error) {
	path = "clusters/" + m.Name + ".yaml"
	data = []byte(m.Keys[0].File(api.VouchedByKeyService, m.Name, labels))
	_, err = api.ParseCluster(path, data)
	return path, data, err
}
