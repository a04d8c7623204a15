// Package enrolment lets clusters into the fleet by join tokens, and renews what they
// were given.
package enrolment

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"filippo.io/age"

	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/clerk"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/keyservice/store"
)

const maxRecipient = 4 << 10

// NewJoinToken makes the secret of a join token, and the row that the store
// keeps of it: a hash. 32 random bytes need no slow hash. It is for one name and
// one use; Cluster and Uses of the row may say otherwise.
func NewJoinToken(fleet, cluster string, ttl time.Duration, now time.Time) (secret string, row store.JoinToken) {
	raw := make([]byte, 32)
	rand.Read(raw)
	secret = base64.RawURLEncoding.EncodeToString(raw)
	return secret, store.JoinToken{Hash: sha256.Sum256([]byte(secret)), Fleet: fleet, Cluster: cluster, Created: now, Expires: now.Add(ttl), Uses: 1}
}

// Enrolment gives clusters their certificates.
type Enrolment struct {
	*clerk.Clerk

	Authority *authority.Authority
	Heads     *heads.Heads
	Store     Store
	// GraceURL is where an expired certificate is renewed; "" for nowhere.
	GraceURL string
}

// BeginEnroll keeps the request for the token and encrypts a challenge to the
// recipient. The token names the fleet, and the cluster or a pattern; the request
// names a cluster of that pattern, and nothing else.
func (s *Enrolment) BeginEnroll(ctx context.Context, in *keyservicev1.BeginEnrollRequest) (*keyservicev1.BeginEnrollResponse, error) {
	public, err := authority.ReadRequest(in.GetCsr())
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonRequest, err)
	}
	if len(in.GetRecipient()) > maxRecipient {
		return nil, s.Refuse(keyservicev1.ReasonRequest, errors.New("the recipient is too long"))
	}
	recipient, err := age.ParseHybridRecipient(in.GetRecipient())
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonRequest, errors.New("the recipient is not age1pq1…"))
	}
	answer := make([]byte, protocol.ChallengeSize)
	rand.Read(answer)
	challenge, err := encryptTo(recipient, answer)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonRequest, err)
	}
	begun, err := s.Store.BeginEnrolment(ctx, sha256.Sum256([]byte(in.GetToken())), store.Enrolment{
		Cluster: in.GetCluster(), PublicKey: public, Recipient: in.GetRecipient(), Challenge: sha256.Sum256(answer),
	}, s.Now())
	if err != nil {
		return nil, s.refuseEnrolment(ctx, in.GetCluster(), public, err)
	}
	if err := s.ofThisFleet(begun); err != nil {
		return nil, s.refuseEnrolment(ctx, "", nil, err)
	}
	s.Log.Info("enrolment begun", "cluster", begun.Cluster)
	return &keyservicev1.BeginEnrollResponse{Challenge: challenge}, nil
}

// CompleteEnroll issues the certificate first and spends the token with it in
// one transaction: a token is not lost to a sick HSM, and of two requests that
// race with it one is answered.
func (s *Enrolment) CompleteEnroll(ctx context.Context, in *keyservicev1.CompleteEnrollRequest) (*keyservicev1.CompleteEnrollResponse, error) {
	if len(in.GetAnswer()) != protocol.ChallengeSize {
		return nil, s.Refuse(keyservicev1.ReasonRequest, errors.New("the answer is not 32 bytes"))
	}
	token, answer := sha256.Sum256([]byte(in.GetToken())), sha256.Sum256(in.GetAnswer())
	begun, err := s.Store.AnswerEnrolment(ctx, token, in.GetCluster(), answer, s.Now())
	if err != nil {
		return nil, s.refuseEnrolment(ctx, in.GetCluster(), nil, err)
	}
	if err := s.ofThisFleet(begun); err != nil {
		return nil, s.refuseEnrolment(ctx, "", nil, err)
	}
	public, err := x509.ParsePKIXPublicKey(begun.PublicKey)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "cluster", begun.Cluster)
	}
	issued, err := s.Authority.IssueCluster(begun.Cluster, public)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "cluster", begun.Cluster)
	}
	row := issued.Row(begun.Fleet, begun.Cluster, "")
	e := audit.Entry{
		Kind: audit.Enrol, Outcome: audit.Done, Cluster: row.Cluster, Certificate: row.Serial, Identity: row.Identity,
		Recipient: begun.Recipient, Detail: fmt.Sprintf("join token %s for %s", store.JoinTokenID(token), begun.Token),
	}
	if _, err := s.Journal.Append(ctx, []audit.Entry{e}, s.Store.CompleteEnrolment(token, answer, row, s.Now())); err != nil {
		return nil, s.refuseEnrolment(ctx, row.Cluster, begun.PublicKey, err)
	}
	s.Log.Info("cluster enrolled", "cluster", row.Cluster, "identity", row.Identity, "serial", row.Serial)
	return &keyservicev1.CompleteEnrollResponse{
		Certificate: issued.Certificate.Raw, Ca: issued.CA, Succession: issued.Succession,
		GraceUrl: s.GraceURL, Time: s.Now().UnixMicro(),
	}, nil
}

func encryptTo(recipient age.Recipient, data []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := age.Encrypt(&out, recipient)
	if err != nil {
		return nil, fmt.Errorf("encrypt challenge: %w", err)
	}
	if _, err := w.Write(data); err != nil {
		return nil, fmt.Errorf("encrypt challenge: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("encrypt challenge: %w", err)
	}
	return out.Bytes(), nil
}

// ofThisFleet holds a token to the fleet whose authority signs here: fleets may share
// a database, and have clusters of one name.
func (s *Enrolment) ofThisFleet(begun store.Enrolment) error {
	if begun.Fleet != s.Fleet {
		return fmt.Errorf("%w: the one for cluster %q is of fleet %s", store.ErrJoinToken, begun.Cluster, begun.Fleet)
	}
	return nil
}

// refuseEnrolment has no name to record: who holds no good token is nobody. Why it is
// not good stands in the log and in the entry, and never in the answer: a stranger
// would learn which token is worth a second try. A name that is taken is told to who
// holds a good token: it is a machine of this fleet, and somebody has to look at two
// machines of one name.
func (s *Enrolment) refuseEnrolment(ctx context.Context, name string, public []byte, err error) error {
	if errors.Is(err, store.ErrNameTaken) {
		e := audit.Entry{Kind: audit.Enrol, Outcome: keyservicev1.ReasonNameTaken, Cluster: name, Detail: err.Error()}
		if public != nil {
			e.Identity = hexid.Digest(public)
		}
		return s.RefuseRecorded(ctx, e, err)
	}
	if errors.Is(err, store.ErrJoinToken) {
		return s.RefuseRecorded(ctx, audit.Entry{Kind: audit.Enrol, Outcome: keyservicev1.ReasonJoinToken, Detail: err.Error()}, err)
	}
	return s.Refuse(keyservicev1.ReasonUnavailable, err)
}
