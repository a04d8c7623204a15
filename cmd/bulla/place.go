package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/bulla-dev/bulla/api/atomicfile"
	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/check"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/desk/naming"
	"github.com/bulla-dev/bulla/desk/placed"
	"github.com/bulla-dev/bulla/docs/reference/schemas"
	"github.com/bulla-dev/bulla/kustomize/printable"
	"github.com/bulla-dev/bulla/sealing"
)

const placeLong = `Say which application goes where.

Writes placements/NAME.yaml, or adds targets to it, or takes targets away. An
existing file keeps its comments and its order; only the list of targets
changes. Merging the change is the grant.

Taking a target away deprovisions: the cluster deletes what was placed there.`

const placeExample = `  # a new placement
  bulla place payments --path apps/payments/overlays/prod --namespace payments --set retail

  # one more cluster, re-sealing nothing when the stubs are locked to a set it is in
  bulla place payments --cluster prod-us

  # not in retail any more: its clusters delete payments and its secrets
  bulla place payments --remove-target set/retail`

type placeOptions struct {
	path, serviceAccount                 string
	clusters, sets, namespaces, removals []string
	dependsOn                            []string
}

func newPlace(a *app) *cobra.Command {
	var o placeOptions
	cmd := &cobra.Command{
		Use: "place NAME", Short: "Say which application goes where", Long: placeLong, Example: placeExample,
		Args: command.Args("the name of a placement", 1, 1),
		RunE: func(_ *cobra.Command, args []string) error { return a.place(args[0], o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.path, "path", "", "`folder` to build, relative to the repository's root")
	f.StringSliceVar(&o.clusters, "cluster", nil, "target `cluster`; may be repeated")
	f.StringSliceVar(&o.sets, "set", nil, "target cluster `set`; may be repeated")
	f.StringSliceVarP(&o.namespaces, "namespace", "n", nil, "`namespace` that it may write; may be repeated")
	f.StringVar(&o.serviceAccount, "service-account", "",
		"service `account` impersonated for the apply, for a new placement")
	f.StringSliceVar(&o.dependsOn, "depends-on", nil,
		"`placement` that must be ready first, for a new placement; may be repeated")
	f.StringSliceVar(&o.removals, "remove-target", nil, "`target` to take away, cluster/NAME or set/NAME; may be repeated")
	a.CompleteFlags(cmd)
	cmd.ValidArgsFunction = a.CompleteNames(func(n shell.Names) []string { return n.Placements })
	return cmd
}

func (a *app) place(name string, o placeOptions) error {
	repo, err := a.Open()
	if err != nil {
		return err
	}
	o.path = placedFolder(repo, o.path)
	targets, err := o.targets(repo)
	if err != nil {
		return err
	}
	for _, on := range o.dependsOn {
		if _, ok := repo.Model.Placements[on]; !ok {
			return naming.Unknown(repo.Model, api.KindPlacement, on, "place that one first")
		}
	}
	file, exists := repo.Model.Files[api.KindPlacement+"/"+name]
	if !exists && repo.Model.Refused(api.KindPlacement, name) != nil {
		return naming.Unknown(repo.Model, api.KindPlacement, name, "")
	}
	if !exists {
		return a.newPlacement(repo, name, o, targets)
	}
	return a.editPlacement(repo, file, name, o, targets)
}

// placedFolder is the folder that somebody named, as a placement says it: what a shell
// completes ends in a slash, and begins where one stands.
func placedFolder(repo *fleetrepo.Repo, named string) string {
	if named == "" {
		return ""
	}
	folder := path.Clean(named)
	if !repo.Tree.IsDir(folder) && !strings.HasPrefix(folder, "../") {
		if rel, err := repo.Rel(named); err == nil && repo.Tree.IsDir(rel) {
			return rel
		}
	}
	return folder
}

func noFolder(repo *fleetrepo.Repo, o placeOptions) error {
	hint := "--path is a folder of the repository, as seen from its root, " + repo.Root
	if repo.Tree.Exists(o.path) {
		return fault.New(hint+"; a placement builds all of a folder", "%q is a file, and no folder", o.path)
	}
	if _, err := repo.Rel(repo.Abs(o.path)); err == nil && !path.IsAbs(o.path) {
		hint += "; write a manifest there, or seal the first value: bulla seal " + printable.Word(o.path+"/NAME.yaml") +
			" --namespace " + o.namespaces[0] + " --set SET --from-file KEY=PATH"
	}
	return fault.New(hint, "there is no folder %q with files in it", o.path)
}

// targets returns the targets to add, which must be in the fleet: a misspelt
// name would be merged and grant nothing, or later something else.
func (o placeOptions) targets(repo *fleetrepo.Repo) ([]api.PlacementTarget, error) {
	var targets []api.PlacementTarget
	for _, name := range o.clusters {
		if _, ok := repo.Model.Clusters[name]; !ok {
			return nil, naming.Unknown(repo.Model, api.KindCluster, name, "bulla cluster add makes one")
		}
		targets = append(targets, api.PlacementTarget{ClusterName: name})
	}
	for _, name := range o.sets {
		if _, ok := repo.Model.Sets[name]; !ok {
			return nil, naming.Unknown(repo.Model, api.KindClusterSet, name, "`bulla cluster set` makes one, by labels")
		}
		targets = append(targets, api.PlacementTarget{ClusterSet: name})
	}
	return targets, nil
}

func (a *app) newPlacement(repo *fleetrepo.Repo, name string, o placeOptions, targets []api.PlacementTarget) error {
	switch {
	case len(o.removals) > 0:
		return naming.Unknown(repo.Model, api.KindPlacement, name, "names are those of the files in placements/")
	case o.path == "", len(targets) == 0, len(o.namespaces) == 0:
		return fault.NewUsage("give --path, --namespace and at least one --cluster or --set",
			"placement %q does not exist yet", name)
	case !repo.Tree.IsDir(o.path):
		return noFolder(repo, o)
	}
	file := "placements/" + name + ".yaml"
	data := []byte(renderPlacement(name, o, targets))
	placement, err := api.ParsePlacement(file, data)
	if err != nil {
		return ofFlags(name, err)
	}
	if err := atomicfile.Create(repo.Abs(file), data, 0o644); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fault.New("`bulla validate` says why", "%s is there, but it is not a placement that counts", file)
		}
		return err
	}
	a.adviseBuilt(repo, placement)
	return a.reportPlacement(repo, name, "wrote "+file)
}

