package apply

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/kustomize/workload"
)

// annotateTemplates writes into the object's pod templates that roll the content
// digest of every sealed Secret of this build that their pods use: a changed value
// changes the template, and the workload rolls once.
func annotateTemplates(u *unstructured.Unstructured, contents map[ID]string) {
	if len(contents) == 0 {
		return
	}
	for _, template := range workload.Templates(u.Object) {
		if !template.Rolls {
			continue
		}
		path := append(slices.Clone(template.Path), "metadata", "annotations")
		annotations, _, err := unstructured.NestedStringMap(u.Object, path...)
		if err != nil {
			continue // not a pod template after all
		}
		changed := false
		for _, ref := range workload.Reads(u.Object) {
			content, ok := contents[IDOf(ref, u.GetNamespace())]
			if !ok || ref.PullsOnly() {
				continue
			}
			if annotations == nil {
				annotations = map[string]string{}
			}
			annotations[ContentKey(ref.Name)] = content
			changed = true
		}
		if changed {
			_ = unstructured.SetNestedStringMap(u.Object, annotations, path...)
		}
	}
}

// IDOf is the id of what an object in a namespace names.
func IDOf(ref workload.Ref, namespace string) ID {
	if ref.Namespace != "" {
		namespace = ref.Namespace
	}
	return ID{Kind: ref.Kind, Namespace: namespace, Name: ref.Name}
}

// ContentKey is bulla.dev/content-NAME. The part after the slash has at most 63
// characters: longer names end in a hash of the whole.
func ContentKey(name string) string {
	const room = 63 - len("content-")
	if len(name) > room {
		sum := sha256.Sum256([]byte(name))
		suffix := hex.EncodeToString(sum[:8])
		name = name[:room-len(suffix)-1] + "-" + suffix
	}
	return v1alpha1.ContentAnnotation + "-" + name
}
