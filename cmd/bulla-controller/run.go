package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/fluxcd/pkg/runtime/client"
	"github.com/fluxcd/pkg/runtime/events"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	registry "sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/cmd/internal/version"
	"github.com/bulla-dev/bulla/controllers/delivery"
	"github.com/bulla-dev/bulla/controllers/fleetsync"
	"github.com/bulla-dev/bulla/controllers/metrics"
	"github.com/bulla-dev/bulla/controllers/notices"
	"github.com/bulla-dev/bulla/controllers/report"
	"github.com/bulla-dev/bulla/controllers/stub"
	"github.com/bulla-dev/bulla/controllers/unseal"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/source/git"
)

const leaseName = "bulla-controller-leader-election"

// heapGrowth is how much garbage there may be, in percent of what is held, before it is
// collected. At Go's own 100 the most of a controller's memory is garbage of its first
// apply; to look twice as often takes some two percent of its processor time.
const heapGrowth = 50

// unpacked is how much of Git's objects is kept in memory, in bytes. A cluster reads a
// stub once, when its application is built: what is read again are trees and commits.
const unpacked = 512 << 10

// run starts the two loops and waits for the context's end.
func run(ctx context.Context, o *options) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
	mgr, err := manager(o)
	if err != nil {
		return err
	}
	o.build.Lean = true // no lock opens here
	builder := kustomize.NewBuilder(o.build)
	if err := loops(mgr, o, builder); err != nil {
		return err
	}
	tellConfinement(ctx, builder)
	for name, add := range map[string]func(string, healthz.Checker) error{
		"healthz": mgr.AddHealthzCheck,
		"readyz":  mgr.AddReadyzCheck,
	} {
		if err := add("ping", healthz.Ping); err != nil {
			return fmt.Errorf("add %s check: %w", name, err)
		}
	}
	if err := mgr.Start(ctx); err != nil {
		return fmt.Errorf("run: %w", err)
	}
	return nil
}

// tellConfinement says how far builds are kept from the rest of the machine: what a
// container's settings take away is seen by nobody otherwise.
func tellConfinement(ctx context.Context, builder *kustomize.Builder) {
	log := ctrl.Log.WithName("builds")
	missing, err := builder.Unconfined(ctx)
	switch {
	case err != nil:
		log.Error(err, "how builds are confined is not known")
	case len(missing) > 0:
		log.Info("builds are confined, with parts missing", "missing", missing, "hint", kustomize.ConfinementHint)
	default:
		log.Info("builds are confined", "missing", missing)
	}
}

func manager(o *options) (ctrl.Manager, error) {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("register kinds: %w", err)
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("register kinds: %w", err)
	}
	own := cache.ByObject{Namespaces: map[string]cache.Config{o.namespace: {}}}
	mgr, err := ctrl.NewManager(client.GetConfigOrDie(o.client), ctrl.Options{
		Scheme:                        scheme,
		Metrics:                       metricsserver.Options{BindAddress: o.metricsAddr},
		HealthProbeBindAddress:        o.healthAddr,
		GracefulShutdownTimeout:       &o.shutdown,
		LeaderElection:                o.leader.Enable,
		LeaderElectionReleaseOnCancel: o.leader.ReleaseOnCancel,
		LeaseDuration:                 &o.leader.LeaseDuration,
		RenewDeadline:                 &o.leader.RenewDeadline,
		RetryPeriod:                   &o.leader.RetryPeriod,
		LeaderElectionID:              leaseName,
		LeaderElectionNamespace:       o.namespace,
		Cache: cache.Options{
			DefaultTransform: cache.TransformStripManagedFields(),
			ByObject: map[ctrlclient.Object]cache.ByObject{
				&v1alpha1.FleetSync{}: own,
				&v1alpha1.Delivery{}:  own,
				// Of all namespaces, by metadata alone: where others apply stubs.
				stub.Metadata(): {Namespaces: map[string]cache.Config{cache.AllNamespaces: {}}},
				// By metadata alone: Git's credentials are looked at when they change.
				&corev1.Secret{}: own,
			},
		},
		// A cache of Secrets would hold the values of all of them in memory.
		Client: ctrlclient.Options{Cache: &ctrlclient.CacheOptions{DisableFor: []ctrlclient.Object{&corev1.Secret{}}}},
	})
	if err != nil {
		return nil, fmt.Errorf("make manager: %w", err)
	}
	return mgr, nil
}

func loops(mgr ctrl.Manager, o *options, builder *kustomize.Builder) error {
	recorder, err := events.NewRecorder(mgr, ctrl.Log.WithName("events"), o.eventsAddr, "bulla-controller")
	if err != nil {
		return fmt.Errorf("make event recorder: %w", err)
	}
	own := metrics.New(registry.Registry)
	snapshots, link := &view.Snapshots{}, &unseal.Link{}
	identities := &unseal.Identities{Client: mgr.GetClient(), Namespace: o.namespace}
	fleetSync := fleetsync.New(fleetsync.Options{
		Client: mgr.GetClient(), Reader: mgr.GetAPIReader(), Recorder: recorder, Namespace: o.namespace,
		Git:     fleetsync.Git{Storage: o.storage, AllowHTTP: o.allowHTTP, Limits: git.Limits{Cache: unpacked}},
		Builder: builder, Snapshots: snapshots, Identities: identities, Link: link,
		Metrics: own,
	})
	if err := fleetSync.SetupWithManager(mgr); err != nil {
		return fmt.Errorf("set up fleetsync: %w", err)
	}
	if err := mgr.Add(&notices.Listener{
		Link: link, Snapshots: snapshots, Moved: fleetSync.Noticed, Metrics: own,
	}); err != nil {
		return fmt.Errorf("set up notices: %w", err)
	}
	if err := addNotifications(mgr, o.notify, own); err != nil {
		return err
	}
	reporter := (&report.Reporter{
		Client: mgr.GetClient(), Reader: mgr.GetAPIReader(), Namespace: o.namespace,
		Snapshots: snapshots, Link: link, Metrics: own, Version: version.Text(),
	}).Init()
	if err := mgr.Add(reporter); err != nil {
		return fmt.Errorf("set up reporter: %w", err)
	}
	if err := stub.Setup(mgr, &stub.Reconciler{
		Client: mgr.GetClient(), Reader: mgr.GetAPIReader(), Namespace: o.namespace, Snapshots: snapshots,
	}); err != nil {
		return err
	}
	return delivery.Setup(mgr, delivery.Options{
		Namespace: o.namespace, Snapshots: snapshots, Concurrency: o.concurrent, Reporter: reporter,
		DefaultServiceAccount: o.defaultAccount, ApplyAsController: o.applyAsController,
		Pacer: func() delivery.Pacer {
			pacer, _ := link.Current().(delivery.Pacer)
			return pacer
		},
		Unsealer: unseal.New(mgr.GetClient(), o.namespace, identities, link, fleetSync.Refetch, own),
		MACKey: func(ctx context.Context) ([]byte, error) {
			identity, err := identities.Get(ctx)
			if err != nil {
				return nil, err
			}
			return identity.HMACKey(), nil
		},
	})
}
