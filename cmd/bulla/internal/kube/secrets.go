package kube

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/bulla-dev/bulla/api/fault"
)

var secrets = corev1.SchemeGroupVersion.WithResource("secrets")

// Secrets are all of a namespace that a selector fits; "" fits all.
func (c *Cluster) Secrets(ctx context.Context, namespace, selector string) ([]*corev1.Secret, error) {
	list, err := c.client.Resource(secrets).Namespace(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, fault.New("may you list secrets there?", "read Secrets of %s, namespace %q: %w", c.Where, namespace, err)
	}
	var all []*corev1.Secret
	for i := range list.Items {
		secret, err := secretOf(&list.Items[i])
		if err != nil {
			return nil, err
		}
		all = append(all, secret)
	}
	return all, nil
}

// Secret is one by its name, nil where there is none.
func (c *Cluster) Secret(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	object, err := c.get(ctx, secrets, namespace, name)
	if err != nil || object == nil {
		return nil, err
	}
	return secretOf(object)
}

func (c *Cluster) get(
	ctx context.Context, kind schema.GroupVersionResource, namespace, name string,
) (*unstructured.Unstructured, error) {
	object, err := c.client.Resource(kind).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fault.New("may you get "+kind.Resource+" there?", "read %s %q of %s, namespace %q: %w",
			kind.Resource, name, c.Where, namespace, err)
	}
	return object, nil
}

// secretOf never quotes what it reads.
func secretOf(object *unstructured.Unstructured) (*corev1.Secret, error) {
	data, err := json.Marshal(object.Object)
	secret := &corev1.Secret{}
	if err != nil || json.Unmarshal(data, secret) != nil {
		return nil, fault.New("is it a Kubernetes API server?", "read Secret %q: it is none", object.GetName())
	}
	return secret, nil
}

// maker is a kind that makes a Secret, and the field that may name it.
type maker struct {
	kind schema.GroupVersionResource
	name []string
}

// makers are kinds of other operators, by the word that people write for them.
var makers = map[string]maker{
	"sealedsecret": {schema.GroupVersionResource{Group: "bitnami.com", Version: "v1alpha1",
		Resource: "sealedsecrets"}, nil},
	"externalsecret": {schema.GroupVersionResource{Group: "external-secrets.io", Version: "v1",
		Resource: "externalsecrets"}, []string{"spec", "target", "name"}},
	"vaultstaticsecret": {schema.GroupVersionResource{Group: "secrets.hashicorp.com", Version: "v1beta1",
		Resource: "vaultstaticsecrets"}, []string{"spec", "destination", "name"}},
}

// MadeBy is the name of the Secret that an object of another operator makes, "" where
// there is no such object. known is whether kind is one that is known.
func (c *Cluster) MadeBy(ctx context.Context, kind, namespace, name string) (secret string, known bool, err error) {
	m, known := makers[kind]
	if !known {
		return "", false, nil
	}
	object, err := c.get(ctx, m.kind, namespace, name)
	if err != nil || object == nil {
		return "", true, err
	}
	if secret, _, err = unstructured.NestedString(object.Object, m.name...); m.name == nil || err != nil || secret == "" {
		secret = name
	}
	return secret, true, nil
}

// Maker is the word for a kind that makes Secrets as people give it to kubectl, "" for
// one that is not known.
func Maker(ref metav1.OwnerReference) string {
	for _, m := range makers {
		group, _ := schema.ParseGroupVersion(ref.APIVersion)
		if group.Group == m.kind.Group && kindsOf[m.kind.Resource] == ref.Kind {
			return fmt.Sprintf("%s.%s", m.kind.Resource, m.kind.Group)
		}
	}
	return ""
}

var kindsOf = map[string]string{ //nolint:gosec // kinds, no credentials
	"sealedsecrets": "SealedSecret", "externalsecrets": "ExternalSecret", "vaultstaticsecrets": "VaultStaticSecret",
}
