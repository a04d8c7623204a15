package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/bulla-dev/bulla/api/v1alpha1"
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

// cmdKube starts a real API server with the chart's CRDs, and writes two
// kubeconfigs with the context "bulla": an administrator's and one of a user
// who may do nothing.
//
//	kube KUBECONFIG NOBODY
func cmdKube(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	c, err := cluster.Start(context.Background(), cluster.Options{Name: "bulla-cli", Dir: ts.MkAbs("kube"), APIOnly: true})
	ts.Check(err)
	ts.Defer(func() {
		if err := c.Stop(context.Background()); err != nil {
			ts.Fatalf("stop cluster: %v", err)
		}
	})
	client, err := dynamic.NewForConfig(c.Config())
	ts.Check(err)
	w.kube = client
	ts.Check(installCRDs(client))
	nobody, err := c.NewUser("nobody")
	ts.Check(err)
	for file, config := range map[string]*rest.Config{args[0]: c.Config(), args[1]: nobody} {
		ts.Check(cluster.WriteKubeconfig(ts.MkAbs(file), config))
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
