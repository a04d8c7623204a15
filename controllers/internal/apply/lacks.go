package apply

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/kustomize/workload"
)

// Lacks names something that an object's pods cannot start without and that does
// not exist, "" when everything does. known are the objects that this placement
// applied: they are not asked for again, and their keys are known.
func (l *Live) Lacks(ctx context.Context, o Object, known map[ID]Object) (string, error) {
	if !runs(o) {
		return "", nil
	}
	for _, ref := range o.Reads {
		id := IDOf(ref, o.ID.Namespace)
		if ref.Optional || id.Namespace == "" {
			continue
		}
		if own, ok := known[id]; ok {
			for _, key := range ref.Keys {
				if !own.has(key) {
					return fmt.Sprintf("%s has no key %q, which %s names at %s", inventory.Describe(id), key,
						inventory.Describe(o.ID), ref.Path), nil
				}
			}
			continue
		}
		live, err := l.metadata(ctx, id, schema.GroupVersionKind{Version: "v1", Kind: id.Kind})
		if err != nil {
			return "", fmt.Errorf("look for %s, which %s names: %w", inventory.Describe(id),
				inventory.Describe(o.ID), err)
		}
		if live == nil {
			return fmt.Sprintf("%s does not exist, and %s names it at %s", inventory.Describe(id),
				inventory.Describe(o.ID), ref.Path), nil
		}
	}
	return "", nil
}

// runs reports whether an object has pods to start that name something.
func runs(o Object) bool {
	if len(o.Reads) == 0 || len(workload.Templates(o.Manifest.Object)) == 0 {
		return false
	}
	_, rests := rests(o.Manifest)
	suspended, _, _ := unstructured.NestedBool(o.Manifest.Object, "spec", "suspend")
	return !rests && !suspended
}

// has reports whether an object, once applied, has a key.
func (o Object) has(key string) bool {
	if o.Sealed() {
		return slices.Contains(o.Keys, key)
	}
	for _, field := range []string{"data", "binaryData"} {
		if _, ok, _ := unstructured.NestedFieldNoCopy(o.Manifest.Object, field, key); ok {
			return true
		}
	}
	return false
}
