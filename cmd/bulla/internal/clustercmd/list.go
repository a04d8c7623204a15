package clustercmd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/atomicfile"
	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/render"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/desk/ledger"
	"github.com/bulla-dev/bulla/desk/login"
	"github.com/bulla-dev/bulla/desk/naming"
	"github.com/bulla-dev/bulla/desk/yamltext"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// clusterRow is one cluster of `bulla cluster list`.
type clusterRow struct {
	Name  string `json:"name"`
	State string `json:"state"`
	// Suspended: somebody suspended its FleetSync, on the cluster, as it reported.
	Suspended  *ledger.Suspension `json:"suspended,omitempty"`
	Sets       []string           `json:"sets"`
	Placements []string           `json:"placements"`
	Labels     map[string]string  `json:"labels"`
	Identity   string             `json:"identity"`
	Recipient  string             `json:"recipient"`
	// VouchedBy is on whose word alone the keys stand there.
	VouchedBy api.Voucher `json:"vouchedBy,omitempty"`
}

const clusterListLong = `List the clusters, their sets and what is placed on them, as this checkout has them.

Where there is a login for the fleet, the key service is asked which cluster's
FleetSync somebody suspended on the cluster itself. Without one, or when it does
not answer, the list is what Git says.`

// listPatience is how long the list waits for what it can do without.
const listPatience = 5 * time.Second

func newClusterList(a run) *cobra.Command {
	format := render.Text
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the clusters, their sets and what is placed on them",
		Args: command.None,
		Long: clusterListLong,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := format.Check(); err != nil {
				return err
			}
			repo, err := a.Open()
			if err != nil {
				return err
			}
			rows := clusterRows(repo)
			a.addSuspended(cmd.Context(), rows)
			a.Nothing(len(rows), "the fleet has no cluster yet; `bulla cluster add` adds one")
			return format.Print(a.Stdout, rows, clusterTable(rows))
		},
	}
	shell.OutputFlag(cmd, &format)
	return cmd
}

// addSuspended adds what stands in no file. No login is no news to who works in Git
// alone; an answer that does not come is.
func (a run) addSuspended(ctx context.Context, rows []clusterRow) {
	const unknown = "what is suspended on the clusters themselves is not known: %v"
	admin, err := a.Admin("")
	switch {
	case errors.Is(err, login.ErrNone) || len(rows) == 0:
		return
	case err != nil:
		a.Warnf(unknown, err)
		return
	}
	defer admin.Close()
	ctx, cancel := context.WithTimeout(ctx, listPatience)
	defer cancel()
	answer, err := admin.ListLedger(ctx, &keyservicev1.ListLedgerRequest{})
	if err != nil {
		a.Warnf(unknown, login.Refused(err))
		return
	}
	clusters := ledger.Read(answer, listPatience).Clusters
	for i := range rows {
		at := slices.IndexFunc(clusters, func(c ledger.Cluster) bool { return c.Name == rows[i].Name })
		if at >= 0 {
			rows[i].Suspended = clusters[at].Suspended
		}
	}
}

func clusterRows(repo *fleetrepo.Repo) []clusterRow {
	rows := []clusterRow{}
	for _, name := range slices.Sorted(maps.Keys(repo.Model.Clusters)) {
		cluster := repo.Model.Clusters[name]
		state := "Active"
		switch {
		case cluster.Spec.Suspend:
			state = "Suspended"
		case cluster.Spec.Decommission:
			state = "Decommissioned"
		}
		rows = append(rows, clusterRow{
			Name: name, State: state,
			Sets:       append([]string{}, repo.Model.SetsOf(name)...),
			Placements: append([]string{}, repo.Model.PlacedOn(name)...),
			Labels:     maps.Clone(cluster.Metadata.Labels),
			Identity:   cluster.Spec.Identity, Recipient: cluster.Spec.Recipient, VouchedBy: cluster.Spec.VouchedBy,
		})
	}
	return rows
}

func clusterTable(rows []clusterRow) render.Table {
	table := render.Table{Header: []string{"NAME", "STATE", "SETS", "PLACEMENTS", "LABELS"}}
	for _, row := range rows {
		var labels []string
		for _, key := range slices.Sorted(maps.Keys(row.Labels)) {
			labels = append(labels, key+"="+row.Labels[key])
		}
		state := row.State
		if row.Suspended != nil {
			state += ", FleetSync suspended" + row.Suspended.Text()
		}
		if row.VouchedBy != "" {
			state += ", vouched by " + string(row.VouchedBy)
		}
		table.Rows = append(table.Rows, []string{row.Name, state,
			strings.Join(row.Sets, ","), strings.Join(row.Placements, ","), strings.Join(labels, ",")})
	}
	return table
}

