package fleetsync

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	"github.com/fluxcd/pkg/runtime/conditions/check"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/yaml"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/unseal"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/fixtures/chart"
	"github.com/bulla-dev/bulla/fixtures/cluster"
	"github.com/bulla-dev/bulla/fixtures/gitserver"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/fixtures/wait"
	keyservice "github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/kustomize"
)

const (
	testFleet   = "00112233445566778899aabbccddeeff"
	testCluster = "prod-eu"
)

// world is a fleet repository, a cluster that follows it and what stands in for
// the key service: its authority is real, its token is not.
type world struct {
	*testing.T
	installed *chart.Installed
	cluster   *cluster.Cluster
	client    client.Client
	config    *rest.Config // the controller's
	namespace string
	server    *gitserver.Server
	repo      *gitserver.Repo
	root      *testfleet.Root
	ca        *authorityForTest
	storage   string

	snapshots *view.Snapshots
	link      *unseal.Link
	loop      *Reconciler
	stop      func()
	good      string // the hash of the last good head
	noService atomic.Bool
	keep      func(client.Client) client.Client // of the identity; nil for the loop's own
	enrolled  atomic.Int64
	renewed   atomic.Int64
	// mainRefuses makes renewals fail but where expired certificates are renewed;
	// late counts those.
	mainRefuses atomic.Bool
	late        atomic.Int64
	// ahead is how far the controller's clock is; service is what the key service says
	// of its own, in nanoseconds since 1970, 0 for nothing.
	ahead, service atomic.Int64
	// word is what the audit log has of histories that an operator accepted; nil where
	// nobody may ask.
	word atomic.Pointer[func(from, ref string) (*keyservice.Rewrite, error)]
	// slowAfter is when a build is slow: never, unless a test is about that.
	slowAfter time.Duration
	// allowHTTP admits credentials over plain http that leaves the machine.
	allowHTTP bool
}

// newWorld starts a repository with the fleet and this cluster in it, and a
// FleetSync that has enrolled. Placements come by place.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := bareWorld(t)
	w.start()
	w.join()
	return w
}

// bareWorld has a repository with fleet.yaml only, and no controller running.
func bareWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		T: t, cluster: cluster.ForTest(t), storage: t.TempDir(), ca: newAuthorityForTest(t), slowAfter: time.Minute,
	}
	w.installed = chart.ForTest(t, w.cluster)
	w.client, w.config, w.namespace = w.installed.Client, w.installed.Config, w.installed.Namespace
	w.server = gitserver.ForTest(t)
	var err error
	if w.repo, err = w.server.NewRepo("fleet"); err != nil {
		t.Fatal(err)
	}
	w.root = newRoot(t)
	w.commit("start the fleet", map[string]*string{"fleet.yaml": w.fleet(func(*api.FleetSpec) {})})
	w.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "git"},
		StringData: map[string]string{"username": w.repo.Username, "password": w.repo.Password},
	})
	w.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "join"},
		StringData: map[string]string{joinTokenKey: w.token(testCluster).String()},
	})
	return w
}

// start runs the FleetSync loop alone; the Deliveries are looked at, not worked on.
func (w *world) start() {
	w.Helper()
	mgr, err := ctrl.NewManager(w.config, ctrl.Options{
		Scheme:  w.installed.Scheme,
		Metrics: metricsserver.Options{BindAddress: "0"},
		Cache:   cache.Options{DefaultNamespaces: map[string]cache.Config{w.namespace: {}}},
		Client:  client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}}}},
		// Several managers run in one test process.
		Controller: config.Controller{SkipNameValidation: new(true)},
	})
	if err != nil {
		w.Fatal(err)
	}
	w.snapshots, w.link = &view.Snapshots{}, &unseal.Link{}
	options := Options{
		Client: mgr.GetClient(), Reader: mgr.GetAPIReader(), Namespace: w.namespace,
		Recorder: mgr.GetEventRecorderFor("bulla-controller"), //nolint:staticcheck // the interface that fluxcd's recorder has too
		Git:      Git{Storage: w.storage, AllowHTTP: w.allowHTTP}, Snapshots: w.snapshots,
		Builder:    kustomize.NewBuilder(kustomize.BuilderOptions{Timeout: 3 * time.Minute, SlowAfter: w.slowAfter}),
		Identities: &unseal.Identities{Client: mgr.GetClient(), Namespace: w.namespace}, Link: w.link,
		Service: Service{Dial: w.dial, Enroll: w.enroll},
		Now:     func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) },
	}
	if w.keep != nil {
		options.Identities.Client = w.keep(mgr.GetClient())
	}
	w.loop = New(options)
	if err := w.loop.SetupWithManager(mgr); err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	w.stop = func() {
		cancel()
		if err := <-done; err != nil {
			w.Error(err)
		}
		w.stop = func() {}
	}
	w.Cleanup(func() { w.stop() })
}

