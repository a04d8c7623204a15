package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/check"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/desk/built"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/desk/naming"
	"github.com/bulla-dev/bulla/kustomize"
)

const buildLong = `Print what a placement builds.

Builds the placement's folder with the code that the key service and the
controllers use, and prints every object as it would be applied, in the order of
the build. Sealed values are masked: nothing is opened, and no key, network or
cluster is asked. A comment above an object says which stub it comes from.

With --cluster, the placement must be placed on that cluster. It is built in the
variant that the cluster gets, with the cluster's values in it, and objects that
another placement claims there too are refused, as they are for the cluster. With
--variant, it is built as that variant has it, and with neither, as its own spec
says; ${NAME} stands as it is then, for the values differ by cluster.

What is printed is for reading: what is sealed says (sealed), which no cluster
takes.`

const buildExample = `  bulla build payments

  # what a branch changes
  diff <(git stash -q; bulla build payments; git stash pop -q) <(bulla build payments)

  bulla build payments --cluster prod-eu | grep -A3 'kind: Secret'`

func newBuild(a *app) *cobra.Command {
	var cluster, variant string
	cmd := &cobra.Command{
		Use: "build PLACEMENT", Short: "Print what a placement builds, sealed values masked", Long: buildLong,
		Example: buildExample,
		Args:    command.Args("the name of a placement", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.build(cmd.Context(), args[0], cluster, variant)
		},
	}
	cmd.Flags().StringVar(&cluster, "cluster", "", "`cluster` that it must be placed on")
	cmd.Flags().StringVar(&variant, "variant", "", "`name` of the variant to build")
	cmd.MarkFlagsMutuallyExclusive("cluster", "variant")
	a.CompleteFlags(cmd)
	cmd.ValidArgsFunction = a.CompleteNames(func(n shell.Names) []string { return n.Placements })
	return cmd
}

func (a *app) build(ctx context.Context, name, cluster, variant string) error {
	repo, err := a.Open()
	if err != nil {
		return err
	}
	p, ok := repo.Model.Placements[name]
	if !ok {
		return naming.Unknown(repo.Model, api.KindPlacement, name, "`bulla validate` says if its file is wrong")
	}
	if p, err = inVariant(p, variant); err != nil {
		return err
	}
	build, err := a.builtFor(ctx, repo, p, cluster)
	if err != nil {
		if told := (*fault.Error)(nil); errors.As(err, &told) {
			return err
		}
		return fault.New("bulla validate looks at the whole fleet", "%w", check.Blame(repo.Tree, repo.Model, err))
	}
	for _, d := range build.Deleted {
		a.Warnf("%s deletes the Secret of stub %s", d.File, d.Stub.Path)
	}
	for _, file := range build.LeftOut {
		a.Warnf("%s holds no Kubernetes object, and is left out", file)
	}
	if len(build.Objects) == 0 {
		a.Warnf("placement %q builds nothing", name)
	}
	for _, o := range build.Objects {
		text, err := shown(o)
		if err != nil {
			return err
		}
		a.Printf("%s", text)
	}
	return nil
}

// inVariant is the placement as one of its variants has it; "" is as it is.
func inVariant(p *api.Placement, variant string) (*api.Placement, error) {
	if variant == "" {
		return p, nil
	}
	var names []string
	for i, v := range p.Spec.Variants {
		if v.Name == variant {
			return p.As(&p.Spec.Variants[i]), nil
		}
		names = append(names, v.Name)
	}
	hint := "it has " + strings.Join(names, ", ")
	if len(names) == 0 {
		hint = "it has none; they stand under spec.variants of its file"
	}
	return nil, fault.NewUsage(hint, "placement %q has no variant %q", p.Metadata.Name, variant)
}

// builtFor builds a placement for one cluster, or for none in particular.
func (a *app) builtFor(
	ctx context.Context, repo *fleetrepo.Repo, p *api.Placement, cluster string,
) (*kustomize.Build, error) {
	builder := shell.Builder(repo.Root)
	if cluster == "" {
		return builder.Build(ctx, repo.Tree, p)
	}
	if _, ok := repo.Model.Clusters[cluster]; !ok {
		return nil, naming.Unknown(repo.Model, api.KindCluster, cluster, "`bulla cluster list` shows them")
	}
	name := p.Metadata.Name
	if !slices.Contains(repo.Model.PlacedOn(cluster), name) {
		return nil, fault.New(onClusters(repo.Model.TargetsOf(name)),
			"placement %q is not placed on cluster %q", name, cluster)
	}
	placed := builder.Resolve(ctx, repo.Tree, repo.Model, cluster).Placed[name]
	if placed.Err != nil {
		return nil, placed.Err
	}
	for _, conflict := range placed.Conflicts {
		return nil, fault.New("take it out of all placements but one; `bulla validate` lists all such objects",
			"%s %s/%s is placed on cluster %q by %s too: neither gets it",
			conflict.ID.Kind, conflict.ID.Namespace, conflict.ID.Name, cluster, strings.Join(conflict.With, ", "))
	}
	return placed.Build, nil
}

// onClusters says where a placement is, for somebody who named another place.
func onClusters(clusters []string) string {
	if len(clusters) == 0 {
		return "it is placed on no cluster"
	}
	return "it is placed on " + naming.Some(clusters)
}

// shown is one object as YAML, with the places of its sealed values.
func shown(o kustomize.Object) (string, error) {
	var b strings.Builder
	b.WriteString("---\n")
	object := o.DeepCopy().Object
	if o.Stub != nil {
		fields := mask(object, o.Stub)
		fmt.Fprintf(&b, "# from %s; sealed: %s\n", o.Stub.Path, strings.Join(fields, " "))
	}
	text, err := yaml.Marshal(object)
	if err != nil {
		return "", fmt.Errorf("print %s %s: %w", o.GetKind(), o.GetName(), err)
	}
	b.Write(text)
	return b.String(), nil
}

// mask puts a word where the values of an object will stand.
func mask(object map[string]any, stub *kustomize.Stub) (fields []string) {
	data, _ := object["data"].(map[string]any)
	if data == nil {
		data = map[string]any{}
		object["data"] = data
	}
	fields = slices.Sorted(slices.Values(stub.Fields()))
	for _, field := range fields {
		data[strings.TrimPrefix(field, "/data/")] = built.Masked
	}
	return fields
}
