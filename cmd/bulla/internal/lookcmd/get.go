package lookcmd

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/kube"
	"github.com/bulla-dev/bulla/cmd/internal/render"
)

const getLong = `List what the controller of a cluster works on, as "flux get" does.

  fleetsyncs        the repository that the cluster follows, and how far it is
  deliveries        one for each placement on the cluster
  sealedmanifests   stubs that another deployer applied, and who stands for each
  all               all of them

Without --namespace, fleetsyncs and deliveries are looked for in all namespaces
(a cluster has one fleet), and sealedmanifests in that of the context.

It asks the cluster's API server with your rights, and neither the key service nor
Git. "bulla status" says it for all clusters, with your login.`

const getExample = `  bulla get deliveries
  bulla get deliveries payments --context prod-eu -o yaml
  bulla get all -A

  # what is not well, and as it changes
  bulla get deliveries --status-selector ready=false -w

  # for a shell
  kubectl describe -n bulla-system $(bulla get fleetsyncs -n bulla-system -o name)`

type getFlags struct {
	place
	all, watch, noHeader     bool
	selector, statusSelector string
	format                   render.Format
	wanted                   []string // the kinds
	names                    []string
	conditions               map[string]string // from statusSelector, types in lower case
	kindNamed                bool
}

var gettable = []string{kube.FleetSync, kube.Delivery, kube.SealedManifest}

func newGet(a run) *cobra.Command {
	f := &getFlags{format: render.Text}
	cmd := &cobra.Command{
		Use: "get KIND [NAME...]", Short: "List what the controller of a cluster works on", Long: getLong,
		Example: getExample,
		Args:    anyArgs("a kind, and names of that kind"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.read(args); err != nil {
				return err
			}
			return a.get(cmd.Context(), f)
		},
		ValidArgsFunction: a.completeKinds(append(gettable, "")...),
	}
	f.add(cmd)
	flags := cmd.Flags()
	flags.BoolVarP(&f.all, "all-namespaces", "A", false, "in all namespaces, and say which")
	flags.BoolVarP(&f.watch, "watch", "w", false, "go on, and print what changes")
	flags.StringVarP(&f.selector, "label-selector", "l", "", "only what has these labels (`key=value,…`)")
	flags.StringVar(&f.statusSelector, "status-selector", "", "only where this `condition` holds, such as ready=false")
	flags.BoolVar(&f.noHeader, "no-header", false, "leave the header out")
	render.FlagWide(flags, &f.format)
	cmd.MarkFlagsMutuallyExclusive("all-namespaces", "namespace")
	return cmd
}

// read reads what is asked for.
func (f *getFlags) read(args []string) (err error) {
	if err := f.format.CheckWide(); err != nil {
		return err
	}
	f.names, f.wanted = args[1:], gettable
	if args[0] == "all" {
		if len(f.names) > 0 {
			return fault.NewUsage("bulla get deliveries "+f.names[0], "names are of one kind")
		}
		f.kindNamed = true
	} else {
		kind, err := kube.KindOf(args[0], gettable...)
		if err != nil {
			return fault.WithHint(err, hintOf(err)+", all")
		}
		f.wanted = []string{kind}
	}
	f.conditions, err = readConditions(f.statusSelector)
	return err
}

// readConditions reads ready=false,healthy=unknown.
func readConditions(text string) (map[string]string, error) {
	wanted := map[string]string{}
	if text == "" {
		return wanted, nil
	}
	for pair := range strings.SplitSeq(text, ",") {
		kind, status, ok := strings.Cut(pair, "=")
		status = strings.ToLower(status)
		if !ok || kind == "" || !slices.Contains([]string{"true", "false", "unknown"}, status) {
			return nil, fault.NewUsage("write the type of a condition and true, false or unknown: --status-selector ready=false",
				"--status-selector %q is no condition", text)
		}
		wanted[strings.ToLower(kind)] = status
	}
	return wanted, nil
}

// found is what a kind has.
type found struct {
	kind    string
	items   []unstructured.Unstructured
	version string
}

func (a run) get(ctx context.Context, f *getFlags) error {
	cluster, err := f.connect()
	if err != nil {
		return err
	}
	progress := a.Progress()
	var all []found
	for _, kind := range f.wanted {
		progress("asks for %s", kube.Resource(kind).Resource)
		list, err := cluster.List(ctx, kind, f.in(cluster, kind), f.selector)
		progress("")
		if err != nil {
			return err
		}
		all = append(all, found{kind, slices.DeleteFunc(list.Items, f.isNot), list.GetResourceVersion()})
	}
	if err := f.missing(all); err != nil {
		return err
	}
	if err := f.print(a.Stdout, all, true); err != nil || !f.watch {
		n := 0
		for _, of := range all {
			n += len(of.items)
		}
		a.Nothing(n, strings.Join(kube.Words(f.wanted...), ", ")+" of "+cluster.Where)
		return err
	}
	return a.watch(ctx, cluster, f, all)
}

// in is where a kind is looked for.
func (f *getFlags) in(cluster *kube.Cluster, kind string) string {
	switch {
	case f.all:
		return ""
	case f.namespace != "":
		return f.namespace
	case kind == kube.SealedManifest:
		return cluster.Namespace
	}
	return ""
}

// isNot says that an object was not asked for.
func (f *getFlags) isNot(o unstructured.Unstructured) bool {
	if len(f.names) > 0 && !slices.Contains(f.names, o.GetName()) {
		return true
	}
	for kind, want := range f.conditions {
		if strings.ToLower(condition(o, kind).status) != want {
			return true
		}
	}
	return false
}

// missing refuses a name that is not there, unless a status was asked for too.
func (f *getFlags) missing(all []found) error {
	if len(f.conditions) > 0 || f.watch {
		return nil
	}
	for _, name := range f.names {
		if !slices.ContainsFunc(all[0].items, func(o unstructured.Unstructured) bool { return o.GetName() == name }) {
			return fault.New("`bulla get "+kube.Resource(f.wanted[0]).Resource+" -A` lists those that there are",
				"there is no %s %q", f.wanted[0], name)
		}
	}
	return nil
}
