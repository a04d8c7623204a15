package built

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestTheDigestOfABuildStays: each Delivery of each fleet would apply again.
func TestTheDigestOfABuildStays(t *testing.T) {
	object := func(name string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"namespace": "ns", "name": name},
			"spec": map[string]any{"replicas": int64(3), "text": "a < b && c > d"},
		}}
	}
	got, err := Digest([]Object{{Unstructured: object("b"), Stub: &Stub{Digest: "sha256:s"}}, {Unstructured: object("a")}})
	const pinned = "sha256:0a233fe9c8cdcf3fad0517a281621050fdee3efff0e30e7a0c2b89775fc41dd6"
	if err != nil || got != pinned {
		t.Errorf("digest %s, %v; want %s", got, err, pinned)
	}
}
