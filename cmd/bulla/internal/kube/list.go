package kube

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/bulla-dev/bulla/api/fault"
)

// Patience is how long a question may take that nobody said a time for.
const Patience = 15 * time.Second

// List gives the objects of a kind; an empty namespace is all of them.
func (c *Cluster) List(ctx context.Context, kind, namespace, selector string) (*unstructured.UnstructuredList, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	list, err := c.client.Resource(Resource(kind)).Namespace(namespace).
		List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, fault.New(c.hint(err, "list", kind, namespace), "list %s of %s: %w",
			Resource(kind).Resource, c.Where, err)
	}
	return list, nil
}

// Watch tells what changes after a list.
func (c *Cluster) Watch(ctx context.Context, kind, namespace, selector, after string) (watch.Interface, error) {
	w, err := c.client.Resource(Resource(kind)).Namespace(namespace).
		Watch(ctx, metav1.ListOptions{LabelSelector: selector, ResourceVersion: after})
	if err != nil {
		return nil, fault.New(c.hint(err, "watch", kind, namespace), "watch %s of %s: %w",
			Resource(kind).Resource, c.Where, err)
	}
	return w, nil
}

// Get gives one object.
func (c *Cluster) Get(ctx context.Context, kind, namespace, name string) (*unstructured.Unstructured, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	object, err := c.client.Resource(Resource(kind)).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fault.New(c.hint(err, "get", kind, namespace), "get %s %q of %s: %w", kind, name, c.Where, err)
	}
	return object, nil
}

func (c *Cluster) hint(err error, verb, kind, namespace string) string {
	switch {
	case apierrors.IsForbidden(err) && namespace == "":
		return "you may not in all namespaces: name one with -n, or ask for the right to " + verb + " " +
			Resource(kind).Resource + ".bulla.dev"
	case apierrors.IsNotFound(err) && verb == "get":
		return "`bulla get " + Resource(kind).Resource + "` lists them"
	}
	return "is bulla-controller installed there, and may you " + verb + " " + Resource(kind).Resource + ".bulla.dev?"
}

// Home is the namespace that -n names or, without it, that of the cluster's
// FleetSync, where its Deliveries are and its controller is.
func (c *Cluster) Home(ctx context.Context, namespace string) (string, error) {
	if namespace != "" {
		return namespace, nil
	}
	sync, err := c.FleetSync(ctx)
	if err != nil {
		return "", err
	}
	return sync.GetNamespace(), nil
}

// Read reads an object into its type.
func Read[T any](object *unstructured.Unstructured) (*T, error) {
	out := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, out); err != nil {
		return nil, fault.New("is `bulla` as new as the cluster's controller?", "read %s %q: %w",
			object.GetKind(), object.GetName(), err)
	}
	return out, nil
}
