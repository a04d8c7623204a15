package servicecmd

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/render"
	"github.com/bulla-dev/bulla/desk/built"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/desk/keyuse"
)

const keysListLong = `List the fleet's sealing keys, and what uses them in the working tree.

LOCKS and STUBS count every stub file, whether a placement builds it or not. The locks
of a reference are in the key service's store, which is asked ("bulla login").
NEEDED counts the stubs that have a lock for some cluster or set under this key
and no other that opens: they would open no more if the key were retired.
PLACEMENTS counts those that build a stub with a lock under the key.

A key that locks name and fleet.yaml does not has the status Unknown.`

const keysListExample = `  # after a rotation: what still needs the old key
  bulla keys ls

  # in a script
  bulla keys ls -o json | jq '.[] | select(.status == "Superseded") | .needed'`

func newKeys(a run) *cobra.Command {
	keys := &cobra.Command{
		Use: "keys", Short: "Look at the fleet's sealing keys", Args: command.None,
		Long: "Look at the fleet's sealing keys. They are made, rotated and retired where the\nHSM is: see " +
			"`bulla-keyservice keys --help`.",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	format := render.Text
	list := &cobra.Command{
		Use: "ls", Aliases: []string{"list"}, Short: "List sealing keys with what uses them", Long: keysListLong,
		Example: keysListExample, Args: command.None,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := format.Check(); err != nil {
				return err
			}
			return a.listKeys(cmd.Context(), format)
		},
	}
	shell.OutputFlag(list, &format)
	keys.AddCommand(list)
	return keys
}

func (a run) listKeys(ctx context.Context, format render.Format) error {
	repo, err := a.OpenVerified()
	if err != nil {
		return err
	}
	rows, err := a.keyRows(ctx, repo)
	if err != nil {
		return err
	}
	table := render.Table{Header: []string{"KEY", "SUITE", "STATUS", "LOCKS", "STUBS", "NEEDED", "PLACEMENTS"}}
	for _, r := range rows {
		table.Rows = append(table.Rows, []string{r.Key, string(r.Suite), string(r.Status),
			strconv.Itoa(r.Locks), strconv.Itoa(r.Stubs), strconv.Itoa(r.Needed), strconv.Itoa(r.Placements)})
	}
	return format.Print(a.Stdout, rows, table)
}

func (a run) keyRows(ctx context.Context, repo *fleetrepo.Repo) ([]keyuse.Row, error) {
	spec := &repo.Model.Fleet.Spec
	store := a.Shell.Store(spec.ID)
	defer store.Close()
	reader := keyuse.Reader{Kept: func(path string, r *api.SealedReference) (*api.SealedManifest, error) {
		return store.Stub(ctx, path, r)
	}}
	stubs, broken := reader.Read(repo.Tree)
	for _, file := range broken {
		a.LeaveOut("%s cannot be read and is not counted; `bulla validate` says why", file)
	}
	index, err := built.All(ctx, shell.Builder(repo.Root), repo.Tree, slices.Collect(maps.Values(repo.Model.Placements)),
		a.Progress())
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(index.Failed)) {
		a.LeaveOut("placement %s does not build and is not counted; `bulla validate` says why", name)
	}
	for _, stub := range stubs {
		if stub.Err != nil {
			a.LeaveOut("%s is not counted: %s", stub.Path, strings.TrimPrefix(fault.Line(stub.Err), stub.Path+": "))
		}
	}
	return keyuse.Count(spec, stubs, index.Uses), nil
}
