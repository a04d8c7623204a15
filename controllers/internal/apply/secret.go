package apply

import (
	"encoding/base64"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/bulla-dev/bulla/controllers/internal/inventory"
)

// ValueError says that a sealed value cannot stand in a Secret. It names the
// field, never the value.
type ValueError struct {
	Object, Field, Problem string
}

func (e *ValueError) Error() string { return fmt.Sprintf("%s: %s: %s", e.Object, e.Field, e.Problem) }

// BuildSecret makes the Secret to apply from a sealed object's template and its
// values by pointer. It is typed, so that nothing but bytes under data ever
// comes from a value: what the API server would refuse and quote is refused
// here first, by field.
func BuildSecret(o Object, values map[string]string) (*corev1ac.SecretApplyConfiguration, error) {
	fail := func(field, problem string) error {
		return &ValueError{Object: inventory.Describe(o.ID), Field: field, Problem: problem}
	}
	m := o.Manifest
	if m.GetAPIVersion() != "v1" || m.GetKind() != "Secret" {
		return nil, fail("kind", "only v1/Secret is delivered sealed")
	}
	secret := corev1ac.Secret(m.GetName(), m.GetNamespace()).
		WithLabels(m.GetLabels()).WithAnnotations(m.GetAnnotations())
	kind, _, err := unstructured.NestedString(m.Object, "type")
	if err != nil {
		return nil, fail("type", "not text")
	}
	if kind != "" {
		secret.WithType(corev1.SecretType(kind))
	}
	immutable, says, err := unstructured.NestedBool(m.Object, "immutable")
	if err != nil {
		return nil, fail("immutable", "neither true nor false")
	}
	if says {
		secret.WithImmutable(immutable)
	}
	data := map[string][]byte{}
	public, _, err := unstructured.NestedStringMap(m.Object, "data")
	if err != nil {
		return nil, fail("/data", "not a map of strings")
	}
	for key, text := range public {
		if data[key], err = base64.StdEncoding.DecodeString(text); err != nil {
			return nil, fail("/data/"+key, "not base64")
		}
	}
	for pointer, text := range values {
		key, ok := dataKey(pointer)
		if !ok || len(validation.IsConfigMapKey(key)) > 0 {
			return nil, fail("values", "a pointer is not /data/KEY")
		}
		if _, twice := data[key]; twice {
			return nil, fail(pointer, "both in the template and sealed")
		}
		if data[key], err = base64.StdEncoding.DecodeString(text); err != nil {
			return nil, fail(pointer, "not base64")
		}
	}
	for _, key := range o.Keys {
		if _, ok := data[key]; !ok {
			return nil, fail("/data/"+key, "has no value")
		}
	}
	if len(data) != len(o.Keys) {
		return nil, fail("/data", fmt.Sprintf("has keys beside %q", slices.Sorted(slices.Values(o.Keys))))
	}
	return secret.WithData(data), nil
}
