package apply

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/fixtures/precondition"
	"github.com/bulla-dev/bulla/kustomize"
)

// bench is an API server of a test's own, with what a test lets it refuse.
type bench struct {
	t      *testing.T
	client client.WithWatch
	hands  *Hands
	// refuse is asked before each apply; nil for yes to all.
	refuse func(name string, dry bool) error
	// deleted counts deletes.
	deleted int
}

func newBench(t *testing.T, standing ...client.Object) *bench {
	t.Helper()
	b := &bench{t: t}
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	mapper := meta.NewDefaultRESTMapper(nil)
	for gvk := range scheme.AllKnownTypes() {
		scope := meta.RESTScopeNamespace
		if gvk.Kind == "Namespace" || gvk.Kind == "ClusterRole" {
			scope = meta.RESTScopeRoot
		}
		mapper.Add(gvk, scope)
	}
	b.client = fake.NewClientBuilder().WithScheme(scheme).WithRESTMapper(mapper).WithReturnManagedFields().WithObjects(standing...).
		WithInterceptorFuncs(interceptor.Funcs{
			Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, options ...client.ApplyOption) error {
				var all client.ApplyOptions
				all.ApplyOptions(options)
				if b.refuse != nil {
					if err := b.refuse(nameOf(o), len(all.DryRun) > 0); err != nil {
						return err
					}
				}
				if err := b.check(ctx, precondition.Of(o)); err != nil {
					return err
				}
				if err := c.Apply(ctx, o, options...); err != nil || len(all.DryRun) > 0 {
					return err
				}
				return b.giveUID(ctx, o)
			},
			Delete: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.DeleteOption) error {
				b.deleted++
				return c.Delete(ctx, o, options...)
			},
		}).Build()
	b.hands = b.as("shop")
	return b
}

// check holds an apply to what it asks for.
func (b *bench) check(ctx context.Context, asked precondition.Asked) error {
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(asked.Kind)
	switch err := b.client.Get(ctx, asked.NamespacedName, live); {
	case apierrors.IsNotFound(err):
		return asked.Check(nil)
	case err != nil:
		return err
	}
	return asked.Check(live)
}

func nameOf(o runtime.ApplyConfiguration) string {
	switch o := o.(type) {
	case interface{ GetName() string }:
		return o.GetName()
	case interface{ GetName() *string }:
		return *o.GetName()
	}
	panic("an apply configuration without a name")
}

// giveUID gives a new object its uid, which the fake API server does not.
func (b *bench) giveUID(ctx context.Context, o runtime.ApplyConfiguration) error {
	switch o := o.(type) {
	case interface {
		client.Object
		runtime.ApplyConfiguration
	}:
		if o.GetUID() != "" {
			return nil
		}
		live := &unstructured.Unstructured{}
		live.SetGroupVersionKind(o.GetObjectKind().GroupVersionKind())
		err := b.uid(ctx, client.ObjectKeyFromObject(o), live)
		o.SetUID(live.GetUID())
		o.SetResourceVersion(live.GetResourceVersion())
		return err
	case *corev1ac.SecretApplyConfiguration:
		if o.UID != nil && *o.UID != "" {
			return nil
		}
		live := &unstructured.Unstructured{}
		live.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
		err := b.uid(ctx, client.ObjectKey{Namespace: *o.Namespace, Name: *o.Name}, live)
		o.WithUID(live.GetUID()).WithResourceVersion(live.GetResourceVersion())
		return err
	}
	return nil
}

func (b *bench) uid(ctx context.Context, key client.ObjectKey, live *unstructured.Unstructured) error {
	if err := b.client.Get(ctx, key, live); err != nil {
		return err
	}
	live.SetUID(types.UID(rand.Text()))
	return b.client.Update(ctx, live)
}

// as gives the hands of another placement of the same cluster.
func (b *bench) as(placement string) *Hands {
	return NewHands(Claims{
		Owner: Owner{Fleet: owner.Fleet, Placement: placement},
		Key:   []byte("a key of the cluster"), Delivery: "uid-of-" + placement,
	}, b.client, b.client, nil)
}

func (b *bench) configMap(text string) Object {
	b.t.Helper()
	return prepare(b.t, manifest(b.t, text))["ConfigMap/a"]
}

const plain = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: ns}, data: {key: ours}}"

func (b *bench) secret(change ...func(*kustomize.Object)) Object {
	b.t.Helper()
	built := sealed(b.t, "db", "/data/password")
	for _, f := range change {
		f(&built)
	}
	return prepare(b.t, built)["Secret/db"]
}

func value(text string) map[string]string {
	return map[string]string{"/data/password": base64.StdEncoding.EncodeToString([]byte(text))}
}

func annotated(key, value string) func(*kustomize.Object) {
	return func(o *kustomize.Object) { annotate(o.Unstructured, key, value) }
}

// apply applies and wants no error.
func (b *bench) apply(o Object, entry v1alpha1.InventoryEntry, values map[string]string) v1alpha1.InventoryEntry {
	b.t.Helper()
	entry, err := b.hands.Puts.Apply(b.t.Context(), o, entry, values)
	if err != nil {
		b.t.Fatal(err)
	}
	return entry
}

func (b *bench) live(o Object) *unstructured.Unstructured {
	b.t.Helper()
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(o.Manifest.GroupVersionKind())
	if err := b.client.Get(b.t.Context(), keyOf(o.ID), live); err != nil {
		b.t.Fatal(err)
	}
	return live
}

// edit changes the live object as a field manager does.
func (b *bench) edit(o Object, manager string, change func(*unstructured.Unstructured)) {
	b.t.Helper()
	live := b.live(o)
	change(live)
	if err := b.client.Update(b.t.Context(), live, client.FieldOwner(manager)); err != nil {
		b.t.Fatal(err)
	}
}

func theirs(labels map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "a", UID: "theirs", Labels: labels},
		Data:       map[string]string{"key": "theirs"},
	}
}
