package client

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"filippo.io/age"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// challengeSize is the size in bytes of what the service encrypts to the age
// recipient to see that the cluster has the identity.
const challengeSize = 32

// EnrollOptions is what a cluster enrols with. Key and Identity were generated
// in the cluster and never leave it.
type EnrollOptions struct {
	Token JoinToken
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
	CA          *x509.Certificate
}

// Enroll proves possession of both private keys and gets a certificate. The
// token is spent by it. Nothing is granted to the cluster until its Cluster
// file, with this key and this recipient, is merged.
func Enroll(ctx context.Context, o EnrollOptions) (*Credentials, error) {
	if err := o.Token.check(); err != nil {
		return nil, fmt.Errorf("enrol: %w", err)
	}
	csr, err := newCSR(o.Key)
	if err != nil {
		return nil, fmt.Errorf("enrol: %w", err)
	}
	server, err := url.Parse(o.Token.URL)
	if err != nil {
		return nil, errors.New("enrol: the token's url is unusable")
	}
	transport := newTransport(pinnedConfig(o.Token.CAHash, server.Hostname()))
	defer transport.CloseIdleConnections()
	rpc := newRPC(transport, o.Token.URL)

	begun, err := rpc.BeginEnroll(ctx, &keyservicev1.BeginEnrollRequest{Token: o.Token.Secret, Csr: csr, Recipient: o.Recipient})
	if err != nil {
		return nil, fmt.Errorf("enrol: %w", classify(err))
	}
	answer, err := openChallenge(begun.GetChallenge(), o.Identity)
	if err != nil {
		return nil, fmt.Errorf("enrol: %w", err)
	}
	done, err := rpc.CompleteEnroll(ctx, &keyservicev1.CompleteEnrollRequest{Token: o.Token.Secret, Answer: answer})
	if err != nil {
		return nil, fmt.Errorf("enrol: %w", classify(err))
	}
	credentials, err := readCredentials(done.GetCertificate(), done.GetCa(), o.Token.CAHash, o.Key, o.Token.Fleet, o.Token.Cluster)
	if err != nil {
		return nil, fmt.Errorf("enrol: %w", err)
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
	for _, ca := range chain[1:] {
		if subtle.ConstantTimeCompare([]byte(SPKIHash(ca)), []byte(caHash)) != 1 {
			continue
		}
		if err := ca.CheckSignatureFrom(ca); err != nil {
			return fmt.Errorf("verify key service: %w", err)
		}
		roots := x509.NewCertPool()
		roots.AddCert(ca)
		if _, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, DNSName: host, Intermediates: x509.NewCertPool()}); err != nil {
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
	answer, err := io.ReadAll(io.LimitReader(reader, challengeSize+1))
	if err != nil {
		return nil, fmt.Errorf("open challenge: %w", err)
	}
	if len(answer) != challengeSize {
		return nil, fmt.Errorf("open challenge: %d bytes, want %d", len(answer), challengeSize)
	}
	return answer, nil
}

// newCSR carries the public key and nothing else: the name comes from the
// token, or from the certificate presented, never from the caller.
func newCSR(key crypto.Signer) ([]byte, error) {
	if key == nil {
		return nil, errors.New("make certificate request: no key")
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, fmt.Errorf("make certificate request: %w", err)
	}
	return der, nil
}

// readCredentials takes a certificate only if it is of the pinned authority,
// for our key and for the name we enrolled.
func readCredentials(leafDER, caDER []byte, caHash string, key crypto.Signer, fleet, cluster string) (*Credentials, error) {
	leaf, err := x509.ParseCertificate(leafDER)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	ca, err := x509.ParseCertificate(caDER)
	if err != nil {
		return nil, fmt.Errorf("read certificate authority: %w", err)
	}
	if SPKIHash(ca) != caHash {
		return nil, errors.New("read certificate: it comes from another authority than the pinned one")
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	if _, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, CurrentTime: leaf.NotBefore.Add(time.Second),
	}); err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	own, err := PublicKeyHash(key.Public())
	if err != nil {
		return nil, err
	}
	if SPKIHash(leaf) != own {
		return nil, errors.New("read certificate: it is for another key")
	}
	gotFleet, gotCluster, err := ParseClusterURI(leaf)
	if err != nil {
		return nil, err
	}
	if gotFleet != fleet || gotCluster != cluster {
		return nil, fmt.Errorf("read certificate: it names cluster %q of fleet %q, not %q of %q", gotCluster, gotFleet, cluster, fleet)
	}
	return &Credentials{
		Certificate: tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: key, Leaf: leaf},
		CA:          ca,
	}, nil
}