// fieldFlags are what gives a new placement's fields.
var fieldFlags = map[string]string{
	"path": "--path", "targetNamespace": "--namespace", "namespaces": "--namespace",
	"serviceAccountName": "--service-account", "dependsOn": "--depends-on",
}

// ofFlags tells what is wrong with a file that was not written by the flags that
// somebody did write: its lines are nowhere to be seen.
func ofFlags(name string, err error) error {
	var said []string
	for _, finding := range check.FromError("", err) {
		field, _, _ := strings.Cut(strings.TrimPrefix(finding.Field, "spec."), "[")
		said = append(said, strings.TrimPrefix(cmp.Or(fieldFlags[field], "")+": "+finding.Problem, ": "))
	}
	return fault.New("nothing was written; bulla place --help shows examples",
		"place %q: %s", name, strings.Join(said, "; "))
}

// scalar writes what somebody gave as a flag so that it is that text and nothing
// more of a file: a placement may be called 123, and "on" is no text in YAML.
func scalar(text string) string {
	var read any
	if err := yaml.Unmarshal([]byte(text), &read); err == nil && read == text {
		return text
	}
	quoted, _ := json.Marshal(text) // a string always marshals
	return string(quoted)
}

func renderPlacement(name string, o placeOptions, targets []api.PlacementTarget) string {
	var b strings.Builder
	b.WriteString(schemas.Modeline(api.KindPlacement))
	fmt.Fprintf(&b, "apiVersion: %s\nkind: %s\nmetadata:\n  name: %s\nspec:\n  path: %s\n  targets:\n",
		api.APIVersion, api.KindPlacement, scalar(name), scalar(o.path))
	for _, target := range targets {
		fmt.Fprintf(&b, "  - %s\n", placed.Item(target)[0])
	}
	if len(o.namespaces) == 1 {
		fmt.Fprintf(&b, "  targetNamespace: %s\n", scalar(o.namespaces[0]))
	} else {
		b.WriteString("  namespaces:\n")
		for _, namespace := range o.namespaces {
			fmt.Fprintf(&b, "  - %s\n", scalar(namespace))
		}
	}
	if len(o.dependsOn) > 0 {
		b.WriteString("  dependsOn:\n")
		for _, dependency := range o.dependsOn {
			fmt.Fprintf(&b, "  - name: %s\n", dependency)
		}
	}
	if o.serviceAccount != "" {
		fmt.Fprintf(&b, "  serviceAccountName: %s\n", scalar(o.serviceAccount))
	}
	return b.String()
}

