package stub

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/fluxcd/pkg/ssa"
	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/yaml"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/fixtures/chart"
	"github.com/bulla-dev/bulla/fixtures/cluster"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/kustomize"
)

func TestMain(m *testing.M) { os.Exit(cluster.Main(m)) }

// TestAStubThatFluxAppliedSaysWhoStandsForIt: it opens nothing, Flux finds no drift in
// it, and its status follows Git and the Delivery.
func TestAStubThatFluxAppliedSaysWhoStandsForIt(t *testing.T) {
	installed := chart.ForTest(t, cluster.ForTest(t), "deployer")
	all, ns := installed.Client, installed.Tenant(t)
	snapshots := &view.Snapshots{}
	run(t, installed, snapshots)

	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(testfleet.Stub("db")), &object.Object); err != nil {
		t.Fatal(err)
	}
	object.SetNamespace(ns)
	flux := ssa.NewResourceManager(all, nil,
		ssa.Owner{Field: "kustomize-controller", Group: "kustomize.toolkit.fluxcd.io"})
	apply := func() ssa.Action {
		t.Helper()
		entry, err := flux.Apply(t.Context(), object.DeepCopy(), ssa.DefaultApplyOptions())
		if err != nil {
			t.Fatal(err)
		}
		return entry.Action
	}
	apply()
	says := func(delivery, status string, parts ...string) {
		t.Helper()
		wait.For(t, "the stub says "+status, func() error {
			live := &v1alpha1.SealedManifest{}
			if err := all.Get(t.Context(), client.ObjectKeyFromObject(object), live); err != nil {
				return err
			}
			ready := apimeta.FindStatusCondition(live.Status.Conditions, "Ready")
			if ready == nil || live.Status.Delivery != delivery || string(ready.Status) != status {
				return fmt.Errorf("%s: %+v", live.Status.Delivery, ready)
			}
			for _, part := range parts {
				if !strings.Contains(ready.Reason+": "+ready.Message, part) {
					return errors.New(ready.Reason + ": " + ready.Message)
				}
			}
			return nil
		})
	}

	// Git places it nowhere, or as a plain Secret: nothing stands for it.
	snapshots.Store(snapshot(nil))
	says("", "False", "NotPlaced", "opens nothing", "hint: ")
	secret := object.DeepCopy()
	secret.SetAPIVersion("v1")
	secret.SetKind("Secret")
	stub := snapshot(&kustomize.Object{Unstructured: secret, Stub: &kustomize.Stub{}})
	snapshots.Store(stub)
	says("shop", "Unknown", "is at work")
	snapshots.Store(snapshot(&kustomize.Object{Unstructured: secret}))
	says("", "False", "NotPlaced")

	// Git places it; its Delivery comes, fails and stands.
	snapshots.Store(stub)
	says("shop", "Unknown", "is at work")
	d := &v1alpha1.Delivery{
		ObjectMeta: metav1.ObjectMeta{Namespace: installed.Namespace, Name: "shop"},
		Spec:       v1alpha1.DeliverySpec{Revision: "main@sha1:1", BuildDigest: "sha256:1"},
	}
	if err := all.Create(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		status metav1.ConditionStatus
		reason string
	}{{metav1.ConditionFalse, "UnsealDenied"}, {metav1.ConditionTrue, "Succeeded"}} {
		from := d.DeepCopy()
		apimeta.SetStatusCondition(&d.Status.Conditions, metav1.Condition{Type: "Ready", Status: step.status,
			Reason: step.reason, Message: "of another object, canary 7a3f"})
		if err := all.Status().Patch(t.Context(), d, client.MergeFrom(from)); err != nil {
			t.Fatal(err)
		}
		says("shop", string(step.status))
	}
	live := &v1alpha1.SealedManifest{}
	if err := all.Get(t.Context(), client.ObjectKeyFromObject(object), live); err != nil ||
		strings.Contains(fmt.Sprint(live.Status), "canary") {
		t.Errorf("the status tells of other objects: %v, %v", live.Status, err)
	}
	if action := apply(); action != ssa.UnchangedAction {
		t.Errorf("Flux found a drift: %s", action)
	}
	made := &corev1.Secret{}
	if err := all.Get(t.Context(), client.ObjectKeyFromObject(object), made); err == nil {
		t.Error("a Secret was made of it")
	}

	// The last FleetSync goes, and then the stub.
	snapshots.Store(nil)
	if err := all.Delete(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	snapshots.Store(snapshot(nil))
}

// snapshot has one placement, shop, which builds the object, if there is one.
func snapshot(o *kustomize.Object) *view.Snapshot {
	r := &kustomize.Resolution{Placed: map[string]*kustomize.Placed{}, Owners: map[kustomize.ObjectID]string{}}
	if o != nil {
		r.Owners[o.ID()] = "shop"
		r.Placed["shop"] = &kustomize.Placed{Placement: &api.Placement{Metadata: api.Metadata{Name: "shop"}},
			Build: &kustomize.Build{Digest: "sha256:1", Objects: []kustomize.Object{*o}}}
	}
	return &view.Snapshot{Revision: "main@sha1:1", Resolution: r}
}

// run starts the loop with the rights of the chart.
func run(t *testing.T, installed *chart.Installed, snapshots *view.Snapshots) {
	t.Helper()
	mgr, err := ctrl.NewManager(installed.Config, ctrl.Options{
		Scheme: installed.Scheme, Metrics: metricsserver.Options{BindAddress: "0"},
		Cache: cache.Options{ByObject: map[client.Object]cache.ByObject{
			&v1alpha1.Delivery{}: {Namespaces: map[string]cache.Config{installed.Namespace: {}}},
			Metadata():           {Namespaces: map[string]cache.Config{cache.AllNamespaces: {}}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := Setup(mgr, &Reconciler{Client: mgr.GetClient(), Reader: mgr.GetAPIReader(),
		Namespace: installed.Namespace, Snapshots: snapshots}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
