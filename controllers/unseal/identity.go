package unseal

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"filippo.io/age"

	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/sealing"
)

// Keys of the Secret [IdentitySecret].
const (
	KeyTLS     = "tls.key"      // PKCS #8, PEM: the mTLS key, ECDSA P-256
	KeyAge     = "identity.age" // AGE-SECRET-KEY-PQ-1…: opens answers
	keyHMAC    = "hmac.key"     // 32 bytes: live Secrets are compared under it
	keyCert    = "tls.crt"      // PEM; absent until enrolled
	keyCA      = "ca.crt"       // PEM; the key service's authority, pinned by the join token
	keyRoot    = "root.key"     // the fleet's root verifier key, pinned by the join token
	keyFleet   = "fleet"        // the fleet's id, pinned by the join token
	keyCluster = "cluster"      // the name that the certificate is for
	keyJoined  = "join.sha256"  // hash of the join token that it enrolled with
	keyKnown   = "fleet.known"  // JSON: the newest fleet.yaml accepted; absent before the first
	keyHead    = "fleet.head"   // the commit that it came with
)

// hmacSize is the size of the HMAC key in bytes: that of SHA-256's output.
const hmacSize = 32

// Identity is who this cluster is: three secrets made in the cluster that never
// leave it, and what enrolment pinned. It is immutable. Nothing of it prints.
type Identity struct {
	key      *ecdsa.PrivateKey
	identity *age.HybridIdentity
	hmac     []byte

	// The rest is zero until enrolled.
	certificate *x509.Certificate
	life        tenure
	ca          *x509.Certificate
	rootKey     string
	fleet       string
	cluster     string
	// joined is the hash of the join token that the above came with.
	joined string
	// known is here and not in the FleetSync's status: it qualifies the pinned
	// root key and must last exactly as long, and whoever may write a status, or
	// delete a FleetSync, must not be able to make it forgotten.
	known sealing.Known
	// head is the commit that known came with: one write remembers both.
	head string
}

// NewIdentity makes the three secrets.
func NewIdentity() (*Identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make mTLS key: %w", err)
	}
	identity, err := age.GenerateHybridIdentity()
	if err != nil {
		return nil, fmt.Errorf("make age identity: %w", err)
	}
	mac := make([]byte, hmacSize)
	rand.Read(mac)
	return &Identity{key: key, identity: identity, hmac: mac}, nil
}

// String keeps an Identity out of logs, whatever the verb.
func (i *Identity) String() string { return "identity(masked)" }

// GoString is String, for %#v.
func (i *Identity) GoString() string { return i.String() }

// MarshalLog is String, for structured logs.
func (i *Identity) MarshalLog() any { return i.String() }

// Recipient is the cluster's age recipient, age1pq1…, as its Cluster file must
// have it.
func (i *Identity) Recipient() string { return i.identity.Recipient().String() }

// Fingerprint is "sha256:" and the hash of the mTLS public key, as the Cluster
// file must have it.
func (i *Identity) Fingerprint() string {
	hash, err := protocol.PublicKeyHash(i.key.Public())
	if err != nil {
		panic("controllers: a P-256 key has no SPKI: " + err.Error())
	}
	return hash
}

// HMACKey is the per-cluster key under which live Secrets are compared. The
// caller must not change it.
func (i *Identity) HMACKey() []byte { return i.hmac }

// Fleet is the pinned fleet id; empty until enrolled.
func (i *Identity) Fleet() string { return i.fleet }

// Cluster is the name that the certificate is for; empty until enrolled.
func (i *Identity) Cluster() string { return i.cluster }

// RootKey is the pinned root verifier key; empty until enrolled.
func (i *Identity) RootKey() string { return i.rootKey }

// Known is what the newest accepted fleet.yaml told.
func (i *Identity) Known() sealing.Known { return i.known }

// KnownSince is the accepted commit that Known came with; "" when nobody wrote it down.
func (i *Identity) KnownSince() string { return i.head }

// Knowing is the identity that remembers another fleet.yaml, and the accepted commit
// that it came with.
func (i *Identity) Knowing(known sealing.Known, head string) *Identity {
	next := *i
	next.known, next.head = known, head
	return &next
}

// Authority is the key service's, pinned by the join token; nil until enrolled.
func (i *Identity) Authority() *x509.Certificate { return i.ca }

// NotAfter is when the certificate expires, by its own dates; zero until enrolled.
func (i *Identity) NotAfter() time.Time {
	if i.certificate == nil {
		return time.Time{}
	}
	return i.certificate.NotAfter
}

// Grace is where the certificate is renewed once it expired; empty for nowhere.
func (i *Identity) Grace() string { return i.life.grace }

// Join is what enrolment with a join token sends, under the name of a cluster.
func (i *Identity) Join(token protocol.JoinToken, cluster string) client.EnrollOptions {
	return client.EnrollOptions{Token: token, Cluster: cluster, Key: i.key, Identity: i.identity, Recipient: i.Recipient()}
}

// EnrolledAs says whether the certificate is there, for this name, and good at
// the given time.
func (i *Identity) EnrolledAs(cluster string, at time.Time) bool {
	return i.certificate != nil && i.cluster == cluster && !i.life.over(at)
}

