package fleet

// Suite names the public-key algorithms of a sealing key. It belongs to the
// key record, never to a lock, so that an attacker cannot choose it.
type Suite string

const (
	// SuiteHybrid is MLKEM768-P256, HKDF-SHA256, AES-256-GCM: ciphertext in Git
	// is kept for ever and can be harvested today.
	SuiteHybrid Suite = "MLKEM768-P256"
	// SuiteP256 is DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM
	// (RFC 9180, KEM 0x0010).
	SuiteP256 Suite = "P256"
)

// KeyStatus is where a sealing key stands in its life.
type KeyStatus string

const (
	// KeyActive keys seal and open. Exactly one key of a fleet is Active.
	KeyActive KeyStatus = "Active"
	// KeySuperseded keys open but no longer seal.
	KeySuperseded KeyStatus = "Superseded"
	// KeyRetired keys open nothing.
	KeyRetired KeyStatus = "Retired"
)

// Fleet is the root of trust in Git: fleet.yaml, one to a repository.
type Fleet struct {
	TypeMeta `json:",inline"`
	Metadata Metadata  `json:"metadata"`
	Spec     FleetSpec `json:"spec"`
}

// FleetSpec is what the fleet's members agree on.
type FleetSpec struct {
	// ID is random, immutable, made by `bulla-keyservice init`: 32 lower-case
	// hexadecimal digits. It is part of every lock's context.
	ID string `json:"id"`
	// Serial numbers the signed versions of this file, from 1. Whoever accepted
	// one refuses a lower one, and another text under the same number, so that an
	// old file with its good signature cannot be put back.
	Serial int64 `json:"serial"`
	// SealingKeys are the public halves of the key pairs in the HSM.
	SealingKeys []SealingKey `json:"sealingKeys"`
	// RecoveryRecipients are age recipients of offline keys that can open every
	// payload without the HSM. Post-quantum where the Active suite is.
	RecoveryRecipients []string `json:"recoveryRecipients,omitempty"`
	// LogKey is the verifier key of the audit log (C2SP signed-note, ECDSA
	// P-256; its name is bulla.dev/log/ID), made by `bulla-keyservice init`.
	// Clusters use no answer that this key's log does not record. Another key
	// starts another log.
	LogKey string `json:"logKey,omitempty"`
	// RootSuccession leads from the first root key to the one that signs now:
	// signed notes, oldest first, each by a root key over its successor's
	// verifier key; see sealing.SignSuccession. Empty until a root key changes.
	RootSuccession []string `json:"rootSuccession,omitempty"`
	// Signing says who must have signed commits.
	Signing *Signing `json:"signing,omitempty"`
	// Prune bounds what one revision may delete.
	Prune *FleetPrune `json:"prune,omitempty"`
	// Signature is a signed note (golang.org/x/mod/sumdb/note) by the HSM's
	// root key over ID, Serial, SealingKeys, RecoveryRecipients, LogKey and
	// RootSuccession; see [FleetSpec.SignedText].
	Signature string `json:"signature"`
}

// SealingKey is the public record of one key version.
type SealingKey struct {
	// ID names the key version, for example 2026-11-a.
	ID    string `json:"id"`
	Suite Suite  `json:"suite"`
	// PublicKey is in age's own text form for hardware keys: age1tagpq1… for
	// MLKEM768-P256, age1tag1… for P256.
	PublicKey string    `json:"publicKey"`
	Status    KeyStatus `json:"status"`
}

// Signing says which commits count: a commit that changes a path of Require
// counts only if one of the signers signed it. It is read from the commit
// before, so that nobody can let himself in.
type Signing struct {
	// AllowedSigners are lines of OpenSSH's allowed_signers file format
	// (ssh-keygen(1), ALLOWED SIGNERS). The principals must match the
	// committer's address. cert-authority is refused, and times end in Z.
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	AllowedSigners []string `json:"allowedSigners,omitempty"`
	// OpenPGPKeys are armored OpenPGP public keys, one to an entry.
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	OpenPGPKeys []string `json:"openPGPKeys,omitempty"`
	// Require lists files and folders whose changes must be signed: a folder
	// with everything below it. fleet.yaml is always among them.
	// +kubebuilder:validation:MaxItems=100
	// +optional
	Require []string `json:"require,omitempty"`
}

// FleetPrune bounds what one revision may delete without consent.
type FleetPrune struct {
	// MaxShare is the greatest share, in percent, of a placement's objects, or
	// of a cluster's Deliveries, that one revision may remove without consent
	// in the cluster. Default 50%.
	MaxShare string `json:"maxShare,omitempty"`
	// Consent lets go what the guard holds, on every cluster of the fleet.
	Consent []PruneConsent `json:"consent,omitempty"`
}

// PruneConsent consents to what one revision left out, and to nothing later: what was
// placed again after that revision is guarded again.
type PruneConsent struct {
	// Revision is the full hash of a commit in the history of the head.
	Revision string `json:"revision"`
	// Reason is for people: a line that is reviewed.
	Reason string `json:"reason"`
}

// SameRevision says whether another consents to the same.
func (c PruneConsent) SameRevision(other PruneConsent) bool { return c.Revision == other.Revision }

// Cluster is one member of the fleet: clusters/NAME.yaml.
type Cluster struct {
	TypeMeta `json:",inline"`
	Metadata Metadata    `json:"metadata"`
	Spec     ClusterSpec `json:"spec"`
}

// ClusterSpec holds a cluster's public keys and its state in the fleet.
type ClusterSpec struct {
	// Identity is "sha256:" and the hexadecimal SHA-256 of the cluster's mTLS
	// public key (SubjectPublicKeyInfo, DER).
	Identity string `json:"identity"`
	// Recipient is the cluster's age recipient (age1pq1…); its age identity never
	// leaves the cluster.
	Recipient string `json:"recipient"`
	// VouchedBy is set where nobody compared these keys with the cluster's own: they
	// were written on the key service's word. Nothing is locked to such a cluster's
	// recipient: the second lock would rest on the word of who holds the first.
	VouchedBy Voucher `json:"vouchedBy,omitempty"`
	// Suspend stops unsealing for this cluster; nothing is pruned.
	Suspend bool `json:"suspend,omitempty"`
	// Decommission deprovisions everything placed here.
	Decommission bool `json:"decommission,omitempty"`
	// Values stand for ${NAME} in what placements that substitute build here.
	Values map[string]string `json:"values,omitempty"`
}

// Voucher is on whose word alone a cluster's keys stand in its file.
type Voucher string

// VouchedByKeyService says that they are those of an entry of the signed audit log.
const VouchedByKeyService Voucher = "KeyService"

// ClusterSet is a set of clusters computed from their labels, never listed.
type ClusterSet struct {
	TypeMeta `json:",inline"`
	Metadata Metadata       `json:"metadata"`
	Spec     ClusterSetSpec `json:"spec"`
}

// ClusterSetSpec selects members. An empty selector is refused: it would
// silently mean every cluster that is ever added.
type ClusterSetSpec struct {
	Selector LabelSelector `json:"selector"`
}