const clusterRemoveLong = `Take a cluster out of the fleet.

Removing clusters/NAME.yaml stops unsealing at once, but deletes nothing on the
cluster: what runs there keeps running, with its secrets. To empty it, first set
decommission and merge that; when its controller reports that everything is
gone, remove the file.

Without --decommission the file is removed only when it says decommission: true
already, or with --keep-objects, which leaves the cluster's secrets where they are.`

const clusterRemoveExample = `  # 1. empty it
  bulla cluster remove store-17 --decommission
  git commit -am "store-17: decommission" && git push

  # 2. when "bulla status --cluster store-17" shows nothing but Deprovisioned
  bulla cluster remove store-17`

func newClusterRemove(a run) *cobra.Command {
	var decommission, keep bool
	cmd := &cobra.Command{
		Use: "remove NAME", Short: "Empty a cluster, then take it out of the fleet", Long: clusterRemoveLong,
		Example: clusterRemoveExample,
		Args:    command.Args("the name of a cluster", 1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			if decommission {
				return a.decommission(args[0])
			}
			return a.clusterRemove(args[0], keep)
		},
	}
	cmd.Flags().BoolVar(&decommission, "decommission", false,
		"set decommission: true, which empties the cluster once merged")
	cmd.Flags().BoolVar(&keep, "keep-objects", false, "remove the file of a cluster that was not emptied")
	cmd.MarkFlagsMutuallyExclusive("decommission", "keep-objects")
	return cmd
}

func (a run) clusterFile(name string) (*fleetrepo.Repo, string, *api.Cluster, error) {
	repo, err := a.Open()
	if err != nil {
		return nil, "", nil, err
	}
	cluster, ok := repo.Model.Clusters[name]
	if !ok {
		return nil, "", nil, naming.Unknown(repo.Model, api.KindCluster, name, "names are those of the files in clusters/")
	}
	return repo, repo.Model.Files[api.KindCluster+"/"+name], cluster, nil
}

func (a run) decommission(name string) error {
	repo, file, cluster, err := a.clusterFile(name)
	if err != nil {
		return err
	}
	if cluster.Spec.Decommission {
		a.Printf("%s: decommission is set already\n", file)
		return nil
	}
	data, err := os.ReadFile(repo.Abs(file))
	if err != nil {
		return fmt.Errorf("edit %s: %w", file, err)
	}
	edited, err := yamltext.SetScalar(data, "true", "spec", "decommission")
	if err == nil {
		var got *api.Cluster
		if got, err = api.ParseCluster(file, edited); err == nil && !got.Spec.Decommission {
			err = yamltext.ErrShape
		}
	}
	if err != nil {
		return fault.New("set spec.decommission: true by hand", "edit %s: %w", file, err)
	}
	if err := atomicfile.Replace(repo.Abs(file), data, edited); err != nil {
		return err
	}
	a.Printf("changed %s: once merged, the cluster deletes everything that was placed there\n", file)
	for _, placement := range repo.Model.PlacedOn(name) {
		a.Printf("  - %s\n", placement)
	}
	return nil
}

func (a run) clusterRemove(name string, keep bool) error {
	repo, file, cluster, err := a.clusterFile(name)
	if err != nil {
		return err
	}
	if !cluster.Spec.Decommission && !keep {
		return fault.New(
			"empty it first with --decommission, merge, and remove it when it is empty; or leave its objects there "+
				"with --keep-objects",
			"remove cluster %q: it was not decommissioned; removing its file would stop unsealing and delete nothing there",
			name)
	}
	for _, placement := range slices.Sorted(maps.Keys(repo.Model.Placements)) {
		if slices.ContainsFunc(repo.Model.Placements[placement].Spec.Targets,
			func(t api.PlacementTarget) bool { return t.ClusterName == name }) {
			return fault.New(fmt.Sprintf("bulla place %s --remove-target cluster/%s", placement, name),
				"remove cluster %q: placement %q targets it by name", name, placement)
		}
	}
	if err := os.Remove(repo.Abs(file)); err != nil {
		return fmt.Errorf("remove cluster: %w", err)
	}
	a.Printf("removed %s\n", file)
	return nil
}
