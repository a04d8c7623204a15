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
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/v1alpha1"
)

// Cluster is a cluster that a context leads to.
type Cluster struct {
	// Where says which, for people.
	Where string
	// Namespace is the context's.
	Namespace string
	// Config is how it is reached.
	Config *rest.Config
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
	loaded := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules,
		&clientcmd.ConfigOverrides{CurrentContext: kubeContext})
	config, err := loaded.ClientConfig()
	if clientcmd.IsEmptyConfig(err) {
		// client-go's words name a variable that nobody sets.
		return nil, fault.New("--context NAME names the cluster; --kubeconfig FILE, or KUBECONFIG, the file that has it",
			"read kubeconfig: there is none, or it names no current context")
	}
	if err != nil {
		return nil, fault.New("`kubectl config get-contexts` lists them", "read kubeconfig: %w", err)
	}
	namespace, _, err := loaded.Namespace()
	if err != nil {
		return nil, fault.New("`kubectl config get-contexts` lists them", "read kubeconfig: %w", err)
	}
	config.QPS, config.Burst = 50, 300        // as kubectl: a comparison asks twice for each object
	config.WarningHandler = rest.NoWarnings{} // a server's words about versions are none of the answer's
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	return &Cluster{Where: where, Namespace: namespace, Config: config, client: client}, nil
}

// Dynamic reads and writes objects of any kind.
func (c *Cluster) Dynamic() dynamic.Interface { return c.client }

// FleetSync is the cluster's one.
func (c *Cluster) FleetSync(ctx context.Context) (*unstructured.Unstructured, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
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

// Request asks the controller to work on an object now, with the annotation that
// Flux has for it.
func (c *Cluster) Request(ctx context.Context, kind, namespace, name string, now time.Time) error {
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, meta.ReconcileRequestAnnotation,
		Asked(now))
	return c.patch(ctx, "ask", kind, namespace, name, patch)
}

// Asked is how a request of a time is written, and how its answer names it.
func Asked(now time.Time) string { return now.UTC().Format(time.RFC3339Nano) }

// Suspend stops the controller's work on an object, or lets it go on.
func (c *Cluster) Suspend(ctx context.Context, kind, namespace, name string, suspend bool) error {
	verb := "resume"
	if suspend {
		verb = "suspend"
	}
	return c.patch(ctx, verb, kind, namespace, name, fmt.Sprintf(`{"spec":{"suspend":%t}}`, suspend))
}

func (c *Cluster) patch(ctx context.Context, verb, kind, namespace, name, patch string) error {
	_, err := c.client.Resource(Resource(kind)).Namespace(namespace).
		Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: "bulla"})
	if err != nil {
		return fault.New("does it stand there, and may you patch "+Resource(kind).Resource+".bulla.dev?",
			"%s %s %q of %s: %w", verb, kind, name, c.Where, err)
	}
	return nil
}
