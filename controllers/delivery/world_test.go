package delivery

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/report"
	"github.com/bulla-dev/bulla/controllers/unseal"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/fixtures/chart"
	"github.com/bulla-dev/bulla/fixtures/cluster"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// deliveryWorld is a cluster with a Delivery loop, and the Git that it should equal.
// Git, FleetSync and the key service are stood in for, at the two interfaces
// between the loops; the API server and its controllers are real.
type deliveryWorld struct {
	t         *testing.T
	installed *chart.Installed
	cluster   *cluster.Cluster
	client    client.Client
	fleet     string
	system    string // namespace of the Deliveries
	ns        string // namespace of applications
	snapshots *view.Snapshots
	unsealer  *tableUnsealer
	git       map[string]*app
	builds    map[string]*kustomize.Build // of all revisions, by digest
	suspended bool
	holdAll   bool
	maxShare  int
	// consent is a revision that fleet.yaml consents to, from the next commit on.
	consent   string
	revisions int
	// placed is what each revision placed.
	placed  map[string]*kustomize.Resolution
	foreign map[string]client.Object
	key     []byte
	// config is the controller's, whose requests the audit log tells apart. It has
	// the chart's rights, and applies as an account of each namespace.
	config  *rest.Config
	release chart.Release
	ledger  *bookkeeper
	// reportEvery is the interval of reports; 0 for the product's. reportRetry is
	// the first pause after one that failed; 0 for a short one.
	reportEvery, reportRetry time.Duration
	// pacer says whose turn it is; nil for nobody.
	pacer Pacer
	// wrap is for a test whose API server takes not everything.
	wrap func(client.Client) client.Client
	// reckoning is how this build of the controller makes digests of builds.
	reckoning string
	// inline is what a status holds of an inventory; 0 for the product's.
	inline int
	// now is the controller's clock; nil for the product's.
	now func() time.Time
}

// app is one placement in Git.
type app struct {
	spec    api.PlacementSpec
	objects []kustomize.Object
	err     error
	// variant is what another variant of it builds, which the cluster does not get.
	variant []kustomize.Object
}

func newDeliveryWorld(t *testing.T) *deliveryWorld {
	t.Helper()
	return newDeliveryWorldOn(t, cluster.ForTest(t))
}

func newDeliveryWorldOn(t *testing.T, c *cluster.Cluster) *deliveryWorld {
	t.Helper()
	w := &deliveryWorld{
		t: t, cluster: c, fleet: strings.ToLower(rand.Text()[:16]),
		snapshots: &view.Snapshots{}, unsealer: newTableUnsealer(),
		git: map[string]*app{}, builds: map[string]*kustomize.Build{}, foreign: map[string]client.Object{}, key: make([]byte, 32), maxShare: 50, ledger: newBookkeeper(),
	}
	if _, err := rand.Read(w.key); err != nil {
		t.Fatal(err)
	}
	w.installed = chart.ForTest(t, c, "deployer")
	w.client, w.config, w.release, w.system = w.installed.Client, w.installed.Config, w.installed.Release, w.installed.Namespace
	w.ns = w.tenant()
	return w
}

// tenant is a new namespace that is ready for placements.
func (w *deliveryWorld) tenant() string {
	w.t.Helper()
	return w.installed.Tenant(w.t)
}

// widen gives the account that placements are applied as more than the chart
// does, as an operator would for what the test places.
func (w *deliveryWorld) widen(why string, rules ...rbacv1.PolicyRule) {
	w.t.Helper()
	w.t.Log("wider than the chart: " + why)
	w.must(w.release.Widen(w.t.Context(), w.ns, chart.Deployer, rules...))
}

// writes are the verbs of a placement's account.
func writes(group string, resources ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: resources, Verbs: []string{"create", "patch", "update", "delete"}}
}

func (w *deliveryWorld) options() Options {
	return Options{
		Namespace: w.system, Snapshots: w.snapshots, Unsealer: w.unsealer,
		MACKey:   func(context.Context) ([]byte, error) { return w.key, nil },
		Recorder: recorder(), Reporter: w.reporter(),
		DefaultServiceAccount: chart.Deployer, wrap: w.wrap, inline: w.inline, now: w.now,
		Pacer: func() Pacer { return w.pacer },
	}
}

// reporter is one that was not started. Its client does not cache, as the
// product's does not cache Secrets.
func (w *deliveryWorld) reporter() *report.Reporter {
	w.t.Helper()
	own := w.installed.Own(w.t)
	r := &report.Reporter{Client: own, Reader: own, Namespace: w.system, Snapshots: w.snapshots, Link: unseal.NewLink(w.ledger),
		Times: report.Times{Every: w.reportEvery, Pause: 20 * time.Millisecond,
			Retry: cmp.Or(w.reportRetry, 50*time.Millisecond)}}
	return r.Init()
}

