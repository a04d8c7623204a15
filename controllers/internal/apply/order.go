package apply

import (
	"iter"
	"slices"

	"github.com/fluxcd/cli-utils/pkg/object"
	"github.com/fluxcd/pkg/ssa"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The stages of an apply. A stage begins when the one before it stands.
const (
	// ApplyDefinitions: namespaces and CRDs, then established.
	ApplyDefinitions = iota
	// ApplySecrets: before the workloads that read them.
	ApplySecrets
	// ApplyRest: everything else.
	ApplyRest
	applyStages
)

// The stages of a removal. A stage begins when the one before it is gone.
const (
	// RemoveWorkloads: whatever may run pods, custom kinds among it.
	RemoveWorkloads = iota
	// RemovePassive: Secrets, configuration, networking.
	RemovePassive
	// RemoveAccess: service accounts and RBAC, which the stages before may need.
	RemoveAccess
	// RemoveCRDs: without anybody's instances.
	RemoveCRDs
	// RemoveNamespaces: empty of anybody's objects.
	RemoveNamespaces
	removalStages
)

var (
	crd       = schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}
	namespace = schema.GroupKind{Kind: "Namespace"}

	dataClaim  = schema.GroupKind{Kind: "PersistentVolumeClaim"}
	dataVolume = schema.GroupKind{Kind: "PersistentVolume"}

	statefulSet = schema.GroupKind{Group: "apps", Kind: "StatefulSet"}
)

// passive kinds run nothing and have no status to wait for.
var passive = map[schema.GroupKind]bool{
	{Kind: "Secret"}:         true,
	{Kind: "ConfigMap"}:      true,
	{Kind: "ServiceAccount"}: true,
	{Kind: "LimitRange"}:     true,
	{Kind: "ResourceQuota"}:  true,
	{Group: "networking.k8s.io", Kind: "NetworkPolicy"}:              true,
	{Group: "networking.k8s.io", Kind: "IngressClass"}:               true,
	{Group: "scheduling.k8s.io", Kind: "PriorityClass"}:              true,
	{Group: "storage.k8s.io", Kind: "StorageClass"}:                  true,
	{Group: "rbac.authorization.k8s.io", Kind: "Role"}:               true,
	{Group: "rbac.authorization.k8s.io", Kind: "RoleBinding"}:        true,
	{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole"}:        true,
	{Group: "rbac.authorization.k8s.io", Kind: "ClusterRoleBinding"}: true,
}

// quiet kinds run nothing, though they have a status.
var quiet = map[schema.GroupKind]bool{
	{Kind: "Service"}:                                       true,
	{Kind: "PersistentVolumeClaim"}:                         true,
	{Kind: "PersistentVolume"}:                              true,
	{Group: "networking.k8s.io", Kind: "Ingress"}:           true,
	{Group: "policy", Kind: "PodDisruptionBudget"}:          true,
	{Group: "autoscaling", Kind: "HorizontalPodAutoscaler"}: true,
}

func groupKind(id ID) schema.GroupKind { return schema.GroupKind{Group: id.Group, Kind: id.Kind} }

// IsSecret reports whether an object is a Secret of the core group.
func IsSecret(id ID) bool { return groupKind(id) == schema.GroupKind{Kind: "Secret"} }

// HoldsValue says of an object, by its content digest, whether it was sealed. An apply that
// was cut short, and one that was adopted, have no digest in the inventory; but no Secret is
// placed that is not sealed or without values.
func HoldsValue(id ID, content string) bool { return content != "" || IsSecret(id) }

// Passive reports whether an object of this kind is healthy once it exists.
func Passive(id ID) bool { return passive[groupKind(id)] }

// RemovalStage is when an object goes.
func RemovalStage(id ID) int {
	switch kind := groupKind(id); {
	case kind == namespace:
		return RemoveNamespaces
	case kind == crd:
		return RemoveCRDs
	case kind.Group == "rbac.authorization.k8s.io" || kind == schema.GroupKind{Kind: "ServiceAccount"}:
		return RemoveAccess
	case passive[kind] || quiet[kind]:
		return RemovePassive
	default:
		return RemoveWorkloads
	}
}

func applyStage(id ID) int {
	switch kind := groupKind(id); {
	case kind == namespace || kind == crd:
		return ApplyDefinitions
	case IsSecret(id):
		return ApplySecrets
	default:
		return ApplyRest
	}
}

// Stages sorts objects into the stages of an apply, each in Flux's order.
func Stages(objects []Object) [][]Object {
	stages := make([][]Object, applyStages)
	for _, o := range objects {
		stage := applyStage(o.ID)
		stages[stage] = append(stages[stage], o)
	}
	for _, stage := range stages {
		slices.SortStableFunc(stage, func(a, b Object) int { return order(a.ID, b.ID) })
	}
	return stages
}

// Alike parts the objects of a stage by kind, in their order. Objects of one kind
// need none of each other.
func Alike(stage []Object) iter.Seq[[]Object] {
	return func(yield func([]Object) bool) {
		for from, to := 0, 0; from < len(stage); from = to {
			for to < len(stage) && groupKind(stage[to].ID) == groupKind(stage[from].ID) {
				to++
			}
			if !yield(stage[from:to]) {
				return
			}
		}
	}
}

// Removals sorts ids into the stages of a removal, each in the reverse
// of Flux's order.
func Removals(ids []ID) [][]ID {
	stages := make([][]ID, removalStages)
	for _, id := range ids {
		stage := RemovalStage(id)
		stages[stage] = append(stages[stage], id)
	}
	for _, stage := range stages {
		slices.SortFunc(stage, func(a, b ID) int { return order(b, a) })
	}
	return stages
}

func order(a, b ID) int {
	both := ssa.SortableMetas{objMetadata(a), objMetadata(b)}
	switch {
	case both.Less(0, 1):
		return -1
	case both.Less(1, 0):
		return 1
	}
	return 0
}

func objMetadata(id ID) object.ObjMetadata {
	return object.ObjMetadata{Namespace: id.Namespace, Name: id.Name, GroupKind: groupKind(id)}
}