// restart is a new process: only what is stored is left.
func (w *world) restart() {
	w.Helper()
	w.stop()
	w.start()
}

// join creates the FleetSync, waits for its keys and merges its Cluster file.
func (w *world) join() {
	w.Helper()
	w.create(w.fleetSync())
	obj := w.sync()
	w.commit("add the cluster", map[string]*string{"clusters/" + testCluster + ".yaml": w.clusterFile(obj, func(*api.ClusterSpec) {})})
}

func (w *world) fleetSync() *v1alpha1.FleetSync {
	return &v1alpha1.FleetSync{
		ObjectMeta: metav1.ObjectMeta{Name: "fleet"},
		Spec: v1alpha1.FleetSyncSpec{
			URL: w.repo.URL(), SecretRef: &meta.LocalObjectReference{Name: "git"}, ClusterName: testCluster,
			KeyService: v1alpha1.KeyServiceReference{
				URL: "https://127.0.0.1:1", JoinTokenSecretRef: &meta.LocalObjectReference{Name: "join"},
			},
			Interval: metav1.Duration{Duration: time.Hour},
		},
	}
}

// sync asks for a pass and waits until one that began afterwards ended.
func (w *world) sync() *v1alpha1.FleetSync {
	w.Helper()
	obj := w.get()
	request := rand.Text()
	before := obj.DeepCopy()
	if obj.Annotations == nil {
		obj.Annotations = map[string]string{}
	}
	obj.Annotations[meta.ReconcileRequestAnnotation] = request
	if err := w.client.Patch(w.Context(), obj, client.MergeFrom(before)); err != nil {
		w.Fatal(err)
	}
	w.eventually("the FleetSync has obeyed the request", func() bool {
		obj = w.get()
		return obj.Status.LastHandledReconcileAt == request
	})
	w.checkStatus(obj)
	return obj
}

// synced is sync for a pass that must succeed.
func (w *world) synced() *v1alpha1.FleetSync {
	w.Helper()
	obj := w.sync()
	if conditions.GetReason(obj, meta.ReadyCondition) == meta.ProgressingReason { // a build is slow, on a busy machine
		w.eventually("the placements are built", func() bool {
			obj = w.sync()
			return conditions.GetReason(obj, meta.ReadyCondition) != meta.ProgressingReason
		})
	}
	if !conditions.IsReady(obj) {
		w.Fatalf("FleetSync is not ready: %s: %s", conditions.GetReason(obj, meta.ReadyCondition), conditions.GetMessage(obj, meta.ReadyCondition))
	}
	return obj
}

// refused is sync for a pass that must end with a reason.
func (w *world) refused(reason string) *v1alpha1.FleetSync {
	w.Helper()
	obj := w.sync()
	if got := conditions.GetReason(obj, meta.ReadyCondition); conditions.IsReady(obj) || got != reason {
		w.Fatalf("Ready has reason %q (%s), want False with %q", got, conditions.GetMessage(obj, meta.ReadyCondition), reason)
	}
	return obj
}

func (w *world) get() *v1alpha1.FleetSync {
	w.Helper()
	obj := &v1alpha1.FleetSync{}
	if err := w.client.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: "fleet"}, obj); err != nil {
		w.Fatal(err)
	}
	return obj
}

// checkStatus holds every observed status to Flux's and kstatus's rules.
func (w *world) checkStatus(obj *v1alpha1.FleetSync) {
	w.Helper()
	if conditions.IsUnknown(obj, meta.ReadyCondition) && conditions.IsReconciling(obj) {
		return // a build is slow: at work, for kstatus, and the rules are for what a pass ended with
	}
	checker := check.NewChecker(w.client, &check.Conditions{NegativePolarity: []string{meta.StalledCondition, meta.ReconcilingCondition}})
	checker.DisableFetch = true
	if fail, warn := checker.Check(w.Context(), obj); fail != nil || warn != nil {
		w.Errorf("status breaks the rules: %v, %v", fail, warn)
	}
	if !conditions.IsReady(obj) && !conditions.IsStalled(obj) && !conditions.IsReconciling(obj) {
		w.Errorf("kstatus cannot tell what becomes of it: %v", obj.Status.Conditions)
	}
}

// deliveries gives what stands, by name.
func (w *world) deliveries() map[string]v1alpha1.Delivery {
	w.Helper()
	list := &v1alpha1.DeliveryList{}
	if err := w.client.List(w.Context(), list, client.InNamespace(w.namespace)); err != nil {
		w.Fatal(err)
	}
	out := map[string]v1alpha1.Delivery{}
	for _, d := range list.Items {
		out[d.Name] = d
	}
	return out
}

