// Package live reads the Secrets that a cluster has.
package live

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/importcmd/haul"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/kube"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// Reader reads Secrets of one namespace.
type Reader struct {
	Cluster   *kube.Cluster
	Namespace string
	// Names are those to read: NAME, or KIND/NAME of an object that makes a Secret.
	// None means all that Selector fits.
	Names    []string
	Selector string
}

// Read asks the cluster.
func (r *Reader) Read(ctx context.Context) (*haul.Haul, error) {
	h := &haul.Haul{}
	if len(r.Names) == 0 {
		all, err := r.Cluster.Secrets(ctx, r.Namespace, r.Selector)
		if err != nil {
			return nil, err
		}
		if len(all) == 0 {
			return nil, fault.New("`kubectl -n "+r.Namespace+" get secrets` lists them",
				"there is no Secret in namespace %q of %s", r.Namespace, r.Cluster.Where)
		}
		for _, secret := range all {
			r.take(h, secret)
		}
		return h, nil
	}
	for _, named := range r.Names {
		secret, err := r.named(ctx, named)
		switch {
		case err != nil:
			return nil, err
		case secret == nil:
			h.Leave(named, fmt.Sprintf("it is not in namespace %q of %s, or has made no Secret", r.Namespace, r.Cluster.Where),
				"`kubectl -n "+r.Namespace+" get secrets` lists them")
		default:
			r.take(h, secret)
		}
	}
	return h, nil
}

// named finds a Secret by its name, or by what makes it.
func (r *Reader) named(ctx context.Context, text string) (*corev1.Secret, error) {
	kind, name, ok := strings.Cut(text, "/")
	if !ok || kind == "secret" {
		return r.Cluster.Secret(ctx, r.Namespace, strings.TrimPrefix(text, "secret/"))
	}
	secret, known, err := r.Cluster.MadeBy(ctx, strings.ToLower(kind), r.Namespace, name)
	switch {
	case err != nil:
		return nil, err
	case !known:
		return nil, fault.NewUsage("NAME, or externalsecret/NAME, vaultstaticsecret/NAME, sealedsecret/NAME",
			"%.60q makes no Secrets that are known", kind)
	case secret == "":
		return nil, nil
	}
	return r.Cluster.Secret(ctx, r.Namespace, secret)
}

// notOurs are types whose Secrets somebody else makes, and would make again.
var notOurs = map[corev1.SecretType]string{
	corev1.SecretTypeServiceAccountToken: "the cluster makes it itself, for a ServiceAccount",
	corev1.SecretTypeBootstrapToken:      "the cluster uses it for nodes that join",
	"helm.sh/release.v1":                 "Helm keeps a release in it",
}

func (r *Reader) take(h *haul.Haul, secret *corev1.Secret) {
	what := "secret " + secret.Namespace + "/" + secret.Name
	why := notOurs[secret.Type]
	switch {
	case secret.Labels[v1alpha1.OwnerLabel] != "":
		why = "bulla delivers it already, for placement " + secret.Labels[v1alpha1.OwnerLabel]
	case secret.DeletionTimestamp != nil:
		why = "it is being deleted"
	}
	if why != "" {
		h.Leave(what, why, "")
		return
	}
	item := haul.Item{From: what + " of " + r.Cluster.Where, Secret: secret, Live: true}
	for _, owner := range secret.OwnerReferences {
		item.Todo = append(item.Todo, ownedBy(secret, owner.Kind, owner.Name, kube.Maker(owner)))
	}
	h.Items = append(h.Items, item)
}

// ownedBy says what to do about another controller that makes the Secret: two would
// write it in turns.
func ownedBy(secret *corev1.Secret, kind, name, resource string) string {
	text := fmt.Sprintf("%s %s/%s makes Secret %s: take it out before you merge, where it is applied from too, and keep "+
		"the Secret", printable.Word(kind), printable.Word(secret.Namespace), printable.Word(name),
		printable.Word(secret.Name))
	return text + haul.Orphan(secret.Namespace, resource, name)
}
