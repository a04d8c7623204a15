package kustomize

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

// template is the stub's template as an object.
func (s *Stub) template() (map[string]any, error) {
	var template map[string]any
	if err := json.Unmarshal(s.Manifest.Spec.Template.Raw, &template); err != nil {
		return nil, errors.New("template does not parse")
	}
	return template, nil
}

// object is the template with the stub's name, namespace and digest, as JSON
// (which is YAML).
func (s *Stub) object() ([]byte, error) {
	template, err := s.template()
	if err != nil {
		return nil, err
	}
	metadata, _ := template["metadata"].(map[string]any)
	metadata = maps.Clone(metadata)
	if metadata == nil {
		metadata = map[string]any{}
	}
	metadata["name"] = s.Manifest.Metadata.Name
	if s.Manifest.Metadata.Namespace != "" {
		metadata["namespace"] = s.Manifest.Metadata.Namespace
	}
	annotations, _ := metadata["annotations"].(map[string]any)
	annotations = maps.Clone(annotations)
	if annotations == nil {
		annotations = map[string]any{}
	}
	annotations[v1alpha1.StubAnnotation] = s.Digest
	metadata["annotations"] = annotations
	template["metadata"] = metadata
	return json.Marshal(template)
}

// unmark takes the mark off a built object and returns the stub it named.
func (v *view) unmark(u *unstructured.Unstructured) (*Stub, error) {
	annotations := u.GetAnnotations()
	digest, ok := annotations[v1alpha1.StubAnnotation]
	if !ok {
		return nil, nil
	}
	stub, ok := v.stubs[digest]
	if !ok {
		return nil, &objectError{ObjectIDOf(u), fmt.Sprintf("annotation %s names no stub of this build", v1alpha1.StubAnnotation)}
	}
	if v.reads[digest]--; v.reads[digest] < 0 {
		return nil, &objectError{ObjectIDOf(u), fmt.Sprintf("there are more objects marked with stub %s than the build loads", stub.Path)}
	}
	delete(annotations, v1alpha1.StubAnnotation)
	if len(annotations) == 0 {
		annotations = nil
	}
	u.SetAnnotations(annotations)
	return stub, nil
}
