// Package scope says which kinds are cluster-scoped, and which are Kubernetes' own.
package scope

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// clusterScoped lists the cluster-scoped kinds of Kubernetes itself, as
// "Kind.group". A build is a pure function of the tree, so no API server is
// asked; and no schema that the tree could change is trusted.
var clusterScoped = func() map[string]bool {
	kinds := map[string]bool{}
	for group, names := range map[string]string{
		"": "Namespace Node PersistentVolume ComponentStatus",
		"admissionregistration.k8s.io": "MutatingWebhookConfiguration ValidatingWebhookConfiguration " +
			"ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding MutatingAdmissionPolicy MutatingAdmissionPolicyBinding",
		"apiextensions.k8s.io":         "CustomResourceDefinition",
		"apiregistration.k8s.io":       "APIService",
		"authentication.k8s.io":        "TokenReview SelfSubjectReview",
		"authorization.k8s.io":         "SubjectAccessReview SelfSubjectAccessReview SelfSubjectRulesReview",
		"certificates.k8s.io":          "CertificateSigningRequest ClusterTrustBundle",
		"flowcontrol.apiserver.k8s.io": "FlowSchema PriorityLevelConfiguration",
		"imagepolicy.k8s.io":           "ImageReview",
		"internal.apiserver.k8s.io":    "StorageVersion",
		"networking.k8s.io":            "IngressClass IPAddress ServiceCIDR",
		"node.k8s.io":                  "RuntimeClass",
		"policy":                       "PodSecurityPolicy",
		"rbac.authorization.k8s.io":    "ClusterRole ClusterRoleBinding",
		"resource.k8s.io":              "DeviceClass ResourceSlice DeviceTaintRule",
		"scheduling.k8s.io":            "PriorityClass",
		"storage.k8s.io":               "StorageClass CSIDriver CSINode VolumeAttachment VolumeAttributesClass",
		"storagemigration.k8s.io":      "StorageVersionMigration",
	} {
		for _, kind := range strings.Fields(names) {
			kinds[schema.GroupKind{Group: group, Kind: kind}.String()] = true
		}
	}
	return kinds
}()

// Builtin reports whether a group is Kubernetes' own, whose kinds are all
// known here.
func Builtin(group string) bool {
	return slices.Contains([]string{"", "apps", "batch", "autoscaling", "policy", "extensions"}, group) ||
		strings.HasSuffix(group, ".k8s.io") && !strings.HasSuffix(group, ".x-k8s.io") && clusterGroups[group]
}

var clusterGroups = func() map[string]bool {
	groups := map[string]bool{"coordination.k8s.io": true, "discovery.k8s.io": true, "events.k8s.io": true}
	for name := range clusterScoped {
		_, group, _ := strings.Cut(name, ".")
		groups[group] = true
	}
	return groups
}()

// Scopes tell which kinds of a build are cluster-scoped: those of Kubernetes;
// for any other group what the build's own CustomResourceDefinitions say, and
// what the placement's allow list says. An unknown kind counts as namespaced.
type Scopes struct {
	own     map[string]bool // cluster-scoped, by "Kind.group"
	allowed map[string]bool
}

// New returns the scopes under a placement's allow list, whose items are "Kind.group".
func New(allowed []string) Scopes {
	s := Scopes{own: map[string]bool{}, allowed: map[string]bool{}}
	for _, name := range allowed {
		s.allowed[name] = true
	}
	return s
}

// Learn takes what a built object says of kinds, if it is a CustomResourceDefinition.
func (s Scopes) Learn(u *unstructured.Unstructured) {
	if u.GroupVersionKind().GroupKind().String() != "CustomResourceDefinition.apiextensions.k8s.io" {
		return
	}
	group, _, _ := unstructured.NestedString(u.Object, "spec", "group")
	kind, _, _ := unstructured.NestedString(u.Object, "spec", "names", "kind")
	scope, _, _ := unstructured.NestedString(u.Object, "spec", "scope")
	s.own[schema.GroupKind{Group: group, Kind: kind}.String()] = scope == "Cluster"
}

// Allowed reports whether the allow list has a kind.
func (s Scopes) Allowed(gk schema.GroupKind) bool { return s.allowed[gk.String()] }

// Cluster reports whether a kind is cluster-scoped.
func (s Scopes) Cluster(gk schema.GroupKind) bool {
	name := gk.String()
	if Builtin(gk.Group) {
		return clusterScoped[name]
	}
	if cluster, ok := s.own[name]; ok {
		return cluster
	}
	return s.allowed[name]
}
