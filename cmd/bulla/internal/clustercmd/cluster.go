package clustercmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/bulla-dev/bulla/api/atomicfile"
	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/clusterkeys"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/desk/enrolment"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/desk/naming"
)

const clusterAddLong = `Add a cluster to the fleet: writes clusters/NAME.yaml.

The cluster's public keys come from the cluster itself, never from the key
service. With --context or --kubeconfig they are read from its FleetSync. Without
access to the cluster, give --identity and --recipient, and compare the fingerprint with
a person who has it: they run ` + "`bulla cluster fingerprint NAME --context …`" + `.

Labels decide which cluster sets it joins, and so which secrets it gains once
this is merged; the command lists them.

With --enrolled a file is written for each cluster that enrolled under a name of the
pattern, from entries that are proven to be in the signed audit log. Nobody compared
their keys, and each file says so: vouchedBy: KeyService. They get what is locked to
their sets, which trusts the key service anyway; two-lock sealing to one of them is
refused until "bulla cluster vouch" took that line away. Files that are there are
never touched, and a cluster whose file was taken out of the repository stays out, also
where only the remote's branches say so: run "git fetch" first.
It needs "bulla login" and the role auditor or operator.

A cluster that was built anew under its old name has made new keys: --rebuilt
puts them into its file and leaves the rest of it. Stubs locked to a set open
there again once that is merged. Those locked to its old key do not: see
"bulla recover --cluster".`

const clusterAddExample = `  bulla cluster add prod-eu --context prod-eu --label env=prod --label region=eu

  # no access to the cluster: the keys by mail, the fingerprint by telephone
  bulla cluster add store-17 --label tier=store \
    --identity sha256:3f0a... --recipient age1pq1... \
    --fingerprint 8c1f-0b6e-55aa-93d2-4410-e7c9-6b02-a1fd

  # all that enrolled with one token
  bulla cluster add --enrolled 'shop-*' --label tier=store

  # it was built anew
  bulla cluster add prod-eu --rebuilt --context prod-eu`

func newCluster(a run) *cobra.Command {
	cmd := &cobra.Command{
		Use: "cluster", Short: "Clusters of the fleet", Args: command.None,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newClusterAdd(a), newClusterList(a), newClusterRemove(a), newClusterFingerprint(a),
		newClusterVouch(a), newClusterSet(a))
	return cmd
}

type clusterAddOptions struct {
	context, kubeconfig, identity, recipient, fingerprint string
	labels                                                []string
	rebuilt                                               bool
	// enrolled is a pattern of names that enrolled.
	enrolled string
}

func newClusterAdd(a run) *cobra.Command {
	var o clusterAddOptions
	cmd := &cobra.Command{
		Use: "add {NAME | --enrolled PATTERN}", Short: "Add a cluster, or all that enrolled", Long: clusterAddLong,
		Example: clusterAddExample, Args: command.Args("the name of a cluster", 0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case o.enrolled != "" && len(args) > 0:
				return fault.NewUsage("leave the name out, or --enrolled", "a name stands beside --enrolled")
			case o.enrolled != "":
				return a.clusterAddEnrolled(cmd.Context(), o)
			case len(args) == 0:
				return fault.NewUsage(
					"bulla cluster add NAME --context …, or --enrolled 'shop-*' for all that enrolled",
					"nothing says which cluster to add")
			}
			return a.clusterAdd(cmd.Context(), args[0], o)
		},
	}
	f := cmd.Flags()
	shell.KubeFlags(cmd, &o.context, &o.kubeconfig)
	f.StringVar(&o.identity, "identity", "", "`hash` of the cluster's mTLS public key, sha256:…")
	f.StringVar(&o.recipient, "recipient", "", "the cluster's age `recipient`, age1pq1…")
	f.StringVar(&o.fingerprint, "fingerprint", "", "`fingerprint` of both, as a person at the cluster reads it out")
	f.StringArrayVarP(&o.labels, "label", "l", nil, "`KEY=VALUE`; may be repeated")
	f.StringVar(&o.enrolled, "enrolled", "",
		"add what enrolled under names of this `PATTERN`, such as shop-*, on the key service's word")
	for _, other := range []string{"context", "kubeconfig", "identity", "recipient", "fingerprint", "rebuilt"} {
		defer cmd.MarkFlagsMutuallyExclusive("enrolled", other)
	}
	f.BoolVar(&o.rebuilt, "rebuilt", false, "put the new keys of a cluster that was built anew into its file")
	return cmd
}

