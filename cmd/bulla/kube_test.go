package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/charts"
	"github.com/bulla-dev/bulla/fixtures/cluster"
	"github.com/bulla-dev/bulla/fixtures/wait"
)

var (
	crds = schema.GroupVersionResource{
		Group: "apiextensions.k8s.io", Version: "v1",
		Resource: "customresourcedefinitions",
	}
	fleetSyncs = v1alpha1.GroupVersion.WithResource("fleetsyncs")
)

// controlPlane is the API server of all scripts, started for the first that wants it.
// They have it one after the other, each without what those before left.
type controlPlane struct {
	t       *testing.T
	turn    sync.Mutex
	cluster *cluster.Cluster
	client  dynamic.Interface
}

func (p *controlPlane) start() error {
	if p.cluster != nil {
		return nil
	}
	c, err := cluster.Start(context.Background(), cluster.Options{Name: "bulla-cli", APIOnly: true})
	if err != nil {
		return err
	}
	p.t.Cleanup(func() {
		if err := c.Stop(context.Background()); err != nil {
			p.t.Errorf("stop cluster: %v", err)
		}
	})
	p.cluster, p.client = c, must(dynamic.NewForConfig(c.Config()))
	return installCRDs(p.client)
}

// cmdKube gives the script a real API server with the chart's CRDs, and writes two
// kubeconfigs with the context "bulla": an administrator's and one of a user
// who may do nothing.
//
//	kube KUBECONFIG NOBODY
func cmdKube(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	w.control.turn.Lock()
	ts.Defer(w.control.turn.Unlock)
	ts.Check(w.control.start())
	w.kube = w.control.client
	ts.Defer(func() { emptied(ts, w.kube) })
	nobody, err := w.control.cluster.NewUser("nobody")
	ts.Check(err)
	for file, config := range map[string]*rest.Config{args[0]: w.control.cluster.Config(), args[1]: nobody} {
		ts.Check(cluster.WriteKubeconfig(ts.MkAbs(file), config))
	}
}

// emptied takes away what a script left of our kinds.
func emptied(ts *testscript.TestScript, client dynamic.Interface) {
	for _, resource := range []string{"fleetsyncs", "deliveries", "sealedmanifests"} {
		of := client.Resource(v1alpha1.GroupVersion.WithResource(resource))
		list, err := of.List(context.Background(), metav1.ListOptions{})
		ts.Check(err)
		for _, o := range list.Items {
			ts.Check(of.Namespace(o.GetNamespace()).Delete(context.Background(), o.GetName(), metav1.DeleteOptions{}))
		}
	}
}

