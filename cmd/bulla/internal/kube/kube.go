// Package kube reaches a cluster by a kubeconfig, as kubectl does.
package kube

import (
	"context"
	"fmt"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/cmd/internal/fault"
)

// Cluster is a cluster that a context leads to.
type Cluster struct {
	// Where says which, for people.
	Where  string
	client dynamic.Interface
}

// Connect reads a kubeconfig; empty kubeconfig and kubeContext mean kubectl's own
// choice. Nothing is asked yet.
func Connect(kubeconfig, kubeContext string) (*Cluster, error) {
	where := fmt.Sprintf("context %q", kubeContext)
	if kubeContext == "" {
		where = "the current context"
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules,
		&clientcmd.ConfigOverrides{CurrentContext: kubeContext}).ClientConfig()
	if err != nil {
		return nil, fault.New("`kubectl config get-contexts` lists them", "read kubeconfig: %w", err)
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	return &Cluster{Where: where, client: client}, nil
}

// FleetSync is the cluster's one.
func (c *Cluster) FleetSync(ctx context.Context) (*unstructured.Unstructured, error) {
	list, err := c.client.Resource(v1alpha1.GroupVersion.WithResource("fleetsyncs")).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fault.New("is bulla-controller installed there, and may you list fleetsyncs.bulla.dev?",
			"read FleetSync of %s: %w", c.Where, err)
	}
	if len(list.Items) != 1 {
		return nil, fault.New("a cluster follows one fleet; create one FleetSync",
			"read FleetSync of %s: there are %d", c.Where, len(list.Items))
	}
	return &list.Items[0], nil
}

// The kinds that are worked on.
const (
	FleetSync = "FleetSync"
	Delivery  = "Delivery"
)

// kinds are the plurals by which the API server has them.
var kinds = map[string]string{FleetSync: "fleetsyncs", Delivery: "deliveries"}

// Request asks the controller to work on an object now, with the annotation that
// Flux has for it.
func (c *Cluster) Request(ctx context.Context, kind, namespace, name string, now time.Time) error {
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, meta.ReconcileRequestAnnotation,
		now.UTC().Format(time.RFC3339Nano))
	_, err := c.client.Resource(v1alpha1.GroupVersion.WithResource(kinds[kind])).Namespace(namespace).
		Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: "bulla"})
	if err != nil {
		return fault.New("does it stand there, and may you patch "+kinds[kind]+".bulla.dev?",
			"ask %s %q of %s: %w", kind, name, c.Where, err)
	}
	return nil
}