func (a *app) editPlacement(repo *fleetrepo.Repo, file, name string, o placeOptions, add []api.PlacementTarget) error {
	old := repo.Model.Placements[name]
	if err := o.sameAs(file, old); err != nil {
		return err
	}
	data, err := os.ReadFile(repo.Abs(file))
	if err != nil {
		return fmt.Errorf("edit %s: %w", file, err)
	}
	remove, err := removals(old, o.removals)
	if err != nil {
		return err
	}
	add = slices.DeleteFunc(add, func(t api.PlacementTarget) bool { return placed.Index(old.Spec.Targets, t) >= 0 })
	if len(add)+len(remove) == 0 {
		a.Printf("%s: nothing to change\n", file)
		return nil
	}
	edited, err := placed.Edit(file, data, old, add, remove)
	if err != nil {
		return err
	}
	if err := atomicfile.Replace(repo.Abs(file), data, edited); err != nil {
		return err
	}
	return a.reportPlacement(repo, name, "changed "+file)
}

// sameAs refuses to change anything but targets: a moved path or namespace
// deletes there and creates here, which a person should write and see.
func (o placeOptions) sameAs(file string, old *api.Placement) error {
	namespaces := old.Spec.AllNamespaces()
	switch {
	case o.path != "" && o.path != old.Spec.Path:
		return fault.New("edit the file: what the old path built will be deleted",
			"%s has the path %q already", file, old.Spec.Path)
	case len(o.namespaces) > 0 &&
		!slices.Equal(slices.Sorted(slices.Values(o.namespaces)), slices.Sorted(slices.Values(namespaces))):
		return fault.New("edit the file: objects in the old namespaces will be deleted",
			"%s has namespaces already: %s", file, strings.Join(namespaces, ", "))
	case o.serviceAccount != "" && o.serviceAccount != old.Spec.ServiceAccountName, len(o.dependsOn) > 0:
		return fault.New("edit the file", "%s exists; --service-account and --depends-on are for new placements", file)
	}
	return nil
}

// removals returns the indexes of targets to take away.
func removals(old *api.Placement, texts []string) ([]int, error) {
	var indexes []int
	for _, text := range texts {
		target, err := sealing.ParseTarget(text)
		if err != nil {
			return nil, fault.NewUsage("write cluster/NAME or set/NAME", "--remove-target %q is not a target", text)
		}
		i := placed.Index(old.Spec.Targets, placed.Named(target))
		if i < 0 {
			var has []string
			for _, t := range old.Spec.Targets {
				if t.ClusterSet != "" {
					has = append(has, "set/"+t.ClusterSet)
				} else {
					has = append(has, "cluster/"+t.ClusterName)
				}
			}
			return nil, fault.New("it targets "+naming.Some(has),
				"placement %q does not target %s", old.Metadata.Name, text)
		}
		if !slices.Contains(indexes, i) {
			indexes = append(indexes, i)
		}
	}
	return indexes, nil
}

// reportPlacement says what the file, once merged, means.
func (a *app) reportPlacement(repo *fleetrepo.Repo, name, did string) error {
	after, err := fleetrepo.Open(repo.Root)
	if err != nil {
		return err
	}
	before, now := repo.Model.TargetsOf(name), after.Model.TargetsOf(name)
	a.Printf("%s: placed on %s\n", did, plural.Of(len(now), "cluster"))
	for _, cluster := range now {
		if !slices.Contains(before, cluster) {
			a.Printf("  + %s\n", cluster)
		}
	}
	for _, cluster := range before {
		if !slices.Contains(now, cluster) {
			a.Printf("  - %s: deletes what was placed there\n", cluster)
		}
	}
	for _, p := range after.Model.Problems { // mended, it may be one more that gets this
		if p.Kind == api.KindCluster {
			a.Warnf("%s cannot be read, and cluster %q is not counted; `bulla validate` says why", p.File, p.Name)
		}
	}
	return nil
}
