package store

import (
	"encoding/hex"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bulla-dev/bulla/sealing"
)

// Refusal is an error by which a [Change] says no. What else is written in the
// same transaction does not suffer by it; any other error ends the transaction,
// and with it the changes of other callers.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// Errors that callers branch on, with errors.Is.
var (
	// ErrNotFound: there is no such row.
	ErrNotFound error = Refusal("not found")
	// ErrJoinToken: the join token is unknown, used or expired, or its challenge is
	// not this one. One error, so that nobody can ask which; its text tells, and is
	// for the log alone.
	ErrJoinToken error = Refusal("join token not usable")
	// ErrNameTaken: another key enrolled under that name.
	ErrNameTaken error = Refusal("name taken")
	// ErrHeadMoved: another head was accepted meanwhile.
	ErrHeadMoved error = Refusal("accepted head moved")
)

// Head is one accepted head of the fleet's repository.
type Head struct {
	Fleet, Ref, Hash string
	// Parent is the head accepted before it; empty for the first.
	Parent   string
	Accepted time.Time
	// Known is what its fleet.yaml makes known: an older one is refused from
	// then on, on whatever ref.
	Known sealing.Known
}

// JoinToken is a join token as the service keeps it.
type JoinToken struct {
	// Hash is the SHA-256 of the secret.
	Hash  [32]byte
	Fleet string
	// Cluster is a name, or a pattern of names.
	Cluster          string
	Created, Expires time.Time
	// Uses is how many clusters may enrol with it, Used how many did. 0 is 1.
	Uses, Used int
	// Revoked is when an operator revoked it; zero for never.
	Revoked time.Time
}

// ID names a token to people. It is the beginning of a hash of 32 random bytes, so
// that it may stand in logs.
func (t JoinToken) ID() string { return JoinTokenID(t.Hash) }

// JoinTokenID is the ID of the token with this hash.
func JoinTokenID(hash [32]byte) string { return hex.EncodeToString(hash[:6]) }

// Enrolment is a begun enrolment: its keys and the hash of its challenge.
type Enrolment struct {
	Fleet, Cluster string
	// Token is the name or the pattern that the token is for.
	Token string
	// PublicKey is the SubjectPublicKeyInfo of the cluster's mTLS key, DER.
	PublicKey []byte
	// Recipient is the cluster's age recipient.
	Recipient string
	// Challenge is the SHA-256 of the 32 bytes that were encrypted to Recipient.
	Challenge [32]byte
}

// Certificate is one issued client certificate.
type Certificate struct {
	// Serial in hexadecimal.
	Serial         string
	Fleet, Cluster string
	// Identity is "sha256:" and the hash of its public key.
	Identity            string
	NotBefore, NotAfter time.Time
	// Parent is the serial that it was renewed from; empty when enrolled.
	Parent string
}

// LogState is where the audit log of a fleet stands.
type LogState struct {
	// Size is how many entries it has.
	Size int64
	// Checkpoint is the signed note over them; empty when there are none.
	Checkpoint []byte
	// Last is the time of the last entry; zero when there is none.
	Last time.Time
}

// Leaf is one entry of the audit log.
type Leaf struct {
	Index int64
	Time  time.Time
	Entry []byte
	// Hashes are those that the entry completes, its own first, then of the
	// subtrees that end with it (tlog.StoredHashes).
	Hashes []tlog.Hash
	// What entry says, repeated for [LogFilter].
	Kind, Outcome, Cluster, Person, Digest, Object string
	// Also are further objects that it is about. They are written, not read back:
	// the entry has them.
	Also []string
}

// LogFilter says which entries to read. Empty fields match all.
type LogFilter struct {
	// From is the first index to look at; To is where to stop, 0 for the end.
	From, To int64
	// Since and Until bound the entry's time: not before, and before.
	Since, Until                                   time.Time
	Kind, Outcome, Cluster, Person, Digest, Object string
	// Limit is how many to return at most.
	Limit int
}