func installCRDs(client dynamic.Interface) error {
	ctx := context.Background()
	files, err := filepath.Glob("../../charts/bulla-controller/files/crds/*.yaml")
	if err != nil || len(files) == 0 {
		return fmt.Errorf("find the chart's CRDs: %d files, %w", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		crd := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(data, &crd.Object); err != nil {
			return err
		}
		if _, err := client.Resource(crds).Create(ctx, crd, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return wait.Poll(ctx, func(ctx context.Context) error {
		_, err := client.Resource(fleetSyncs).List(ctx, metav1.ListOptions{})
		return err
	})
}

// cmdFleetSync is what a controller leaves in its cluster: a FleetSync whose
// status has the public keys. It sets IDENTITY, RECIPIENT and FINGERPRINT.
//
//	fleetsync CLUSTER [FLEETID]
func cmdFleetSync(ts *testscript.TestScript, neg bool, args []string) {
	w, ctx := worldOf(ts), context.Background()
	resource := w.kube.Resource(fleetSyncs).Namespace("default")
	sync := &v1alpha1.FleetSync{}
	sync.APIVersion, sync.Kind, sync.Name = v1alpha1.GroupVersion.String(), "FleetSync", "fleet"
	sync.Spec.URL, sync.Spec.KeyService.URL, sync.Spec.ClusterName = "https://git.example/acme.git", "https://keys.example", args[0]
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(sync)
	ts.Check(err)
	unstructured.RemoveNestedField(object, "spec", "interval")
	created, err := resource.Create(ctx, &unstructured.Unstructured{Object: object}, metav1.CreateOptions{})
	ts.Check(err)
	if len(args) == 1 {
		return
	}
	keys := newClusterKeys(w, args[0])
	created.Object["status"] = map[string]any{"fleet": args[1], "identity": keys.Identity, "recipient": keys.Recipient}
	_, err = resource.UpdateStatus(ctx, created, metav1.UpdateOptions{})
	ts.Check(err)
	ts.Setenv("IDENTITY", keys.Identity)
	ts.Setenv("RECIPIENT", keys.Recipient)
	ts.Setenv("FINGERPRINT", keys.Fingerprint())
}

// cmdNoFleetSync deletes it again.
func cmdNoFleetSync(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(worldOf(ts).kube.Resource(fleetSyncs).Namespace("default").Delete(context.Background(), "fleet",
		metav1.DeleteOptions{}))
}

// cmdKubePut puts objects of a file into the cluster, each with its status: what a
// controller would have left there.
//
//	kubeput FILE
func cmdKubePut(ts *testscript.TestScript, neg bool, args []string) {
	ctx, client := context.Background(), worldOf(ts).kube
	for _, text := range strings.Split(ts.ReadFile(args[0]), "\n---\n") {
		o := &unstructured.Unstructured{}
		ts.Check(yaml.Unmarshal([]byte(text), &o.Object))
		group, version, _ := strings.Cut(o.GetAPIVersion(), "/")
		if version == "" {
			group, version = "", group
		}
		plural := strings.ToLower(o.GetKind()) + "s"
		if o.GetKind() == "Delivery" {
			plural = "deliveries"
		}
		of := client.Resource(schema.GroupVersionResource{Group: group, Version: version, Resource: plural}).
			Namespace(o.GetNamespace())
		status := o.Object["status"]
		created, err := of.Create(ctx, o, metav1.CreateOptions{})
		ts.Check(err)
		if status != nil {
			created.Object["status"] = status
			_, err = of.UpdateStatus(ctx, created, metav1.UpdateOptions{})
			ts.Check(err)
		}
	}
}

// cmdController stands in for a controller until the script ends: it takes note of each
// request and each new generation, and says Ready, or what REASON says.
//
//	controller [REASON]
func cmdController(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	client := worldOf(ts).kube
	stop := sync.OnceFunc(func() { cancel(); <-done })
	if worldOf(ts).stop != nil {
		worldOf(ts).stop()
	}
	worldOf(ts).stop = stop
	ts.Defer(stop)
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			for _, resource := range []string{"fleetsyncs", "deliveries"} {
				work(ctx, client.Resource(v1alpha1.GroupVersion.WithResource(resource)), args)
			}
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
}

// work is one round of it. What another writer is ahead of is done in the next.
func work(ctx context.Context, of dynamic.NamespaceableResourceInterface, reason []string) {
	list, err := of.List(ctx, metav1.ListOptions{})
	if err != nil {
		return
	}
	for _, o := range list.Items {
		asked := o.GetAnnotations()["reconcile.fluxcd.io/requestedAt"]
		handled, _, _ := unstructured.NestedString(o.Object, "status", "lastHandledReconcileAt")
		observed, _, _ := unstructured.NestedInt64(o.Object, "status", "observedGeneration")
		if asked == handled && observed == o.GetGeneration() {
			continue
		}
		ready := map[string]any{"type": "Ready", "status": "True", "reason": "Succeeded", "message": "done",
			"lastTransitionTime": "2026-11-29T08:00:00Z"}
		if len(reason) > 0 {
			ready["status"], ready["reason"], ready["message"] = "False", reason[0], "it does not work"
		}
		status, _ := o.Object["status"].(map[string]any)
		if status == nil {
			status = map[string]any{}
		}
		status["conditions"], status["observedGeneration"] = []any{ready}, o.GetGeneration()
		status["lastHandledReconcileAt"] = asked
		o.Object["status"] = status
		_, _ = of.Namespace(o.GetNamespace()).UpdateStatus(ctx, &o, metav1.UpdateOptions{})
	}
}

// cmdEventually waits until a file that a command in the background writes has what
// a pattern wants:
//
//	eventually FILE PATTERN
func cmdEventually(ts *testscript.TestScript, neg bool, args []string) {
	pattern := regexp.MustCompile(args[1])
	ts.Check(wait.Poll(context.Background(), func(context.Context) error {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && !pattern.Match(text) {
			err = fmt.Errorf("%s has not %s:\n%s", args[0], args[1], text)
		}
		return err
	}))
}

// cmdChartRights gives the account "controller" of a namespace what the chart's files
// do, but for the leases.
//
//	chartrights NAMESPACE
func cmdChartRights(ts *testscript.TestScript, neg bool, args []string) {
	ctx, namespace := context.Background(), args[0]
	rights := must(charts.ControllerRights())
	rights.Own = slices.DeleteFunc(rights.Own, func(r rbacv1.PolicyRule) bool {
		return slices.Contains(r.Resources, "leases")
	})
	client := must(kubernetes.NewForConfig(worldOf(ts).control.cluster.Config())).RbacV1()
	account := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: "controller", Namespace: namespace}}
	named := metav1.ObjectMeta{Name: "check", Namespace: namespace}
	must(client.Roles(namespace).Create(ctx, &rbacv1.Role{ObjectMeta: named, Rules: rights.Own}, metav1.CreateOptions{}))
	must(client.RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{ObjectMeta: named, Subjects: account,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "check"}}, metav1.CreateOptions{}))
	named.Namespace = ""
	must(client.ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: named, Rules: rights.Cluster},
		metav1.CreateOptions{}))
	must(client.ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{ObjectMeta: named, Subjects: account,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "check"}}, metav1.CreateOptions{}))
}
