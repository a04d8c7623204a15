package check

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/internal/scope"
)

// podSecurity begins the labels by which a Namespace's pods are admitted.
const podSecurity = "pod-security.kubernetes.io/"

// checkPodSecurity wants a reviewed line for what decides what pods may do to the
// node: a folder alone could make its namespace privileged, whatever the cluster's
// own default is.
func checkPodSecurity(p *api.Placement, _ scope.Scopes, o built.Object) string {
	if o.GroupVersionKind().GroupKind().String() != "Namespace" || p.Spec.Allow != nil && p.Spec.Allow.PodSecurity {
		return ""
	}
	metadata, _ := o.Object["metadata"].(map[string]any)
	labels, _ := metadata["labels"].(map[string]any)
	for label := range labels {
		if strings.HasPrefix(label, podSecurity) {
			return fmt.Sprintf("sets the label %q; the placement needs allow.podSecurity", label)
		}
	}
	return ""
}

// labelled are the places whose labels end on live objects: a Pod made from a
// template with the owner label would pass for an object of that placement.
var labelled = [][]string{
	{"metadata"},
	{"spec", "template", "metadata"},
	{"spec", "jobTemplate", "metadata"},
	{"spec", "jobTemplate", "spec", "template", "metadata"},
}

// checkMarks refuses what would make the controller take the object for
// another's, and what would let the garbage collector delete it.
func checkMarks(_ *api.Placement, _ scope.Scopes, o built.Object) string {
	for _, place := range labelled {
		labels, _, err := unstructured.NestedMap(o.Object, append(slices.Clone(place), "labels")...)
		if err != nil {
			return fmt.Sprintf("cannot be read: %v", err)
		}
		for _, label := range []string{v1alpha1.OwnerLabel, v1alpha1.FleetLabel} {
			if _, ok := labels[label]; ok {
				return fmt.Sprintf("label %s is bulla's own", label)
			}
		}
	}
	annotations, _, err := unstructured.NestedStringMap(o.Object, "metadata", "annotations")
	if err != nil {
		return fmt.Sprintf("cannot be read: %v", err)
	}
	for _, annotation := range []string{v1alpha1.OwnerAnnotation, v1alpha1.ContentAnnotation, api.StubAnnotation} {
		if _, ok := annotations[annotation]; ok {
			return fmt.Sprintf("annotation %s is bulla's own", annotation)
		}
	}
	if list, _, err := unstructured.NestedSlice(o.Object, "metadata", "ownerReferences"); err != nil || len(list) > 0 {
		return "has ownerReferences"
	}
	metadata, _ := o.Object["metadata"].(map[string]any)
	for _, field := range clustersOwn {
		if _, ok := metadata[field]; ok {
			return fmt.Sprintf("has metadata.%s, which a cluster gives an object that stands there; "+
				"hint: take %s out of the file (an export has them all)", field, strings.Join(clustersOwn, ", "))
		}
	}
	return ""
}

// clustersOwn are the fields of metadata that an API server refuses, or holds
// against the live object, when they are written.
var clustersOwn = []string{"resourceVersion", "uid", "managedFields", "deletionTimestamp"}
