package tracecmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/kube"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/desk/exposure"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/keyservice/client"
)

// tracer follows one object.
type tracer struct {
	options
	shell      *shell.Shell
	kind, name string
	repo       *fleetrepo.Repo
	history    *exposure.Clone
	way        way
}

// why is an error in a line, for the part that it leaves out.
func why(err error) part { return part{Missing: fault.Line(err)} }

var errNotSealed = errors.New("it is not sealed")

// fromCluster finds who owns the object, by the inventories of the Deliveries.
func (t *tracer) fromCluster(ctx context.Context) {
	progress := t.shell.Progress()
	defer progress("")
	progress("asks the cluster")
	owned, d, err := t.owned(ctx)
	if err != nil {
		t.way.Object.part, t.way.Delivery.part = why(err), why(err)
		return
	}
	t.way.Object.Kind, t.way.Object.Namespace, t.way.Object.Name = owned.Kind, owned.Namespace, owned.Name
	t.way.Object.Sealed, t.way.Object.Content, t.way.Object.Until = owned.Stub != "", owned.Content, owned.Until
	t.way.Object.Unmade = owned.Unmade
	t.way.Stub.Digest = owned.Stub
	t.way.Delivery = delivery{Namespace: d.Namespace, Name: d.Name, Revision: d.Status.LastAppliedRevision,
		Variant: d.Spec.Variant, Suspended: d.Spec.Suspend}
	for _, c := range d.Status.Conditions {
		if c.Type == "Ready" {
			t.way.Delivery.Ready, t.way.Delivery.Reason = string(c.Status), c.Reason
		}
	}
}

func (t *tracer) owned(ctx context.Context) (*kube.Owned, *v1alpha1.Delivery, error) {
	cluster, err := kube.Connect(t.kubeconfig, t.context)
	if err != nil {
		return nil, nil, err
	}
	namespace := t.namespace
	if namespace == "" {
		namespace = cluster.Namespace
	}
	t.way.Object.Namespace = namespace
	top, err := cluster.FleetSync(ctx)
	if err != nil {
		return nil, nil, err
	}
	sync, err := kube.Read[v1alpha1.FleetSync](top)
	if err != nil {
		return nil, nil, err
	}
	t.way.Object.Cluster = sync.Spec.ClusterName
	list, err := cluster.List(ctx, kube.Delivery, sync.Namespace, "")
	if err != nil {
		return nil, nil, err
	}
	var unread error
	for i := range list.Items {
		d, err := kube.Read[v1alpha1.Delivery](&list.Items[i])
		if err != nil {
			return nil, nil, err
		}
		all, err := cluster.Inventory(ctx, d)
		if err != nil {
			unread = err
			continue
		}
		for _, o := range all {
			if o.Name == t.name && (o.Namespace == namespace || o.Namespace == "") && is(o, t.kind) {
				return &o, d, nil
			}
		}
	}
	if unread != nil {
		return nil, nil, fmt.Errorf("no inventory that can be read has %s/%s in namespace %q, and one cannot: %w",
			t.kind, t.name, namespace, unread)
	}
	return nil, nil, fmt.Errorf("no Delivery of %s owns %s/%s in namespace %q", cluster.Where, t.kind, t.name, namespace)
}

// is says whether somebody's word names the kind of an object: as kubectl takes it, in any
// case, in the plural, with its group.
func is(o kube.Owned, word string) bool {
	kind := strings.ToLower(o.Kind)
	words := []string{kind, kind + "s", kind + "es", strings.TrimSuffix(kind, "y") + "ies"}
	given, group, grouped := strings.Cut(strings.ToLower(word), ".")
	return slices.Contains(words, given) && (!grouped || group == o.Group)
}

// fromLog finds the entries that let the cluster open the stub.
func (t *tracer) fromLog(ctx context.Context) {
	if t.way.Stub.Digest == "" {
		t.way.Audit.part = t.way.Stub.part
		return
	}
	if t.repo == nil {
		t.way.Audit.Missing = "fleet.yaml names the log's key, and there is none here"
		return
	}
	source, done, err := t.log.Open(t.shell)
	if err != nil {
		t.way.Audit.part = why(err)
		return
	}
	defer done()
	filter := exposure.Granted
	filter.Cluster, filter.Digest = t.way.Object.Cluster, t.way.Stub.Digest
	err = source.Read(ctx, filter, func(e client.AuditEntry) error {
		g := grant{Entry: e.Index, Cluster: e.Entry.Cluster, Time: e.Entry.Time, Head: e.Entry.Head,
			Says: t.history.Describe(e.Entry.Head)}
		t.way.Audit.Grants = append(t.way.Audit.Grants, g)
		return nil
	})
	switch {
	case err != nil:
		t.way.Audit.part = why(err)
	case len(t.way.Audit.Grants) == 0:
		t.way.Audit.Missing = "no entry says that a cluster opened this version"
	}
}
