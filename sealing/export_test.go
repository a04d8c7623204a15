package sealing

import "filippo.io/age"

// For the tests and the generator of vectors, which make what an honest
// sealer never does.
var (
	ParseStanza     = parseStanza
	LockInfo        = lockInfo
	EncodeArmor     = encodeArmor
	EncodeValues    = encodeValues
	DecodeValues    = decodeValues
	WrapFor         = wrapFor
	StanzaSize      = stanzaSize
	ParseClusterKey = parseClusterRecipient
)

const (
	FileKeySize = fileKeySize
	PointSize   = pointSize
)

// Marshal is the canonical text of a stanza.
func (s Stanza) Marshal() []byte { return s.marshal() }

// LockRecipient is the recipient that binds a payload to a context.
type LockRecipient = lockRecipient

// NewLockRecipient returns the recipient for a context digest.
func NewLockRecipient(context [32]byte, postQuantum bool) *LockRecipient {
	return &lockRecipient{context: context, postQuantum: postQuantum}
}

// FileKey is the key of the file that was encrypted to the recipient.
func (r *lockRecipient) FileKey() []byte { return r.fileKey }

var _ age.RecipientWithLabels = (*LockRecipient)(nil)

// CanonicalJSON is what a content digest has of a template.
func CanonicalJSON(raw []byte) ([]byte, error) { return canonicalJSON(raw) }
