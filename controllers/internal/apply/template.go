package apply

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

// annotateTemplates writes into the object's pod template, if it has one, the
// content digest of every sealed Secret of this build that the template uses:
// a changed value changes the template, and the workload rolls once.
func annotateTemplates(u *unstructured.Unstructured, contents map[ID]string) {
	path := templatePath(u)
	if path == nil || len(contents) == 0 {
		return
	}
	spec, ok, _ := unstructured.NestedMap(u.Object, append(path, "spec")...)
	if !ok {
		return
	}
	annotations, _, err := unstructured.NestedStringMap(u.Object, append(path, "metadata", "annotations")...)
	if err != nil {
		return // not a pod template after all
	}
	changed := false
	for name := range secretNames(spec) {
		content, ok := contents[ID{Kind: "Secret", Namespace: u.GetNamespace(), Name: name}]
		if !ok {
			continue
		}
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[contentKey(name)] = content
		changed = true
	}
	if changed {
		_ = unstructured.SetNestedStringMap(u.Object, annotations, append(path, "metadata", "annotations")...)
	}
}

// templatePath says where an object keeps its pod template: nil for none.
// Custom kinds that hold one at spec.template roll as Deployments do. A Job's
// is immutable and runs once: a rotation has nothing to roll there.
func templatePath(u *unstructured.Unstructured) []string {
	gvk := u.GroupVersionKind()
	switch {
	case gvk.Group == "batch" && gvk.Kind == "Job":
		return nil
	case gvk.Group == "batch" && gvk.Kind == "CronJob":
		return []string{"spec", "jobTemplate", "spec", "template"}
	}
	if _, ok, err := unstructured.NestedSlice(u.Object, "spec", "template", "spec", "containers"); ok && err == nil {
		return []string{"spec", "template"}
	}
	return nil
}

// reads gives the names of the Secrets that an object's pods read: of what has a
// pod template, of a Job, which rotation does not touch, and of a bare Pod.
func reads(u *unstructured.Unstructured) []string {
	path := templatePath(u)
	gvk := u.GroupVersionKind()
	switch {
	case gvk.Group == "batch" && gvk.Kind == "Job":
		path = []string{"spec", "template"}
	case gvk.Group == "" && gvk.Kind == "Pod":
		path = []string{}
	case path == nil:
		return nil
	}
	spec, ok, _ := unstructured.NestedMap(u.Object, append(path, "spec")...)
	if !ok {
		return nil
	}
	return slices.Sorted(maps.Keys(secretNames(spec)))
}

// secretNames are the Secrets that a pod spec reads: envFrom, env, volumes and
// projected volumes.
func secretNames(spec map[string]any) map[string]bool {
	names := map[string]bool{}
	add := func(from map[string]any, path ...string) {
		if name, ok, _ := unstructured.NestedString(from, path...); ok && name != "" {
			names[name] = true
		}
	}
	for _, list := range []string{"containers", "initContainers"} {
		for _, container := range mapsIn(spec, list) {
			for _, source := range mapsIn(container, "envFrom") {
				add(source, "secretRef", "name")
			}
			for _, env := range mapsIn(container, "env") {
				add(env, "valueFrom", "secretKeyRef", "name")
			}
		}
	}
	for _, volume := range mapsIn(spec, "volumes") {
		add(volume, "secret", "secretName")
		projected, _, _ := unstructured.NestedMap(volume, "projected")
		for _, source := range mapsIn(projected, "sources") {
			add(source, "secret", "name")
		}
	}
	return names
}

// mapsIn gives the maps in a list field, skipping anything else.
func mapsIn(from map[string]any, field string) []map[string]any {
	list, _, _ := unstructured.NestedSlice(from, field)
	var out []map[string]any
	for _, item := range list {
		if m, ok := item.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// contentKey is bulla.dev/content-NAME. The part after the slash has at most 63
// characters: longer names end in a hash of the whole.
func contentKey(name string) string {
	const room = 63 - len("content-")
	if len(name) > room {
		sum := sha256.Sum256([]byte(name))
		suffix := hex.EncodeToString(sum[:8])
		name = name[:room-len(suffix)-1] + "-" + suffix
	}
	return v1alpha1.ContentAnnotation + "-" + name
}
