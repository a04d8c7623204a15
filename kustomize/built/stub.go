package built

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// IsStub reports whether a file is a stub. Parsing every file to learn its kind
// would cost more than the build.
func IsStub(data []byte) bool { return isKind(data, api.KindSealedManifest) }

// IsReference reports whether a file stands for a stub that is in a store.
func IsReference(data []byte) bool { return isKind(data, api.KindSealedReference) }

// IsSealed reports whether a file is one of the two.
func IsSealed(data []byte) bool { return IsStub(data) || IsReference(data) }

func isKind(data []byte, want string) bool {
	if !bytes.Contains(data, []byte(want)) {
		return false
	}
	apiVersion, kind, ok := api.KindOf(data)
	return ok && kind == want && apiVersion == api.APIVersion
}

// ParseStub reads the file of a stub, or of a reference, which builds as its stub does.
func ParseStub(file string, data []byte) (*Stub, error) {
	stub := &Stub{Digest: api.StubDigest(data), Path: file}
	var err error
	if !IsReference(data) {
		stub.Manifest, err = api.ParseSealedManifest(file, data)
		return stub, err
	}
	if stub.Reference, err = api.ParseSealedReference(file, data); err != nil {
		return nil, err
	}
	spec := stub.Reference.Spec
	stub.Manifest = &api.SealedManifest{Metadata: stub.Reference.Metadata, Spec: api.SealedManifestSpec{
		Template: spec.Template, Scope: spec.Scope, DeliverAs: spec.DeliverAs, Restart: spec.Restart,
	}}
	return stub, nil
}

// DataKey is the key of a Secret that a stub's block names as "/data/KEY".
func DataKey(pointer string) string { return strings.TrimPrefix(pointer, "/data/") }

// Lighten drops the locks, which only a key service opens. Both digests stay: of the
// file's bytes, and of the content, which has no locks.
func (s *Stub) Lighten() {
	if s == nil {
		return
	}
	for i := range s.Manifest.Spec.Blocks {
		s.Manifest.Spec.Blocks[i].Locks = nil
	}
}

// Fields are the sealed fields of a stub, in the order of its blocks; those of a
// reference are sorted.
func (s *Stub) Fields() []string {
	if s.Reference != nil {
		return s.Reference.Spec.Fields
	}
	var all []string
	for _, block := range s.Manifest.Spec.Blocks {
		all = append(all, block.Fields...)
	}
	return all
}

// StoredSize is how many bytes of a stub a reference has in the store; 0 of a stub.
func (s *Stub) StoredSize() int64 {
	if s.Reference == nil {
		return 0
	}
	return s.Reference.Spec.Stub.Size
}

// SealedKeys are the keys of the sealed fields, sorted.
func (s *Stub) SealedKeys() []string {
	var keys []string
	for _, field := range s.Fields() {
		keys = append(keys, DataKey(field))
	}
	slices.Sort(keys)
	return keys
}

// Keys are the keys of the Secret, sealed and public, sorted.
func (s *Stub) Keys() []string {
	if s.Reference != nil {
		return s.Reference.Keys()
	}
	return s.Manifest.Keys()
}

// IsOf reports whether an object has the kind that the stub becomes.
func (s *Stub) IsOf(object map[string]any) bool {
	template, err := s.Template()
	return err == nil && object["apiVersion"] == template["apiVersion"] && object["kind"] == template["kind"]
}

// SaysData is true of a template with "data: {}": it is built with it.
func (s *Stub) SaysData() bool {
	template, err := s.Template()
	_, ok := template["data"]
	return err == nil && ok
}

// Template is the stub's template as an object.
func (s *Stub) Template() (map[string]any, error) {
	var template map[string]any
	if err := json.Unmarshal(s.Manifest.Spec.Template, &template); err != nil {
		return nil, errors.New("template does not parse")
	}
	return template, nil
}

// Input is the template with the stub's name, namespace and digest and the
// places of its sealed values, as JSON (which is YAML).
func (s *Stub) Input(places map[string]string) ([]byte, error) {
	template, err := s.Template()
	if err != nil {
		return nil, err
	}
	metadata := Mapping(template["metadata"])
	metadata["name"] = s.Manifest.Metadata.Name
	if s.Manifest.Metadata.Namespace != "" {
		metadata["namespace"] = s.Manifest.Metadata.Namespace
	}
	annotations := Mapping(metadata["annotations"])
	annotations[api.StubAnnotation] = s.Digest
	metadata["annotations"] = annotations
	template["metadata"] = metadata
	data := Mapping(template["data"])
	for pointer, text := range places {
		data[DataKey(pointer)] = text
	}
	template["data"] = data
	return json.Marshal(template)
}

// Mapping returns a copy of a mapping, an empty one where there is none.
func Mapping(value any) map[string]any {
	m, _ := value.(map[string]any)
	m = maps.Clone(m)
	if m == nil {
		m = map[string]any{}
	}
	return m
}

// IsEmpty is true of nothing, and of a mapping of nothing.
func IsEmpty(value any) bool {
	if value == nil {
		return true
	}
	m, ok := value.(map[string]any)
	return ok && len(m) == 0
}