// expect is the oracle: exactly these Deliveries stand, those in removed are
// marked so, and every other says what the standing snapshot builds.
func (w *world) expect(standing []string, removed ...string) {
	w.Helper()
	got, want := map[string]bool{}, map[string]bool{}
	for _, name := range standing {
		want[name] = false
	}
	for _, name := range removed {
		want[name] = true
	}
	for name, d := range w.deliveries() {
		got[name] = d.Spec.Removed
		if hashOf(d.Spec.Revision) == "" {
			w.Errorf("delivery %q has revision %q", name, d.Spec.Revision)
		}
		if placed := w.snapshots.Load().Placed(name); placed != nil && d.Spec.TargetNamespace != placed.Placement.Spec.AllNamespaces()[0] {
			w.Errorf("delivery %q does not say where its placement goes: %q", name, d.Spec.TargetNamespace)
		}
		if placed := w.snapshots.Load().Placed(name); !d.Spec.Removed && placed != nil && placed.Err == nil && placed.Build.Digest != d.Spec.BuildDigest {
			w.Errorf("delivery %q has build digest %s, the snapshot %s", name, d.Spec.BuildDigest, placed.Build.Digest)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.Errorf("deliveries, true for removed (-want +got):\n%s", diff)
	}
}

// versions gives the resource version of every Delivery: equal means unwritten.
func (w *world) versions() map[string]string {
	out := map[string]string{}
	for name, d := range w.deliveries() {
		out[name] = string(d.UID) + "@" + d.ResourceVersion
	}
	return out
}

func (w *world) eventually(what string, done func() bool) {
	w.Helper()
	wait.Until(w, what, done)
}

// git runs git in the developer's clone.
func (w *world) git(arguments ...string) error {
	cmd := exec.Command("git", append([]string{"-C", w.repo.Dir()}, arguments...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %v: %w: %s", arguments, err, out)
	}
	return nil
}

func (w *world) create(obj client.Object) {
	w.Helper()
	obj.SetNamespace(w.namespace)
	if err := w.client.Create(w.Context(), obj); err != nil && !apierrors.IsAlreadyExists(err) {
		w.Fatal(err)
	}
}

func (w *world) commit(message string, files map[string]*string) string {
	w.Helper()
	hash, err := w.repo.Commit(message, files)
	if err != nil {
		w.Fatal(err)
	}
	return hash
}

// newRoot is a root key of the fleet that this cluster belongs to.
func newRoot(t *testing.T) *testfleet.Root {
	t.Helper()
	root := testfleet.NewRoot(t)
	root.ID = testFleet
	return root
}

// fleet is fleet.yaml, signed by the root key after change.
func (w *world) fleet(change func(*api.FleetSpec)) *string {
	w.Helper()
	spec := w.root.Spec(1)
	change(&spec)
	return new(w.root.File(w.T, &spec))
}

func (w *world) clusterFile(obj *v1alpha1.FleetSync, change func(*api.ClusterSpec)) *string {
	w.Helper()
	c := &api.Cluster{
		TypeMeta: api.TypeMeta{APIVersion: api.APIVersion, Kind: "Cluster"},
		Metadata: api.Metadata{Name: testCluster, Labels: map[string]string{"tier": "store"}},
		Spec:     api.ClusterSpec{Identity: obj.Status.Identity, Recipient: obj.Status.Recipient},
	}
	change(&c.Spec)
	return w.yaml(c)
}

func (w *world) yaml(object any) *string {
	w.Helper()
	data, err := yaml.Marshal(object)
	if err != nil {
		w.Fatal(err)
	}
	return new(string(data))
}

// app is a placement of one ConfigMap on this cluster, with its folder.
func (w *world) app(name, value string) map[string]*string {
	return map[string]*string{
		"placements/" + name + ".yaml": new(testfleet.Placement(name, "apps/"+name, name, "{clusterName: "+testCluster+"}")),
		"apps/" + name + "/config.yaml": new(fmt.Sprintf(
			"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\ndata:\n  value: %q\n", name, value)),
	}
}

// place commits apps, each with value as its content.
func (w *world) place(value string, apps ...string) {
	w.Helper()
	files := map[string]*string{}
	for _, name := range apps {
		for path, content := range w.app(name, value) {
			files[path] = content
		}
	}
	w.commit("place "+value, files)
}

// unplace removes placements, and leaves their folders.
func (w *world) unplace(apps ...string) {
	w.Helper()
	files := map[string]*string{}
	for _, name := range apps {
		files["placements/"+name+".yaml"] = nil
	}
	w.commit("remove placements", files)
}

func (w *world) annotate(key, value string) {
	w.Helper()
	obj := w.get()
	before := obj.DeepCopy()
	obj.Annotations[key] = value
	if err := w.client.Patch(w.Context(), obj, client.MergeFrom(before)); err != nil {
		w.Fatal(err)
	}
}

// several gives names app-1 to app-n.
func several(n int) []string {
	var names []string
	for i := 1; i <= n; i++ {
		names = append(names, "app-"+strconv.Itoa(i))
	}
	return names
}
