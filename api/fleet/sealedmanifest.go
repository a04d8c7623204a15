package fleet

import "encoding/json"

// Scope says what of an object's id a lock is bound to.
type Scope string

const (
	// ScopeStrict binds namespace and name. It is the default.
	ScopeStrict Scope = "Strict"
	// ScopeNamespace binds the namespace only.
	ScopeNamespace Scope = "Namespace"
	// ScopeFleet binds neither; it needs a line in the Placement.
	ScopeFleet Scope = "Fleet"
)

// StubAnnotation carries a stub's digest through kustomize, from the stub's
// template to the built object. Input that already has it is refused.
const StubAnnotation = "bulla.dev/stub"

// GenerateAnnotation stands in a stub's own metadata and says which of its values a
// program made, and how: "password=32,alnum token=40,base64url". It is for whoever
// makes them anew; no build has it, and no digest of values covers it.
const GenerateAnnotation = "bulla.dev/generate"

// SealedManifest is the stub: an object whose secret values are ciphertext
// locked to clusters. One to a file, so that the file's bytes are its digest.
type SealedManifest struct {
	TypeMeta `json:",inline"`
	Metadata Metadata           `json:"metadata"`
	Spec     SealedManifestSpec `json:"spec"`
}

// SealedManifestSpec is the public template and the sealed blocks.
type SealedManifestSpec struct {
	// Template is everything about the object that may be public: apiVersion,
	// kind, type, metadata.labels and metadata.annotations, public data. Name
	// and namespace are the stub's own.
	Template json.RawMessage `json:"template"`
	// Scope is what the locks are bound to. Default Strict.
	Scope Scope `json:"scope,omitempty"`
	// DeliverAs wires the Secret into workloads of the same build, at most
	// [MaxDeliveries] times. It is public, and no lock is bound to it: who may
	// change it is who may change the workload.
	DeliverAs []DeliverAs `json:"deliverAs,omitempty"`
	// Restart has workloads that other deployers placed, and that read the Secret,
	// restarted once when its values change. Those of the same placement roll
	// without it. It is public, and no lock is bound to it.
	Restart bool `json:"restart,omitempty"`
	// Blocks hold the sealed values, one block for each value or for values
	// that must change together.
	Blocks []Block `json:"blocks"`
}

// Block is one payload with its locks.
type Block struct {
	// Fields are RFC 6901 pointers into the object, sorted and unique: exactly
	// the keys of the payload's JSON object. Secrets seal under /data only.
	Fields []string `json:"fields"`
	// Payload is an armored age v1 file holding a JSON object from pointer to
	// value (base64 under /data, as in a Secret).
	Payload string `json:"payload"`
	// Locks open the payload's file key, one for each target and key.
	Locks []Lock `json:"locks"`
}

// Lock is a file key sealed to the HSM for one target.
type Lock struct {
	// Target is "set/NAME" or "cluster/NAME".
	Target string `json:"target"`
	// Key is the ID of the sealing key.
	Key string `json:"key"`
	// Ciphertext is the HPKE enc and ciphertext, concatenated, in standard
	// base64 with padding; its length is fixed by suite and target kind.
	Ciphertext string `json:"ciphertext"`
}
