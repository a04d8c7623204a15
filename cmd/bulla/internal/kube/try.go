package kube

import (
	"context"
	"encoding/json"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/restmapper"

	"github.com/bulla-dev/bulla/api/fault"
)

// Trial asks a cluster what objects are, and what an apply would make of them. It writes
// nothing.
type Trial struct {
	cluster *Cluster
	mapper  meta.RESTMapper
	// metadata reads no field but metadata: of what holds values nothing else is asked.
	metadata metadata.Interface
}

// Try begins one.
func (c *Cluster) Try() (*Trial, error) {
	client, err := discovery.NewDiscoveryClientForConfig(c.Config)
	if err != nil {
		return nil, fault.New("`kubectl config view` shows it", "read kubeconfig: %w", err)
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client))
	only, err := metadata.NewForConfig(c.Config)
	if err != nil {
		return nil, fault.New("`kubectl config view` shows it", "read kubeconfig: %w", err)
	}
	return &Trial{cluster: c, mapper: mapper, metadata: only}, nil
}

// Serves reports whether the cluster has a kind.
func (t *Trial) Serves(gvk schema.GroupVersionKind) (bool, error) {
	_, err := t.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if meta.IsNoMatchError(err) {
		return false, nil
	}
	return err == nil, t.told(err, gvk.Kind, "")
}

func (t *Trial) resource(o *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	gvk := o.GroupVersionKind()
	mapping, err := t.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return nil, t.told(err, gvk.Kind, o.GetName())
	}
	resource := t.cluster.client.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		return resource.Namespace(o.GetNamespace()), nil
	}
	return resource, nil
}

// Live is what stands under an object's name, nil for nothing.
func (t *Trial) Live(ctx context.Context, o *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	resource, err := t.resource(o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	live, err := resource.Get(ctx, o.GetName(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return live, t.told(err, o.GetKind(), o.GetName())
}

// LiveMetadata is the metadata of what stands under an object's name, nil for nothing.
// The rest is not asked for, and does not come over the wire.
func (t *Trial) LiveMetadata(
	ctx context.Context, o *unstructured.Unstructured,
) (*metav1.PartialObjectMetadata, error) {
	gvk := o.GroupVersionKind()
	mapping, err := t.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return nil, t.told(err, gvk.Kind, o.GetName())
	}
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	live, err := t.metadata.Resource(mapping.Resource).Namespace(o.GetNamespace()).
		Get(ctx, o.GetName(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return live, t.told(err, o.GetKind(), o.GetName())
}

// Applied is what an apply would make of an object, by a server-side dry run. Errors are
// the API server's, for the caller to tell apart.
func (t *Trial) Applied(
	ctx context.Context, o *unstructured.Unstructured, manager string,
) (*unstructured.Unstructured, error) {
	resource, err := t.resource(o)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(o.Object)
	if err != nil {
		return nil, err
	}
	force := true
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	return resource.Patch(ctx, o.GetName(), types.ApplyPatchType, data,
		metav1.PatchOptions{FieldManager: manager, Force: &force, DryRun: []string{metav1.DryRunAll}})
}

// Told gives an error of a trial its words.
func (t *Trial) Told(err error, o *unstructured.Unstructured) error {
	return t.told(err, o.GetKind(), o.GetName())
}

func (t *Trial) told(err error, kind, name string) error {
	if err == nil {
		return nil
	}
	hint := "can `kubectl` reach the cluster?"
	if apierrors.IsForbidden(err) {
		hint = "a look asks for the right to get it, a dry run for that to patch it"
	}
	return fault.New(hint, "compare %s %q with %s: %w", kind, name, t.cluster.Where, err)
}
