package client

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"filippo.io/age"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// EnrollOptions is what a cluster enrols with. Key and Identity were generated
// in the cluster and never leave it.
type EnrollOptions struct {
	Token protocol.JoinToken
	// Cluster is the name to enrol under; "" for that of a token for one cluster.
	Cluster string
	// Key is the cluster's mTLS key, ECDSA P-256.
	Key crypto.Signer
	// Identity is the cluster's age identity.
	Identity age.Identity
	// Recipient is the public half of Identity, age1pq1….
	Recipient string
}

// Credentials are a cluster's certificate, with its private key, and the
// authority that it trusts.
type Credentials struct {
	Certificate tls.Certificate
	// CA is the authority to trust from now on: the one before, or its successor.
	CA *x509.Certificate
	// GraceURL is where the certificate is renewed after it expired; empty where
	// the service has no such place.
	GraceURL string
	// Life is how long the certificate is good for from now on, by the service's
	// clock: it says more than NotAfter to a cluster whose own clock is off.
	Life time.Duration
	// Skew is how far the service's clock is ahead of this one; zero when it did
	// not say.
	Skew time.Duration
}

// issued is what the service answers to enrolment and renewal alike.
type issued interface {
	GetCertificate() []byte
	GetCa() []byte
	GetSuccession() [][]byte
	GetGraceUrl() string
	GetTime() int64
}

// Enroll proves possession of both private keys and gets a certificate. The
// token is spent by it. Nothing is granted to the cluster until its Cluster
// file, with this key and this recipient, is merged.
func Enroll(ctx context.Context, o EnrollOptions) (*Credentials, error) {
	if err := o.Token.Check(); err != nil {
		return nil, fmt.Errorf("enrol: %w", err)
	}
	name := cmp.Or(o.Cluster, o.Token.Cluster)
	if !o.Token.Names().Admits(name) {
		return nil, fmt.Errorf("enrol: the join token is for %q, and not for cluster %q", o.Token.Cluster, o.Cluster)
	}
	asked := name
	if o.Token.Names().IsOne() {
		asked = ""
	}
	csr, err := protocol.NewRequest(o.Key)
	if err != nil {
		return nil, fmt.Errorf("enrol: %w", err)
	}
	server, err := url.Parse(o.Token.URL)
	if err != nil {
		return nil, errors.New("enrol: the token's url is unusable")
	}
	transport := newTransport(pinnedConfig(o.Token.CAHash, server.Hostname()))
	defer transport.CloseIdleConnections()
	rpc := newRPC(newHTTPClient(transport, timeout), o.Token.URL)

	begun, err := rpc.BeginEnroll(ctx, &keyservicev1.BeginEnrollRequest{Token: o.Token.Secret, Csr: csr, Recipient: o.Recipient, Cluster: asked})
	if err != nil {
		return nil, fmt.Errorf("enrol: %w", classify(err))
	}
	answer, err := openChallenge(begun.GetChallenge(), o.Identity)
	if err != nil {
		return nil, fmt.Errorf("enrol: %w", err)
	}
	done, err := rpc.CompleteEnroll(ctx, &keyservicev1.CompleteEnrollRequest{Token: o.Token.Secret, Answer: answer, Cluster: asked})
	if err != nil {
		return nil, fmt.Errorf("enrol: %w", classify(err))
	}
	credentials, err := readCredentials(done, o.Token.CAHash, o.Key, o.Token.Fleet, name)
	if err != nil {
		return nil, fmt.Errorf("enrol: %w", err)
	}
	if credentials.GraceURL == "" {
		credentials.GraceURL = o.Token.RenewalURL
	}
	return credentials, nil
}

// pinnedConfig verifies the server's chain, in the handshake, up to the one
// authority whose key the pin names: before the token is sent. host comes from
// the URL, since the connection's own ServerName is empty for an IP address,
// and an empty name would match any certificate.
func pinnedConfig(caHash, host string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		// The standard verification wants the root beforehand; ours is known by
		// its hash only. VerifyConnection does the same work with the root that
		// the server sends and the pin admits.
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection verifies
		VerifyConnection: func(state tls.ConnectionState) error {
			return verifyPinned(state.PeerCertificates, host, caHash)
		},
	}
}

func verifyPinned(chain []*x509.Certificate, host, caHash string) error {
	if len(chain) < 2 {
		return errors.New("verify key service: it does not send its authority")
	}
	// Others may lead from the pinned authority to its successor.
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	for _, ca := range chain[1:] {
		if !isPinned(ca, caHash) || ca.CheckSignatureFrom(ca) != nil {
			continue
		}
		roots := x509.NewCertPool()
		roots.AddCert(ca)
		if _, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, DNSName: host, Intermediates: between}); err != nil {
			return fmt.Errorf("verify key service: %w", err)
		}
		return nil
	}
	return errors.New("verify key service: its authority is not the one that the join token names")
}

func openChallenge(challenge []byte, identity age.Identity) ([]byte, error) {
	reader, err := age.Decrypt(bytes.NewReader(challenge), identity)
	if err != nil {
		return nil, fmt.Errorf("open challenge: %w", err)
	}
	answer, err := io.ReadAll(io.LimitReader(reader, protocol.ChallengeSize+1))
	if err != nil {
		return nil, fmt.Errorf("open challenge: %w", err)
	}
	if len(answer) != protocol.ChallengeSize {
		return nil, fmt.Errorf("open challenge: %d bytes, want %d", len(answer), protocol.ChallengeSize)
	}
	return answer, nil
}

// readCredentials takes a certificate only if it is of the pinned authority or
// its proven successor, for our key and for the name we enrolled.
func readCredentials(answer issued, pin string, key crypto.Signer, fleet, cluster string) (*Credentials, error) {
	leaf, err := x509.ParseCertificate(answer.GetCertificate())
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	ca, err := readAuthority(answer.GetCa(), answer.GetSuccession(), pin)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	// Whether it is valid now is the service's to judge, by its clock.
	both := leaf.NotBefore
	if ca.NotBefore.After(both) {
		both = ca.NotBefore
	}
	if _, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, CurrentTime: both.Add(time.Second),
	}); err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	own, err := protocol.PublicKeyHash(key.Public())
	if err != nil {
		return nil, err
	}
	if protocol.SPKIHash(leaf) != own {
		return nil, errors.New("read certificate: it is for another key")
	}
	gotFleet, gotCluster, err := protocol.ParseClusterURI(leaf)
	if err != nil {
		return nil, err
	}
	if gotFleet != fleet || gotCluster != cluster {
		return nil, fmt.Errorf("read certificate: it names cluster %q of fleet %q, not %q of %q", gotCluster, gotFleet, cluster, fleet)
	}
	if answer.GetGraceUrl() != "" {
		if err := protocol.CheckURL(answer.GetGraceUrl()); err != nil {
			return nil, fmt.Errorf("read grace url: %w", err)
		}
	}
	c := &Credentials{
		Certificate: tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf},
		CA:          ca, GraceURL: answer.GetGraceUrl(),
	}
	c.reckon(answer.GetTime(), time.Now())
	return c, nil
}

// reckon says how long the certificate is good for, by the clock that judges it.
func (c *Credentials) reckon(theirs int64, ours time.Time) {
	now := ours
	if theirs != 0 {
		now = time.UnixMicro(theirs)
		c.Skew = now.Sub(ours)
	}
	c.Life = c.Certificate.Leaf.NotAfter.Sub(now)
}
