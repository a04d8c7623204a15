package values

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// owned are labels and annotations, or prefixes of them up to a slash, by which
// somebody takes an object for its own: it may change it, or delete it as
// something that it does not want any more.
var owned = []string{
	"app.kubernetes.io/managed-by", "applyset.kubernetes.io/", "addonmanager.kubernetes.io/", "kubectl.kubernetes.io/",
	"argocd.argoproj.io/tracking-id", "argocd.argoproj.io/instance", "argocd.argoproj.io/managed-by",
	"argocd.argoproj.io/installation-id",
	"meta.helm.sh/", "helm.sh/chart", "helm.sh/hook", "helm.sh/hook-weight", "helm.sh/hook-delete-policy",
	"helm.sh/resource-policy", "heritage", "chart", "release",
	"kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/", "fluxcd.io/",
	"config.kubernetes.io/", "internal.config.kubernetes.io/", "config.k8s.io/", "cli-utils.sigs.k8s.io/",
	"sealedsecrets.bitnami.com/", "reconcile.external-secrets.io/", "external-secrets.io/", "secrets-store.csi.k8s.io/",
	"objectset.rio.cattle.io/", "fleet.cattle.io/", "kapp.k14s.io/", "olm.owner", "olm.owner.kind", "olm.owner.namespace",
	"operators.coreos.com/",
	"generate.kyverno.io/", "reflector.v1.k8s.emberstack.com/", "velero.io/", "cert-manager.io/",
	"controller.cert-manager.io/",
	"vault.security.banzaicloud.io/", "secrets.hashicorp.com/", "crossplane.io/", "app.terraform.io/", "pulumi.com/",
	corev1.ServiceAccountUIDKey,
}

// instructions are those of bulla's own annotations that are written by people.
var instructions = []string{
	v1alpha1.ForceAnnotation, v1alpha1.PruneAnnotation, "bulla.dev/take-over",
	"bulla.dev/reconcile",
}

// exported are marks that people write too: they are left out of an object that
// was read from a cluster.
var exported = []string{"app.kubernetes.io/instance", "app.kubernetes.io/part-of"}

// marks parts what belongs to another owner, or holds a value, from what comes
// along. It returns the latter and names the former.
func marks(what string, all map[string]string, live bool, set Set) (kept map[string]string, left []string) {
	kept = map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		switch {
		case isOwned(key), live && slices.Contains(exported, key):
			left = append(left, fmt.Sprintf("%s %s", what, printable.Name(key)))
		case isCopy(key, all[key]):
			left = append(left, fmt.Sprintf("%s %s, which is a tool's copy of a Secret", what, printable.Name(key)))
		case set.shows(all[key]):
			left = append(left, fmt.Sprintf("%s %s, which holds a value that is sealed", what, printable.Name(key)))
		default:
			kept[key] = all[key]
		}
	}
	if len(kept) == 0 {
		return nil, left
	}
	return kept, left
}

func isOwned(key string) bool {
	if strings.HasPrefix(key, api.Group+"/") {
		return !slices.Contains(instructions, key)
	}
	return slices.ContainsFunc(owned, func(mark string) bool {
		return key == mark || strings.HasSuffix(mark, "/") && strings.HasPrefix(key, mark)
	})
}