func (w *deliveryWorld) manager(ctx context.Context) ctrl.Manager {
	w.t.Helper()
	mgr, err := ctrl.NewManager(w.config, ctrl.Options{
		Scheme: w.installed.Scheme, Metrics: metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: ptr.To(true)},
		Cache:      cache.Options{DefaultNamespaces: map[string]cache.Config{w.system: {}}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return mgr
}

// run starts the controller; stop ends it and waits.
func (w *deliveryWorld) run() (stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	mgr := w.manager(ctx)
	options := w.options()
	if err := Setup(mgr, options); err != nil {
		w.t.Fatal(err)
	}
	if err := mgr.Add(options.Reporter); err != nil {
		w.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	})
	w.t.Cleanup(stop)
	return stop
}

// place sets what a placement of Git builds.
func (w *deliveryWorld) place(name string, objects ...kustomize.Object) *app {
	a := &app{objects: objects, spec: api.PlacementSpec{
		Path: "apps/" + name, TargetNamespace: w.ns, Timeout: &api.Duration{Duration: time.Minute},
	}}
	w.git[name] = a
	return a
}

// commit makes what Git says now the accepted head, as FleetSync does.
func (w *deliveryWorld) commit() string {
	w.t.Helper()
	w.revisions++
	revision := fmt.Sprintf("main@sha1:%040d", w.revisions)
	resolution := w.resolve()
	for _, placed := range resolution.Placed {
		if placed.Build != nil {
			w.builds[placed.Build.Digest] = placed.Build
		}
	}
	stood := maps.Clone(w.builds) // the controller reads while the test commits
	snapshot := &view.Snapshot{
		Head: fmt.Sprintf("%040d", w.revisions), Revision: revision, ClusterSuspended: w.suspended,
		Fleet: &api.Fleet{Spec: api.FleetSpec{ID: w.fleet, Prune: &api.FleetPrune{MaxShare: fmt.Sprintf("%d%%", w.maxShare)}}},
		Model: &model.Model{}, Resolution: resolution,
		Stood: func(_ context.Context, d *v1alpha1.Delivery) *kustomize.Build {
			return stood[d.Status.AppliedBuildDigest]
		},
	}
	if w.placed == nil {
		w.placed = map[string]*kustomize.Resolution{}
	}
	w.placed[revision] = resolution
	snapshot.Consented = w.consented()
	w.snapshots.Store(snapshot)
	standing := &v1alpha1.DeliveryList{}
	w.must(w.client.List(w.t.Context(), standing, client.InNamespace(w.system)))
	for i := range standing.Items {
		d := &standing.Items[i]
		if snapshot.Placed(d.Name) == nil && !d.Spec.Removed && !w.suspended {
			w.writeSpec(d, func(s *v1alpha1.DeliverySpec) { s.Removed, s.Revision = true, revision })
		}
	}
	for name, placed := range snapshot.Resolution.Placed {
		w.writeDelivery(name, placed, revision)
	}
	return revision
}

// consented is FleetSync's part of consent: to what a revision of the history placed
// nowhere, and none after it. fleet.yaml names nowhere beside it.
func (w *deliveryWorld) consented() view.Consent {
	consent, placed := w.consent, maps.Clone(w.placed) // the controller reads while the test commits
	lets := func(revision string, id ObjectID) bool {
		if placed[revision] == nil {
			return false
		}
		for at, then := range placed {
			if _, claimed := then.Conflicts[id]; at > revision && (claimed || then.Owners[id] != "") {
				return false
			}
		}
		gone, _ := placed[revision].MayDelete(id)
		return gone
	}
	return func(_ context.Context, d *v1alpha1.Delivery, leaving view.Leaving) (guarded int, astray []string) {
		for id, until := range leaving {
			inGit := lets(consent, id) && (d.Spec.Revision == consent || until != "" && until < consent)
			if !inGit && !lets(d.Annotations[v1alpha1.ConsentAnnotation], id) {
				guarded++
			}
		}
		if consent != "" {
			astray = []string{"nowhere"}
		}
		return guarded, astray
	}
}

func (w *deliveryWorld) writeDelivery(name string, placed *kustomize.Placed, revision string) {
	w.t.Helper()
	d := &v1alpha1.Delivery{}
	err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.system, Name: name}, d)
	digest, policy := "", ""
	if spec := placed.Placement.Spec; spec.DeletionPolicy.Orphans(spec.PruneEnabled()) {
		policy = string(api.DeletionOrphan)
	}
	if placed.Build != nil {
		digest = placed.Build.Digest
	}
	switch {
	case apierrors.IsNotFound(err):
		d = &v1alpha1.Delivery{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.system, Name: name},
			Spec: v1alpha1.DeliverySpec{Revision: revision, BuildDigest: digest, DeletionPolicy: policy,
				TargetNamespace: placed.Placement.Spec.AllNamespaces()[0], ServiceAccountName: placed.Placement.Spec.ServiceAccountName},
		}
		w.must(w.client.Create(w.t.Context(), d))
	case err != nil:
		w.t.Fatal(err)
	case digest != "" && (d.Spec.BuildDigest != digest || d.Spec.Removed):
		w.writeSpec(d, func(s *v1alpha1.DeliverySpec) {
			s.BuildDigest, s.Revision, s.Removed, s.DeletionPolicy = digest, revision, false, policy
		})
	case d.Spec.DeletionPolicy != policy:
		w.writeSpec(d, func(s *v1alpha1.DeliverySpec) { s.Revision, s.DeletionPolicy = revision, policy })
	}
}

