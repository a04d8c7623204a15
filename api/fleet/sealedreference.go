package fleet

import "encoding/json"

// MaxStoredStub is the greatest size of a stub in a key service's store, in bytes. A
// Secret holds at most 1 MiB, which base64, twice, and the indentation of the file make
// 1.98 MiB.
const MaxStoredStub = 2 << 20

// SealedReference stands where a stub may stand, and says all of it that a build and a
// reviewer need. The ciphertext is in the key service's store. Its own digest is what a
// placement places, and what authorises; what it says of the stub is held against the
// stub by package sealing/reference.
type SealedReference struct {
	TypeMeta `json:",inline"`
	Metadata Metadata            `json:"metadata"`
	Spec     SealedReferenceSpec `json:"spec"`
}

// SealedReferenceSpec is what of a stub is not ciphertext, and which stub that is.
type SealedReferenceSpec struct {
	// Template is the stub's, see [SealedManifestSpec].
	Template json.RawMessage `json:"template"`
	// Scope is the stub's. Default Strict.
	Scope Scope `json:"scope,omitempty"`
	// DeliverAs wires the Secret as a stub's does. The stub in the store has no say.
	DeliverAs []DeliverAs `json:"deliverAs,omitempty"`
	// Restart is as a stub's. The stub in the store has no say.
	Restart bool `json:"restart,omitempty"`
	// Fields are all fields of all blocks, sorted and unique.
	Fields []string `json:"fields"`
	// Targets are those of each block's locks, sorted and unique. All blocks have the
	// same: what a plan foretells from here must hold for each value.
	Targets []string `json:"targets"`
	// Stub names the stub.
	Stub StoredStub `json:"stub"`
}

// StoredStub names a stub of the store, in three ways that must agree.
type StoredStub struct {
	// Digest is of its bytes, see [StubDigest].
	Digest string `json:"digest"`
	// Size is how many bytes there are, at most [MaxStoredStub].
	Size int64 `json:"size"`
	// Content is its content digest (sealing.ContentDigest): whether a value changed is
	// known without the stub, and the same wherever the stub lies.
	Content string `json:"content"`
}

// ParseSealedReference reads a reference strictly. Errors are *[ParseError], joined.
// The template comes back as canonical JSON, as a stub's does.
func ParseSealedReference(file string, data []byte) (*SealedReference, error) {
	return parse(file, data, MaxFileSize, KindSealedReference, (*SealedReference).validate)
}

// Keys are the keys of the Secret, sealed and public, sorted. The reference has parsed.
func (r *SealedReference) Keys() []string {
	template := new(SecretTemplate)
	if decodeTemplate(r.Spec.Template, template) != nil {
		return nil
	}
	return template.keys(r.Spec.Fields)
}

// Binds returns the parts of a built object's id that a scope binds a value to: two objects
// with the same are one to it.
func (s Scope) Binds(namespace, name string) (boundNamespace, boundName string) {
	switch s {
	case ScopeFleet:
		return "", ""
	case ScopeNamespace:
		return namespace, ""
	}
	return namespace, name
}

// OrDefault is the scope that an empty one stands for.
func (s Scope) OrDefault() Scope {
	if s == "" {
		return ScopeStrict
	}
	return s
}
