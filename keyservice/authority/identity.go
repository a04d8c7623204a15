package authority

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// Cluster is a cluster that asks, from the client certificate alone.
type Cluster struct {
	Fleet, Name string
	// Identity is "sha256:" and the hash of the certificate's public key.
	Identity string
	Serial   string
	// Expired says that the certificate is good for renewal only.
	Expired bool
}

// Entry begins the record of what a cluster asked for.
func (c Cluster) Entry(kind audit.Kind, outcome string) audit.Entry {
	return audit.Entry{Kind: kind, Outcome: outcome, Cluster: c.Name, Identity: c.Identity, Certificate: c.Serial}
}

// Person is somebody who asks, as [People] authenticated them.
type Person struct {
	Fleet, Name string
	// Identity is "sha256:" and the hash of the certificate's public key; of who came by a
	// token its issuer, "#" and its subject.
	Identity string
	Serial   string
	// Claims are of who came by a token, and has no certificate.
	Claims *Claims
}

// Claims are what the token of an OpenID provider says of a person.
type Claims struct {
	Subject string
	Groups  []string
}

// Entry is one of the audit log under a person's name.
func (p Person) Entry(kind audit.Kind, outcome, detail string) audit.Entry {
	return audit.Entry{Kind: kind, Outcome: outcome, Person: p.Name, Certificate: p.Serial, Identity: p.Identity, Detail: detail}
}

// Cluster is the cluster behind a connection.
func (a *Authority) Cluster(state *tls.ConnectionState) (Cluster, error) {
	leaf, err := a.readLeaf(state)
	if err != nil {
		return Cluster{}, err
	}
	return a.ClusterOf(leaf)
}

// ClusterOf reads the name in a certificate that was checked.
func (a *Authority) ClusterOf(leaf *x509.Certificate) (Cluster, error) {
	fleet, cluster, err := protocol.ParseClusterURI(leaf)
	if err != nil {
		return Cluster{}, err
	}
	if fleet != a.fleet {
		return Cluster{}, errors.New("the client certificate is of another fleet")
	}
	return Cluster{Fleet: fleet, Name: cluster, Identity: protocol.SPKIHash(leaf), Serial: leaf.SerialNumber.Text(16)}, nil
}

// readLeaf checks the certificate of a connection once more for this request.
// The handshake may be days old: a connection outlives a certificate. Whose it
// is remains to be read, as a cluster's or as a person's, never as either.
func (a *Authority) readLeaf(state *tls.ConnectionState) (*x509.Certificate, error) {
	if state == nil || len(state.VerifiedChains) == 0 {
		return nil, errors.New("no client certificate")
	}
	leaf := state.PeerCertificates[0]
	if !validAt(leaf, a.now()) {
		return nil, errors.New("the client certificate is not valid now")
	}
	if !a.issued(leaf) {
		return nil, errors.New("the client certificate is not of this fleet's authority")
	}
	if !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth) {
		return nil, errors.New("the certificate is not for a client")
	}
	return leaf, nil
}

func validAt(c *x509.Certificate, now time.Time) bool {
	return !now.Before(c.NotBefore) && !now.After(c.NotAfter)
}

// Expired is the cluster behind a connection to the renewal listener.
func (a *Authority) Expired(state *tls.ConnectionState, grace time.Duration) (Cluster, error) {
	if state == nil || len(state.PeerCertificates) == 0 {
		return Cluster{}, errors.New("no client certificate")
	}
	leaf := state.PeerCertificates[0]
	now := a.now()
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter.Add(grace)) {
		return Cluster{}, errors.New("the client certificate expired too long ago")
	}
	// The rest is as if the certificate had not expired.
	at := now
	if at.After(leaf.NotAfter) {
		at = leaf.NotAfter
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: a.Pool(), CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil || !a.issued(leaf) {
		return Cluster{}, errors.New("the client certificate is not of this fleet's authority")
	}
	who, err := a.ClusterOf(leaf)
	who.Expired = true
	return who, err
}

// Person is the person behind a connection. It does not read a cluster's
// certificate, as [Authority.Cluster] does not read a person's.
func (a *Authority) Person(state *tls.ConnectionState) (Person, error) {
	leaf, err := a.readLeaf(state)
	if err != nil {
		return Person{}, err
	}
	fleet, name, err := protocol.ParsePersonURI(leaf)
	if err != nil {
		return Person{}, err
	}
	if fleet != a.fleet {
		return Person{}, errors.New("the client certificate is of another fleet")
	}
	return Person{Fleet: fleet, Name: name, Identity: protocol.SPKIHash(leaf), Serial: leaf.SerialNumber.Text(16)}, nil
}