// Renewable says whether it is time to renew the certificate.
func (i *Identity) Renewable(at time.Time) bool {
	return i.life.renewable(at, i.certificate.SerialNumber.Bytes())
}

// TLSCertificate is what the cluster presents to the key service.
func (i *Identity) TLSCertificate() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{i.certificate.Raw}, PrivateKey: i.key, Leaf: i.certificate}
}

// Joined is the identity after enrolment with a join token.
func (i *Identity) Joined(c *client.Credentials, token protocol.JoinToken, now time.Time) (*Identity, error) {
	next, err := i.Renewed(c, now)
	if err != nil {
		return nil, err
	}
	next.rootKey, next.joined = token.RootKey, tokenHash(token)
	return next, nil
}

// Renewed is the identity after a renewal: what it pinned stays.
func (i *Identity) Renewed(c *client.Credentials, now time.Time) (*Identity, error) {
	leaf := c.Certificate.Leaf
	if leaf == nil || c.CA == nil {
		return nil, errors.New("take credentials: certificate or authority is missing")
	}
	fleet, cluster, err := protocol.ParseClusterURI(leaf)
	if err != nil {
		return nil, fmt.Errorf("take credentials: %w", err)
	}
	next := *i
	next.certificate, next.ca, next.fleet, next.cluster = leaf, c.CA, fleet, cluster
	next.life = lifeOf(c, now)
	return &next, nil
}

// data is the identity as the Secret's data.
func (i *Identity) data() (map[string][]byte, error) {
	key, err := x509.MarshalPKCS8PrivateKey(i.key)
	if err != nil {
		return nil, errors.New("write identity: the mTLS key does not marshal")
	}
	data := map[string][]byte{
		KeyTLS:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		KeyAge:  []byte(i.identity.String()),
		keyHMAC: i.hmac,
	}
	if i.certificate == nil {
		return data, nil
	}
	data[keyCert] = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.certificate.Raw})
	i.life.write(data)
	data[keyCA] = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.ca.Raw})
	data[keyRoot], data[keyFleet], data[keyCluster] = []byte(i.rootKey), []byte(i.fleet), []byte(i.cluster)
	data[keyJoined] = []byte(i.joined)
	if i.known.Serial == 0 {
		return data, nil
	}
	if data[keyKnown], err = json.Marshal(i.known); err != nil {
		return nil, errors.New("write identity: what is known of the fleet does not marshal")
	}
	if i.head != "" {
		data[keyHead] = []byte(i.head)
	}
	return data, nil
}

// parseIdentity reads what data wrote. Its errors name keys of the Secret, never
// their values.
func parseIdentity(data map[string][]byte) (*Identity, error) {
	i := &Identity{hmac: data[keyHMAC]}
	if len(i.hmac) != hmacSize {
		return nil, fmt.Errorf("read key %q: want %d bytes", keyHMAC, hmacSize)
	}
	block, rest := pem.Decode(data[KeyTLS])
	if block == nil || len(rest) > 0 {
		return nil, fmt.Errorf("read key %q: not one PEM block", KeyTLS)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok || key.Curve != elliptic.P256() {
		return nil, fmt.Errorf("read key %q: not an ECDSA P-256 key", KeyTLS)
	}
	i.key = key
	if i.identity, err = age.ParseHybridIdentity(string(data[KeyAge])); err != nil {
		return nil, fmt.Errorf("read key %q: not a hybrid age identity", KeyAge)
	}
	if len(data[keyCert]) == 0 {
		return i, nil
	}
	return i, i.parseEnrolment(data)
}

func (i *Identity) parseEnrolment(data map[string][]byte) (err error) {
	if i.certificate, err = parseCertificate(keyCert, data); err != nil {
		return err
	}
	if i.ca, err = parseCertificate(keyCA, data); err != nil {
		return err
	}
	if i.life, err = readLife(data, i.certificate); err != nil {
		return err
	}
	if protocol.SPKIHash(i.certificate) != i.Fingerprint() {
		return fmt.Errorf("read key %q: the certificate is for another key", keyCert)
	}
	i.rootKey, i.fleet, i.cluster = string(data[keyRoot]), string(data[keyFleet]), string(data[keyCluster])
	i.joined = string(data[keyJoined])
	if i.rootKey == "" {
		return fmt.Errorf("read key %q: missing", keyRoot)
	}
	fleet, cluster, err := protocol.ParseClusterURI(i.certificate)
	if err != nil || fleet != i.fleet || cluster != i.cluster {
		return fmt.Errorf("read key %q: the certificate names another fleet or cluster", keyCert)
	}
	if len(data[keyKnown]) > 0 && json.Unmarshal(data[keyKnown], &i.known) != nil {
		return fmt.Errorf("read key %q: not what this program wrote", keyKnown)
	}
	if i.head = string(data[keyHead]); i.head != "" && !hexid.IsCommit(i.head) {
		return fmt.Errorf("read key %q: not what this program wrote", keyHead)
	}
	return nil
}

func parseCertificate(name string, data map[string][]byte) (*x509.Certificate, error) {
	block, rest := pem.Decode(data[name])
	if block == nil || len(rest) > 0 {
		return nil, fmt.Errorf("read key %q: not one PEM block", name)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read key %q: %w", name, err)
	}
	return certificate, nil
}
