package lookcmd

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/kube"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/render"
)

const treeLong = `Show what a FleetSync or a Delivery made, as a tree.

Below a FleetSync stand its Deliveries, below each what it owns by its inventory. What
came out of a stub is marked (sealed), with the stub's digest; what Git places no more
and still stands, with the last revision that did. Values are not read.

An inventory that is too large for a status stands in Secrets of the controller: where
you may not read those, the tree says so in its place.`

const treeExample = `  bulla tree fleetsync fleet --context prod-eu
  bulla tree delivery payments -o json`

// node is one line of the tree.
type node struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// Says is what is to say beside it: Ready and the revision, or (sealed).
	Says string `json:"says,omitempty"`
	// Stub is the digest of the stub that it came out of.
	Stub string `json:"stub,omitempty"`
	// Missing says why what is below it cannot be shown.
	Missing string `json:"missing,omitempty"`
	Below   []node `json:"below,omitempty"`
}

func newTree(a run) *cobra.Command {
	var p place
	format := render.Text
	cmd := &cobra.Command{
		Use: "tree KIND NAME", Short: "Show what a FleetSync or a Delivery made", Long: treeLong, Example: treeExample,
		Args:              command.Args("a kind and a name", 2, 2),
		ValidArgsFunction: a.completeKinds(suspendable...),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := format.CheckNoNames(); err != nil {
				return err
			}
			kind, err := kube.KindOf(args[0], suspendable...)
			if err != nil {
				return err
			}
			return a.tree(cmd.Context(), p, kind, args[1], format)
		},
	}
	p.add(cmd)
	render.FlagNoNames(cmd.Flags(), &format)
	return cmd
}

func (a run) tree(ctx context.Context, p place, kind, name string, format render.Format) error {
	cluster, err := p.connect()
	if err != nil {
		return err
	}
	namespace, err := cluster.Home(ctx, p.namespace)
	if err != nil {
		return err
	}
	top, err := cluster.Get(ctx, kind, namespace, name)
	if err != nil {
		return err
	}
	var root node
	if kind == kube.Delivery {
		d, err := kube.Read[v1alpha1.Delivery](top)
		if err != nil {
			return err
		}
		root = delivered(ctx, cluster, d)
	} else if root, err = a.followed(ctx, cluster, top.GetNamespace(), name); err != nil {
		return err
	} else {
		root.Says = standing(condition(*top, "ready"), at("status", "head")(*top), suspended.of(*top))
	}
	if format != render.Text {
		return format.Print(a.Stdout, root, render.Table{})
	}
	return root.print(a.Stdout, "", "")
}

// followed is a FleetSync with its Deliveries.
func (a run) followed(ctx context.Context, cluster *kube.Cluster, namespace, name string) (node, error) {
	root := node{Kind: kube.FleetSync, Namespace: namespace, Name: name}
	list, err := cluster.List(ctx, kube.Delivery, namespace, "")
	if err != nil {
		return root, err
	}
	progress := a.Progress()
	defer progress("")
	for i := range list.Items {
		progress("read %d of %d Deliveries", i, len(list.Items))
		d, err := kube.Read[v1alpha1.Delivery](&list.Items[i])
		if err != nil {
			return root, err
		}
		root.Below = append(root.Below, delivered(ctx, cluster, d))
	}
	slices.SortFunc(root.Below, func(a, b node) int { return strings.Compare(a.Name, b.Name) })
	return root, nil
}

// delivered is a Delivery with what it owns.
func delivered(ctx context.Context, cluster *kube.Cluster, d *v1alpha1.Delivery) node {
	n := node{Kind: kube.Delivery, Namespace: d.Namespace, Name: d.Name}
	var ready said
	for _, c := range d.Status.Conditions {
		if c.Type == "Ready" {
			ready = said{string(c.Status), c.Reason, c.Message}
		}
	}
	n.Says = standing(ready, d.Status.LastAppliedRevision, map[bool]string{true: "True"}[d.Spec.Suspend])
	owned, err := cluster.Inventory(ctx, d)
	if err != nil {
		n.Missing = err.Error()
		return n
	}
	slices.SortFunc(owned, func(a, b kube.Owned) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Kind, b.Kind),
			strings.Compare(a.Name, b.Name))
	})
	for _, o := range owned {
		n.Below = append(n.Below, node{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name, Stub: o.Stub, Says: marks(o)})
	}
	return n
}

func marks(o kube.Owned) string {
	var says []string
	if o.Stub != "" {
		says = append(says, "(sealed, stub "+shell.Short(strings.TrimPrefix(o.Stub, "sha256:"))+")")
	}
	if o.Until != "" {
		says = append(says, "(placed until "+o.Until+")")
	}
	if o.Unmade {
		says = append(says, "(not applied yet)")
	}
	if o.Gone {
		says = append(says, "(ended, and is gone)")
	}
	return strings.Join(says, " ")
}

// standing is a condition in a few words.
func standing(ready said, revision, suspended string) string {
	var says []string
	switch {
	case ready.status == "True":
		says = append(says, "Ready")
	case ready.reason == "":
		says = append(says, "Unknown")
	default:
		says = append(says, ready.reason+": "+oneLine(ready.message))
	}
	if revision != "" {
		says = append(says, "at "+revision)
	}
	if suspended == "True" {
		says = append(says, "(suspended)")
	}
	return strings.Join(says, " ")
}

func (n node) print(w io.Writer, first, rest string) error {
	line := strings.TrimSuffix(fmt.Sprintf("%s%s/%s/%s %s", first, n.Kind, n.Namespace, n.Name, n.Says), " ")
	if n.Namespace == "" {
		line = strings.Replace(line, "//", "/", 1)
	}
	if _, err := fmt.Fprintln(w, render.Printable(line)); err != nil {
		return fault.New("look at where the output goes", "write the tree: %w", err)
	}
	if n.Missing != "" {
		if _, err := fmt.Fprintln(w, render.Printable(rest+"└── not shown: "+n.Missing)); err != nil {
			return err
		}
	}
	for i, below := range n.Below {
		branch, under := "├── ", "│   "
		if i == len(n.Below)-1 {
			branch, under = "└── ", "    "
		}
		if err := below.print(w, rest+branch, rest+under); err != nil {
			return err
		}
	}
	return nil
}
