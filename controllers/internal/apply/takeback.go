package apply

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/fluxcd/pkg/ssa"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

// people are the field managers of hands, as Flux has the list: what kubectl
// added to an object is taken back, what controllers add (an autoscaler, an
// injector) is theirs. FieldManager itself is there for what it wrote other than
// by an apply.
var people = []ssa.FieldManager{
	{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationApply},
	{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationUpdate},
	{Name: "before-first-apply", OperationType: metav1.ManagedFieldsOperationUpdate},
	{Name: FieldManager, OperationType: metav1.ManagedFieldsOperationUpdate, ExactMatch: true},
}

// deployers are others who make objects stand as somebody wrote them: an object
// that is taken over from one of them keeps nothing of it.
var deployers = both("helm", "argocd", "kustomize-controller", "flux")

func both(names ...string) []ssa.FieldManager {
	var managers []ssa.FieldManager
	for _, name := range names {
		managers = append(managers, ssa.FieldManager{Name: name, OperationType: metav1.ManagedFieldsOperationApply},
			ssa.FieldManager{Name: name, OperationType: metav1.ManagedFieldsOperationUpdate})
	}
	return managers
}

// ByHand reports whether somebody changed an object with kubectl since the last
// apply, which takes such changes back.
func ByHand(fields []metav1.ManagedFieldsEntry) bool {
	return slices.ContainsFunc(fields, func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Subresource == "" && slices.ContainsFunc(people, func(hand ssa.FieldManager) bool {
			return !hand.ExactMatch && entry.Operation == hand.OperationType && strings.HasPrefix(entry.Manager,
				hand.Name)
		})
	})
}

// takeBack makes fields of people ours, so that the apply that follows drops
// those that Git does not have. Of an object that is taken over, it makes those
// of other deployers ours too, and cuts what another object owns loose: the
// garbage collector would delete it.
func (p *Puts) takeBack(ctx context.Context, o Object, live *metav1.PartialObjectMetadata, takenOver bool) (*metav1.PartialObjectMetadata, error) {
	managers := people
	if takenOver {
		managers = slices.Concat(people, deployers)
	}
	object := &unstructured.Unstructured{Object: map[string]any{}}
	object.SetManagedFields(slices.Clone(live.ManagedFields))
	moved, err := ssa.PatchReplaceFieldsManagers(object, managers, FieldManager)
	if err != nil {
		return nil, err
	}
	orphans := takenOver && o.takesOver() && len(live.OwnerReferences) > 0
	if len(moved) == 0 && !orphans {
		return live, nil
	}
	patch := []any{operation{Op: "test", Path: "/metadata/resourceVersion", Value: live.ResourceVersion}}
	for _, one := range moved {
		patch = append(patch, one)
	}
	if orphans {
		patch = append(patch, operation{Op: "remove", Path: "/metadata/ownerReferences"})
	}
	return p.patch(ctx, live, patch)
}

// operation is one of an RFC 6902 patch.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value string `json:"value,omitempty"`
}

func (p *Puts) patch(ctx context.Context, live *metav1.PartialObjectMetadata, patch []any) (*metav1.PartialObjectMetadata, error) {
	raw, err := json.Marshal(patch)
	if err != nil {
		return nil, err
	}
	next := refOf(live)
	if err := p.writer.Patch(ctx, next, client.RawPatch(types.JSONPatchType, raw), client.FieldOwner(FieldManager)); err != nil {
		return nil, err
	}
	next.SetGroupVersionKind(live.GroupVersionKind())
	return next, nil
}

// added are the keys of a live Secret that are neither sealed nor of the template.
func (o Object) added(data map[string][]byte) []string {
	var added []string
	for _, key := range slices.Sorted(maps.Keys(data)) {
		if !slices.Contains(o.Keys, key) {
			added = append(added, key)
		}
	}
	return added
}

// dropKeys takes keys out of the very Secret that was just applied, and gives its
// new version.
func (p *Puts) dropKeys(ctx context.Context, id ID, entry v1alpha1.InventoryEntry, keys []string) (string, error) {
	drop := map[string]any{}
	for _, key := range keys {
		drop[key] = nil
	}
	raw, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": entry.UID, "resourceVersion": entry.ResourceVersion}, "data": drop,
	})
	if err != nil {
		return "", err
	}
	ref := &metav1.PartialObjectMetadata{}
	ref.Kind, ref.APIVersion, ref.Namespace, ref.Name = "Secret", "v1", id.Namespace, id.Name
	if err := p.writer.Patch(ctx, ref, client.RawPatch(types.MergePatchType, raw), client.FieldOwner(FieldManager)); err != nil {
		return "", err
	}
	return ref.ResourceVersion, nil
}

// takesOver: Git says that this object may be taken over from somebody else.
func (o Object) takesOver() bool {
	return o.Manifest.GetAnnotations()[v1alpha1.TakeOverAnnotation] == "true"
}
