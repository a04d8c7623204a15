package store

import (
	"errors"
	"time"

	"github.com/bulla-dev/bulla/sealing"
)

// Errors that callers branch on, with errors.Is.
var (
	// ErrNotFound: there is no such row.
	ErrNotFound = errors.New("not found")
	// ErrToken: the join token is unknown, used or expired, or its challenge is
	// not this one. One error, so that nobody can ask which.
	ErrToken = errors.New("join token not usable")
	// ErrHeadMoved: another head was accepted meanwhile.
	ErrHeadMoved = errors.New("accepted head moved")
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

// Token is a join token as the service keeps it.
type Token struct {
	// Hash is the SHA-256 of the secret.
	Hash             [32]byte
	Fleet, Cluster   string
	Created, Expires time.Time
}

// Enrolment is a begun enrolment: its keys and the hash of its challenge.
type Enrolment struct {
	Fleet, Cluster string
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
}

// Entry is one audit row: one decision on one stub digest.
type Entry struct {
	Time time.Time
	// Request joins the rows of one request; random.
	Request string
	// Fleet, Cluster, Identity and Serial come from the client certificate.
	Fleet, Cluster, Identity, Serial string
	// Head is the accepted head that the decision was made at.
	Head string
	// Revision is what the caller said it works at.
	Revision string
	Digest   string
	// Outcome is "Granted" or the refusal.
	Outcome string
	// Placement and Object (namespace/name) that the digest stood for.
	Placement, Object string
	// Keys are the sealing keys used, comma-separated.
	Keys string
	// Operations is how many token operations were started for it.
	Operations int
}