func (a run) clusterAdd(ctx context.Context, name string, o clusterAddOptions) error {
	repo, err := a.Open()
	if err != nil {
		return err
	}
	file, exists := repo.Model.Files[api.KindCluster+"/"+name]
	if o.rebuilt {
		return a.clusterRebuilt(ctx, repo, file, name, o)
	}
	if exists {
		return fault.New("edit "+file+
			" to change it, or choose another name; --rebuilt gives a cluster that was built anew its new keys",
			"add cluster %q: %s is there", name, file)
	}
	// Before anybody is called up for a fingerprint.
	if err := checkName("cluster", name); err != nil {
		return err
	}
	labels, err := ParseLabels(o.labels)
	if err != nil {
		return err
	}
	keys, err := a.clusterKeys(ctx, repo.Model.Fleet.Spec.ID, name, o)
	if err != nil {
		return err
	}
	if err := keys.Check(); err != nil {
		return err
	}
	file = "clusters/" + name + ".yaml"
	data := []byte(Render(name, labels, keys))
	if _, err := api.ParseCluster(file, data); err != nil {
		return err
	}
	if err := sharesKeys(repo, keys); err != nil {
		return err
	}
	if err := atomicfile.Create(repo.Abs(file), data, 0o644); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fault.New("`bulla validate` says why", "%s is there, but it is not a cluster that counts", file)
		}
		return err
	}
	return a.reportCluster(repo.Root, name, file)
}

// checkName refuses what is no name of a cluster, or of a set of them.
func checkName(what, name string) error {
	if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
		return fault.NewUsage("up to 63 lower-case letters, digits and '-', starting and ending with a letter or digit",
			"%.80q is no name of a %s", name, what)
	}
	return nil
}

// sharesKeys refuses keys that another cluster has: whoever holds them could
// answer for both.
func sharesKeys(repo *fleetrepo.Repo, keys clusterkeys.Keys) error {
	for name, other := range repo.Model.Clusters {
		if other.Spec.Identity == keys.Identity || other.Spec.Recipient == keys.Recipient {
			return fault.New("every cluster makes its own keys; was one restored from the other's backup?",
				"add cluster %q: cluster %q has the same key", keys.Cluster, name)
		}
	}
	return nil
}

// ParseLabels reads KEY=VALUE texts; its errors are of usage.
func ParseLabels(texts []string) (map[string]string, error) {
	return enrolment.Labels("--label ", texts)
}

const whereKeys = "give --context or --kubeconfig alone, or --identity, --recipient and --fingerprint together"

// clusterKeys gets the keys from the cluster, or from a person who compares.
func (a run) clusterKeys(ctx context.Context, fleet, name string, o clusterAddOptions) (clusterkeys.Keys, error) {
	given := clusterkeys.Keys{Fleet: fleet, Cluster: name, Identity: o.identity, Recipient: o.recipient}
	switch {
	case o.identity == "" && o.recipient == "":
		if o.context == "" && o.kubeconfig == "" {
			return given, fault.NewUsage(whereKeys,
				"add cluster %q: nothing says where its keys are", name)
		}
		keys, err := clusterkeys.Read(ctx, o.kubeconfig, o.context, name)
		if err != nil {
			return given, err
		}
		if keys.Fleet != "" && keys.Fleet != fleet {
			return given, fault.NewTrust("is this the right context, and the right repository?",
				"add cluster %q: it follows fleet %s, this is %s", name, keys.Fleet, fleet)
		}
		keys.Fleet = fleet
		return keys, nil
	case o.context != "" || o.kubeconfig != "":
		return given, fault.NewUsage(whereKeys, "add cluster %q: its keys come from two places", name)
	case o.identity == "" || o.recipient == "":
		return given, fault.NewUsage(whereKeys, "add cluster %q: half of its keys is given", name)
	}
	if err := given.Check(); err != nil {
		return given, err
	}
	return given, a.confirm("add cluster", given, o.fingerprint)
}

