package clustercmd

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/atomicfile"
	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/clusterkeys"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/desk/yamltext"
)

const clusterVouchLong = `Compare the keys in a cluster's file with the cluster's own, and take
vouchedBy: KeyService out of the file.

"bulla cluster add --enrolled" writes that line: the keys stand there on the key
service's word. For what is locked to sets that is enough, since such locks trust the
key service anyway. A two-lock to the cluster would be worth one lock: whoever holds
the first could have put a key of his own into the file. So it is refused until the
keys were compared, with the cluster itself (--context) or by a fingerprint that a
person at the cluster reads out.`

// vouchOptions are where the cluster's own keys are.
type vouchOptions struct{ context, kubeconfig, fingerprint string }

func newClusterVouch(a run) *cobra.Command {
	var o vouchOptions
	cmd := &cobra.Command{
		Use: "vouch NAME", Short: "Compare a cluster's keys, so that it may have two-lock stubs",
		Long: clusterVouchLong,
		Example: `  bulla cluster vouch shop-17 --context shop-17
  bulla cluster vouch shop-17 --fingerprint 8c1f-0b6e-55aa-93d2-4410-e7c9-6b02-a1fd`,
		Args: command.Args("the name of a cluster", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.vouch(cmd.Context(), args[0], o) },
	}
	shell.KubeFlags(cmd, &o.context, &o.kubeconfig)
	cmd.Flags().StringVar(&o.fingerprint, "fingerprint", "",
		"`fingerprint` of its keys, as a person at the cluster reads it out")
	cmd.MarkFlagsMutuallyExclusive("fingerprint", "context")
	cmd.MarkFlagsMutuallyExclusive("fingerprint", "kubeconfig")
	return cmd
}

func (a run) vouch(ctx context.Context, name string, o vouchOptions) error {
	repo, file, cluster, err := a.clusterFile(name)
	if err != nil {
		return err
	}
	inFile := clusterkeys.Keys{Fleet: repo.Model.Fleet.Spec.ID, Cluster: name,
		Identity: cluster.Spec.Identity, Recipient: cluster.Spec.Recipient}
	if err := a.compare(ctx, inFile, o); err != nil {
		return err
	}
	if cluster.Spec.VouchedBy == "" {
		a.Printf("%s: the keys are the cluster's own; nobody else vouched for them\n", file)
		return nil
	}
	before, err := os.ReadFile(repo.Abs(file))
	if err != nil {
		return fmt.Errorf("read cluster: %w", err)
	}
	data, err := yamltext.SetEntry(before, nil, "spec", "vouchedBy")
	if err == nil {
		var read *api.Cluster
		if read, err = api.ParseCluster(file, data); err == nil && read.Spec.VouchedBy != "" {
			err = yamltext.ErrShape
		}
	}
	if err != nil {
		return fault.New("the keys are right: take spec.vouchedBy away by hand", "edit %s: %w", file, err)
	}
	if err := atomicfile.Replace(repo.Abs(file), before, data); err != nil {
		return err
	}
	a.Printf("changed %s: its keys were compared; once merged, stubs may be locked to cluster/%s\n", file, name)
	return nil
}

// compare holds the keys of the file to the cluster's own.
func (a run) compare(ctx context.Context, inFile clusterkeys.Keys, o vouchOptions) error {
	if o.context == "" && o.kubeconfig == "" {
		return a.confirm("vouch for cluster", inFile, o.fingerprint)
	}
	own, err := clusterkeys.Read(ctx, o.kubeconfig, o.context, inFile.Cluster)
	if err != nil {
		return err
	}
	if own.Fleet == "" {
		own.Fleet = inFile.Fleet
	}
	if own != inFile {
		return fault.NewTrust("is this the right context? If it is, somebody else's keys are in the file: "+
			"take it out of the repository, and tell the security team",
			"vouch for cluster %q: its file does not have its own keys", inFile.Cluster)
	}
	return nil
}
