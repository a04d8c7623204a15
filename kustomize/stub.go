package kustomize

import (
	"encoding/json"
	"errors"
	"maps"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// template is the stub's template as an object.
func (s *Stub) template() (map[string]any, error) {
	var template map[string]any
	if err := json.Unmarshal(s.Manifest.Spec.Template, &template); err != nil {
		return nil, errors.New("template does not parse")
	}
	return template, nil
}

// object is the template with the stub's name, namespace and digest and the
// places of its sealed values, as JSON (which is YAML).
func (s *Stub) object(places map[string]string) ([]byte, error) {
	template, err := s.template()
	if err != nil {
		return nil, err
	}
	metadata := mapping(template["metadata"])
	metadata["name"] = s.Manifest.Metadata.Name
	if s.Manifest.Metadata.Namespace != "" {
		metadata["namespace"] = s.Manifest.Metadata.Namespace
	}
	annotations := mapping(metadata["annotations"])
	annotations[api.StubAnnotation] = s.Digest
	metadata["annotations"] = annotations
	template["metadata"] = metadata
	data := mapping(template["data"])
	for pointer, text := range places {
		data[dataKey(pointer)] = text
	}
	template["data"] = data
	return json.Marshal(template)
}

// mapping returns a copy of a mapping, an empty one where there is none.
func mapping(value any) map[string]any {
	m, _ := value.(map[string]any)
	m = maps.Clone(m)
	if m == nil {
		m = map[string]any{}
	}
	return m
}