// confirm wants a person, or the fingerprint that a person was told.
func (a run) confirm(what string, keys clusterkeys.Keys, told string) error {
	if told != "" {
		if !strings.EqualFold(told, keys.Fingerprint()) {
			return fault.NewTrust(
				"somebody changed a key on its way, or it is another cluster or fleet; ask again by another channel",
				"%s %q: the fingerprint is not that of these keys", what, keys.Cluster)
		}
		return nil
	}
	file, ok := a.Stdin.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return fault.NewTrust("ask somebody at the cluster for `bulla cluster fingerprint "+keys.Cluster+
			" --context …` and give it with --fingerprint",
			"%s %q: nobody compared its keys", what, keys.Cluster)
	}
	fmt.Fprintf(a.Stderr, "fingerprint: %s\nDoes somebody at the cluster read out the same? Type yes: ",
		keys.Fingerprint())
	line, _ := bufio.NewReader(file).ReadString('\n')
	if strings.TrimSpace(line) != "yes" {
		return fault.NewTrust("nothing was written", "%s %q: the fingerprint was not confirmed", what, keys.Cluster)
	}
	return nil
}

// Render is the text of a new cluster's file.
func Render(name string, labels map[string]string, keys clusterkeys.Keys) string {
	return keys.File("", name, labels)
}

// reportCluster says what the cluster gains when this is merged.
func (a run) reportCluster(root, name, file string) error {
	repo, err := fleetrepo.Open(root)
	if err != nil {
		return err
	}
	a.Printf("wrote %s\n", file)
	if sets := repo.Model.SetsOf(name); len(sets) > 0 {
		a.Printf("  joins %s\n", strings.Join(sets, ", "))
	}
	if placed := repo.Model.PlacedOn(name); len(placed) > 0 {
		a.Printf("  gets %s\n", strings.Join(placed, ", "))
	}
	return nil
}

func newClusterFingerprint(a run) *cobra.Command {
	var kubeContext, kubeconfig string
	cmd := &cobra.Command{
		Use: "fingerprint NAME", Short: "Print a cluster's fingerprint, to compare by telephone",
		Long: `Print the fingerprint of a cluster's public keys.

With --context or --kubeconfig the keys are read from the cluster, else from
clusters/NAME.yaml. Equal fingerprints mean equal keys, cluster name and fleet.`,
		Example: `  bulla cluster fingerprint store-17 --context store-17
  bulla cluster fingerprint store-17`,
		Args: command.Args("the name of a cluster", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			keys, err := a.keysOf(cmd.Context(), args[0], kubeContext, kubeconfig)
			if err == nil {
				a.Printf("%s\n", keys.Fingerprint())
			}
			return err
		},
	}
	shell.KubeFlags(cmd, &kubeContext, &kubeconfig)
	return cmd
}

func (a run) keysOf(ctx context.Context, name, kubeContext, kubeconfig string) (clusterkeys.Keys, error) {
	if kubeContext != "" || kubeconfig != "" {
		keys, err := clusterkeys.Read(ctx, kubeconfig, kubeContext, name)
		if err == nil && keys.Fleet == "" {
			err = fault.New("its controller has not read the fleet yet; kubectl describe fleetsync says why",
				"cluster %q does not know its fleet", name)
		}
		return keys, err
	}
	repo, err := a.Open()
	if err != nil {
		return clusterkeys.Keys{}, err
	}
	cluster, ok := repo.Model.Clusters[name]
	if !ok {
		return clusterkeys.Keys{}, naming.Unknown(repo.Model, api.KindCluster, name, "--context reads from a cluster itself")
	}
	return clusterkeys.Keys{
		Fleet: repo.Model.Fleet.Spec.ID, Cluster: name, Identity: cluster.Spec.Identity,
		Recipient: cluster.Spec.Recipient,
	}, nil
}
