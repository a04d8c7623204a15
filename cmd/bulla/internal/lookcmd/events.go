package lookcmd

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/kube"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/render"
)

const eventsLong = `Show what the controller said of its FleetSync and Deliveries, oldest first.

Kubernetes keeps events for an hour, unless the cluster says otherwise. "bulla get
deliveries -o yaml" has how the last builds ended.`

const eventsExample = `  bulla events --context prod-eu
  bulla events --for delivery/payments --types Warning
  bulla events -A -w`

type eventsFlags struct {
	place
	all, watch bool
	of         string
	types      []string
	kind, name string // from of
	format     render.Format
}

func newEvents(a run) *cobra.Command {
	f := &eventsFlags{format: render.Text}
	cmd := &cobra.Command{
		Use: "events", Short: "Show what the controller said of its FleetSync and Deliveries", Long: eventsLong,
		Example: eventsExample, Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.read(); err != nil {
				return err
			}
			return a.events(cmd.Context(), f)
		},
	}
	f.add(cmd)
	flags := cmd.Flags()
	flags.BoolVarP(&f.all, "all-namespaces", "A", false, "in all namespaces")
	flags.BoolVarP(&f.watch, "watch", "w", false, "go on, and print what comes")
	flags.StringVar(&f.of, "for", "", "only of this `object`, such as delivery/payments")
	flags.StringSliceVar(&f.types, "types", nil, "only of these `types`: Normal, Warning")
	render.FlagNoNames(flags, &f.format)
	cmd.MarkFlagsMutuallyExclusive("all-namespaces", "namespace")
	return cmd
}

func (f *eventsFlags) read() (err error) {
	if err := f.format.CheckNoNames(); err != nil {
		return err
	}
	for _, one := range f.types {
		if err := shell.OneOf("types", one, []string{corev1.EventTypeNormal, corev1.EventTypeWarning}); err != nil {
			return err
		}
	}
	if f.of == "" {
		return nil
	}
	word, name, ok := strings.Cut(f.of, "/")
	if !ok || name == "" {
		return fault.NewUsage("write a kind and a name: --for delivery/payments", "--for %q is no object", f.of)
	}
	f.name = name
	f.kind, err = kube.KindOf(word, gettable...)
	return err
}

// every is between two questions of a command that goes on.
const every = 2 * time.Second

func (a run) events(ctx context.Context, f *eventsFlags) error {
	cluster, err := f.connect()
	if err != nil {
		return err
	}
	namespace := ""
	if !f.all {
		if namespace, err = cluster.Home(ctx, f.namespace); err != nil {
			return err
		}
	}
	seen := map[string]string{}
	for first := true; ; first = false {
		list, err := cluster.Events(ctx, namespace)
		if err != nil && (first || ctx.Err() != nil) {
			return stopped(ctx, err)
		}
		var fresh []corev1.Event
		if err == nil {
			fresh = slices.DeleteFunc(list.Items, func(e corev1.Event) bool {
				return f.isNot(e) || seen[string(e.UID)] == e.ResourceVersion
			})
		}
		for _, e := range fresh {
			seen[string(e.UID)] = e.ResourceVersion
		}
		if err := a.printEvents(f, fresh, first); err != nil {
			return err
		}
		if !f.watch {
			a.Nothing(len(fresh), "the API server has no such event (any more)")
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(every):
		}
	}
}

// stopped: whoever goes on until they are stopped was not refused anything.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (f *eventsFlags) isNot(e corev1.Event) bool {
	of := e.InvolvedObject
	return !strings.HasPrefix(of.APIVersion, v1alpha1.GroupVersion.Group+"/") ||
		f.kind != "" && (of.Kind != f.kind || of.Name != f.name) ||
		len(f.types) > 0 && !slices.Contains(f.types, e.Type)
}

func last(e corev1.Event) time.Time {
	switch {
	case e.Series != nil:
		return e.Series.LastObservedTime.Time
	case !e.LastTimestamp.IsZero():
		return e.LastTimestamp.Time
	case !e.EventTime.IsZero():
		return e.EventTime.Time
	}
	return e.CreationTimestamp.Time
}

// row is an event as it is printed.
type row struct {
	Time    time.Time `json:"time"`
	Type    string    `json:"type"`
	Reason  string    `json:"reason"`
	Object  string    `json:"object"`
	Message string    `json:"message"`
	Count   int32     `json:"count"`
}

func (a run) printEvents(f *eventsFlags, events []corev1.Event, header bool) error {
	slices.SortStableFunc(events, func(x, y corev1.Event) int {
		return cmp.Or(last(x).Compare(last(y)), strings.Compare(x.Name, y.Name))
	})
	rows, now := []row{}, time.Now()
	var t render.Table
	if header {
		t.Header = []string{"LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"}
	}
	for _, e := range events {
		at, object := last(e), strings.ToLower(e.InvolvedObject.Kind)+"/"+e.InvolvedObject.Name
		rows = append(rows, row{at.UTC(), e.Type, e.Reason, object, e.Message, max(e.Count, 1)})
		t.Rows = append(t.Rows, []string{shell.Ago(now, &at), e.Type, e.Reason, object, oneLine(e.Message)})
	}
	if f.watch && !header && len(rows) == 0 {
		return nil
	}
	return f.format.Print(a.Stdout, rows, t)
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
