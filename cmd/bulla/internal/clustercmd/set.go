package clustercmd

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/atomicfile"
	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/desk/naming"
	"github.com/bulla-dev/bulla/docs/reference/schemas"
)

const setLong = `Make a set of clusters, by labels: writes clustersets/NAME.yaml.

Every cluster whose file has all of the labels is in the set, and so is each that gets
them later. Placements target a set, and values are locked to it. The command lists who
is in it now. Other selectors (matchExpressions) are written into the file by hand.`

const setExample = `  bulla cluster set retail --label tier=store
  bulla place shop --path apps/shop --namespace shop --set retail`

func newClusterSet(a run) *cobra.Command {
	var labels []string
	cmd := &cobra.Command{
		Use: "set NAME --label KEY=VALUE", Short: "Make a set of clusters, by labels", Long: setLong, Example: setExample,
		Args: command.Args("the name of a set", 1, 1),
		RunE: func(_ *cobra.Command, args []string) error { return a.clusterSet(args[0], labels) },
	}
	cmd.Flags().StringArrayVarP(&labels, "label", "l", nil, "`KEY=VALUE` that its clusters have; may be repeated")
	return cmd
}

func (a run) clusterSet(name string, texts []string) error {
	repo, err := a.Open()
	if err != nil {
		return err
	}
	if file, exists := repo.Model.Files[api.KindClusterSet+"/"+name]; exists {
		return fault.New("edit "+file+" to change whom it selects, or choose another name",
			"make cluster set %q: %s is there", name, file)
	}
	if err := checkName("cluster set", name); err != nil {
		return err
	}
	labels, err := ParseLabels(texts)
	if err != nil {
		return err
	}
	if len(labels) == 0 {
		return fault.NewUsage("give --label KEY=VALUE: `bulla cluster list` shows the labels that clusters have",
			"make cluster set %q: nothing says whom it selects, and a set of everybody is refused", name)
	}
	file := "clustersets/" + name + ".yaml"
	var b strings.Builder
	b.WriteString(schemas.Modeline(api.KindClusterSet))
	fmt.Fprintf(&b, "apiVersion: %s\nkind: %s\nmetadata:\n  name: %s\nspec:\n  selector:\n    matchLabels:\n",
		api.APIVersion, api.KindClusterSet, name)
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		fmt.Fprintf(&b, "      %s: %q\n", key, labels[key])
	}
	data := []byte(b.String())
	if _, err := api.ParseClusterSet(file, data); err != nil {
		return err
	}
	err = atomicfile.Create(repo.Abs(file), data, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fault.New("`bulla validate` says why", "%s is there, but it is not a set that counts", file)
	}
	if err != nil {
		return err
	}
	return a.reportSet(repo.Root, name, file)
}

func (a run) reportSet(root, name, file string) error {
	repo, err := fleetrepo.Open(root)
	if err != nil {
		return err
	}
	a.Printf("wrote %s\n", file)
	members := repo.Model.Members(name)
	if len(members) == 0 {
		a.Printf("  has no cluster yet\n")
		return nil
	}
	a.Printf("  has %s\n", naming.Some(members))
	return nil
}