func (w *deliveryWorld) writeSpec(d *v1alpha1.Delivery, change func(*v1alpha1.DeliverySpec)) {
	w.t.Helper()
	next := d.DeepCopy()
	change(&next.Spec)
	w.must(client.IgnoreNotFound(w.client.Patch(w.t.Context(), next, client.MergeFrom(d))))
}

func (w *deliveryWorld) resolve() *kustomize.Resolution {
	r := &kustomize.Resolution{
		Cluster: "test", Placed: map[string]*kustomize.Placed{}, Owners: map[ObjectID]string{},
		Conflicts: map[ObjectID][]string{}, HeldNamespaces: map[string]string{},
		HoldAllDeletes: w.holdAll, HoldReason: "a file cannot be read",
	}
	for _, name := range slices.Sorted(maps.Keys(w.git)) {
		a := w.git[name]
		placement := &api.Placement{Metadata: api.Metadata{Name: name}, Spec: a.spec}
		placed := &kustomize.Placed{Placement: placement, Err: a.err}
		r.Placed[name] = placed
		if a.err != nil {
			for _, ns := range a.spec.AllNamespaces() {
				r.HeldNamespaces[ns] = name
			}
			continue
		}
		placed.Build = &kustomize.Build{Placement: name, Digest: w.reckoned(a.objects), Objects: a.objects}
		for _, o := range a.objects {
			if other, taken := r.Owners[o.ID()]; taken {
				r.Conflicts[o.ID()] = []string{other, name}
			}
			r.Owners[o.ID()] = name
		}
	}
	for id, claimants := range r.Conflicts {
		delete(r.Owners, id)
		for i, name := range claimants {
			placed := r.Placed[name]
			placed.Conflicts = append(placed.Conflicts, kustomize.Conflict{ID: id, With: claimants[1-i : 2-i]})
		}
	}
	return r
}

// reckoned is the digest that this build of the controller gives a build.
func (w *deliveryWorld) reckoned(objects []kustomize.Object) string {
	digest := buildDigestOf(objects)
	if w.reckoning == "" {
		return digest
	}
	sum := sha256.Sum256([]byte(w.reckoning + digest))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func buildDigestOf(objects []kustomize.Object) string {
	sum := sha256.New()
	for _, o := range objects {
		data, _ := json.Marshal(o.Object)
		sum.Write(data)
		if o.Stub != nil {
			sum.Write([]byte(o.Stub.Digest))
		}
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}

// settled waits until every Delivery stands as Git says, and checks the cluster.
func (w *deliveryWorld) settled() {
	w.t.Helper()
	eventually(w.t, "every delivery stands", w.settledNow)
	w.check()
}

func (w *deliveryWorld) settledNow() error {
	list := &v1alpha1.DeliveryList{}
	if err := w.client.List(w.t.Context(), list, client.InNamespace(w.system)); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, d := range list.Items {
		seen[d.Name] = true
		a := w.git[d.Name]
		switch {
		case a == nil:
			return fmt.Errorf("%s is still here: %s", d.Name, describeConditions(&d))
		case a.err != nil:
			continue
		case d.Spec.BuildDigest != d.Status.AppliedBuildDigest, !ready(&d), d.Status.ObservedGeneration != d.Generation,
			len(d.Status.Inventory) != len(a.objects):
			return fmt.Errorf("%s: %s, %d entries for %d objects", d.Name, describeConditions(&d), len(d.Status.Inventory), len(a.objects))
		}
	}
	for name := range w.git {
		if !seen[name] {
			return fmt.Errorf("%s has no delivery", name)
		}
	}
	return nil
}

// reason waits until a Delivery's Ready condition has a reason.
func (w *deliveryWorld) reason(name, reason string) *v1alpha1.Delivery {
	w.t.Helper()
	d := &v1alpha1.Delivery{}
	eventually(w.t, name+" says "+reason, func() error {
		if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.system, Name: name}, d); err != nil {
			return err
		}
		for _, c := range d.Status.Conditions {
			if c.Type == "Ready" && c.Reason == reason && d.Status.ObservedGeneration == d.Generation {
				return nil
			}
		}
		return errors.New(describeConditions(d))
	})
	return d
}

func describeConditions(d *v1alpha1.Delivery) string {
	var parts []string
	for _, c := range d.Status.Conditions {
		parts = append(parts, fmt.Sprintf("%s=%s %s %q", c.Type, c.Status, c.Reason, c.Message))
	}
	return strings.Join(parts, "; ")
}

func (w *deliveryWorld) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// eventually polls until ok returns nil.
func eventually(t *testing.T, what string, ok func() error) {
	t.Helper()
	wait.For(t, what, ok)
}
