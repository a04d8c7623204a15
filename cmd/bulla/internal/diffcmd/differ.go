package diffcmd

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/kube"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/controllers/foretell"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/kustomize"
)

// differ compares one cluster with the tree.
type differ struct {
	options
	shell   *shell.Shell
	repo    *fleetrepo.Repo
	cluster *kube.Cluster
	builder *kustomize.Builder
	trial   *kube.Trial
	// sync is what the cluster follows, deliveries what it has, by name, and owned what
	// those own.
	sync       *v1alpha1.FleetSync
	deliveries map[string]*v1alpha1.Delivery
	owned      map[string][]kube.Owned
	report     report
}

// look reads what the cluster follows and owns.
func (d *differ) look(ctx context.Context) (err error) {
	progress := d.shell.Progress()
	defer progress("")
	progress("asks %s", d.cluster.Where)
	top, err := d.cluster.FleetSync(ctx)
	if err != nil {
		return err
	}
	if d.sync, err = kube.Read[v1alpha1.FleetSync](top); err != nil {
		return err
	}
	if fleet := d.repo.Model.Fleet.Spec.ID; d.sync.Status.Fleet != "" && d.sync.Status.Fleet != fleet {
		return fault.New("go into a clone of "+d.sync.Spec.URL, "%s follows fleet %s, and this is %s", d.cluster.Where,
			d.sync.Status.Fleet, fleet)
	}
	if d.trial, err = d.cluster.Try(); err != nil {
		return err
	}
	list, err := d.cluster.List(ctx, kube.Delivery, d.sync.Namespace, "")
	if err != nil {
		return err
	}
	d.deliveries, d.owned = map[string]*v1alpha1.Delivery{}, map[string][]kube.Owned{}
	for i := range list.Items {
		delivery, err := kube.Read[v1alpha1.Delivery](&list.Items[i])
		if err != nil {
			return err
		}
		d.deliveries[delivery.Name] = delivery
		if d.owned[delivery.Name], err = d.cluster.Inventory(ctx, delivery); err != nil {
			return err
		}
	}
	return nil
}

// compare notes what would change.
func (d *differ) compare(ctx context.Context) error {
	name := d.sync.Spec.ClusterName
	d.report = report{Cluster: name, Head: d.sync.Status.Head, Changes: []change{}}
	switch c := d.repo.Model.Clusters[name]; {
	case c == nil:
		if err := d.repo.Model.Refused(api.KindCluster, name); err != nil {
			return err
		}
		d.shell.Notef("cluster %q is not in this fleet: its controller would open nothing, and change and delete nothing",
			name)
		return nil
	case c.Spec.Suspend:
		d.shell.Notef("cluster %q is suspended here: its controller would change and delete nothing", name)
		return nil
	}
	d.shell.Progress()("builds what is placed on %s", name)
	resolution := d.builder.Resolve(ctx, d.repo.Tree, d.repo.Model, name)
	d.shell.Progress()("")
	for _, placement := range slices.Sorted(maps.Keys(resolution.Placed)) {
		if d.wants(placement) {
			if err := d.placement(ctx, placement, resolution.Placed[placement]); err != nil {
				return err
			}
		}
	}
	d.prunes(resolution)
	return nil
}

func (d *differ) wants(placement string) bool {
	return len(d.placements) == 0 || slices.Contains(d.placements, placement)
}

// placement compares what one builds.
func (d *differ) placement(ctx context.Context, name string, placed *kustomize.Placed) error {
	if placed.Err != nil {
		return fault.New("`bulla validate` says it all", "%w", placed.Err)
	}
	objects, err := foretell.Objects(d.repo.Model.Fleet.Spec.ID, name, placed.Build.Objects)
	if err != nil {
		return err
	}
	progress := d.shell.Progress()
	defer progress("")
	for i, o := range objects {
		progress("compares %d of %s of %s", i+1, plural.Of(len(objects), "object"), name)
		if slices.ContainsFunc(placed.Conflicts, func(c kustomize.Conflict) bool { return c.ID == o.ID }) {
			d.note(name, o.ID, Held, "another placement has it too: neither gets it", "")
			continue
		}
		if err := d.object(ctx, name, o); err != nil {
			return err
		}
	}
	return nil
}

// ours finds an object in a Delivery's inventory.
func (d *differ) ours(placement string, id kustomize.ObjectID) *kube.Owned {
	for i, o := range d.owned[placement] {
		if idOf(o) == id {
			return &d.owned[placement][i]
		}
	}
	return nil
}

func idOf(o kube.Owned) kustomize.ObjectID {
	return kustomize.ObjectID{Group: o.Group, Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}
}

// prunes notes what is owned and not built any more.
func (d *differ) prunes(resolution *kustomize.Resolution) {
	for _, name := range slices.Sorted(maps.Keys(d.owned)) {
		if !d.wants(name) {
			continue
		}
		for _, o := range d.owned[name] {
			id := idOf(o)
			if _, built := resolution.Owners[id]; built || o.Gone || o.Unmade {
				continue
			}
			if why := d.stays(resolution, name, o); why != "" {
				d.note(name, id, Stays, why, "")
				continue
			}
			d.note(name, id, Pruned, "", "")
		}
	}
}

// stays says why an object stays that Git has no more, "" if it goes.
func (d *differ) stays(resolution *kustomize.Resolution, placement string, o kube.Owned) string {
	if ok, reason := resolution.MayDelete(idOf(o)); !ok {
		return reason
	}
	placed, still := d.repo.Model.Placements[placement]
	switch {
	case o.Prune == "disabled":
		return v1alpha1.PruneAnnotation + ": disabled"
	case foretell.HoldsValue(idOf(o), o.Content):
		return ""
	case still && placed.Spec.Prune != nil && !*placed.Spec.Prune:
		return "prune: false keeps plain objects"
	case resolution.Placed[placement] == nil && d.orphans(d.deliveries[placement]):
		return "deletionPolicy: " + string(api.DeletionOrphan)
	}
	return ""
}

// orphans: what the placement said last counts when it has gone.
func (d *differ) orphans(delivery *v1alpha1.Delivery) bool {
	policy := delivery.Status.Policy
	return policy != nil && api.DeletionPolicy(policy.DeletionPolicy).Orphans(policy.Prune)
}

func (d *differ) note(placement string, id kustomize.ObjectID, what Change, why, text string) {
	object := fmt.Sprintf("%s/%s/%s", id.Kind, id.Namespace, id.Name)
	if id.Namespace == "" {
		object = id.Kind + "/" + id.Name
	}
	suspended := d.deliveries[placement] != nil && d.deliveries[placement].Spec.Suspend
	d.report.Changes = append(d.report.Changes,
		change{Placement: placement, Object: object, Change: what, Why: why, Diff: text, Suspended: suspended})
}
