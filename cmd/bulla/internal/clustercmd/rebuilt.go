package clustercmd

import (
	"context"
	"fmt"
	"os"

	"filippo.io/age"

	"github.com/bulla-dev/bulla/api/atomicfile"
	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/desk/naming"
	"github.com/bulla-dev/bulla/desk/yamltext"
)

// clusterRebuilt puts the keys of a cluster that was built anew into its file.
func (a run) clusterRebuilt(ctx context.Context, repo *fleetrepo.Repo, file, name string, o clusterAddOptions) error {
	old, ok := repo.Model.Clusters[name]
	switch {
	case !ok:
		return naming.Unknown(repo.Model, api.KindCluster, name, "leave --rebuilt out to add it")
	case len(o.labels) > 0:
		return fault.NewUsage("edit "+file+" to change its labels", "--label stands beside --rebuilt")
	}
	keys, err := a.clusterKeys(ctx, repo.Model.Fleet.Spec.ID, name, o)
	if err != nil {
		return err
	}
	if _, err := age.ParseHybridRecipient(keys.Recipient); err != nil {
		return fault.NewUsage("it starts with age1pq1 and stands in the FleetSync's status",
			"cluster %q: the recipient is not an age recipient", name)
	}
	if old.Spec.Identity == keys.Identity && old.Spec.Recipient == keys.Recipient {
		return fault.New("is this the right context?",
			"cluster %q has the keys that %s has: it was not built anew", name, file)
	}
	delete(repo.Model.Clusters, name) // it may share a key with its former self
	if err := sharesKeys(repo, keys); err != nil {
		return err
	}
	before, err := os.ReadFile(repo.Abs(file))
	if err != nil {
		return fmt.Errorf("read cluster: %w", err)
	}
	data := before
	for field, value := range map[string]string{"identity": keys.Identity, "recipient": keys.Recipient} {
		if data, err = yamltext.SetScalar(data, value, "spec", field); err != nil {
			return fault.New("write its spec.identity and spec.recipient by hand", "edit %s: %w", file, err)
		}
	}
	if old.Spec.VouchedBy != "" { // these were compared
		if data, err = yamltext.SetEntry(data, nil, "spec", "vouchedBy"); err != nil {
			return fault.New("take its spec.vouchedBy away by hand", "edit %s: %w", file, err)
		}
	}
	read, err := api.ParseCluster(file, data)
	if err != nil {
		return err
	}
	if read.Spec.Identity != keys.Identity || read.Spec.Recipient != keys.Recipient || read.Spec.VouchedBy != "" {
		return fault.New("write its spec.identity and spec.recipient by hand",
			"edit %s: it does not read back as it was meant", file)
	}
	if err := atomicfile.Replace(repo.Abs(file), before, data); err != nil {
		return err
	}
	if err := a.reportCluster(repo.Root, name, file); err != nil {
		return err
	}
	a.Printf("  stubs locked to its old key open after `bulla recover --identity FILE --cluster %s`\n", name)
	return nil
}
