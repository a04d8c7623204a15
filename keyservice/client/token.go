package client

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"
)

const (
	tokenPrefix = "bulla1_"
	maxToken    = 8 << 10
)

// JoinToken lets one cluster enrol, once, for a short time. It authenticates
// both sides: Secret the cluster, CAHash the service. It is a credential until
// it is spent or expires; [JoinToken.String] is for the one line that hands it
// to a person.
type JoinToken struct {
	// Fleet is the fleet's id, 32 lower-case hexadecimal digits.
	Fleet string `json:"fleet"`
	// Cluster is the name the token is bound to.
	Cluster string `json:"cluster"`
	// Secret is what the service has the hash of.
	Secret string `json:"secret"`
	// CAHash pins the service's certificate authority: "sha256:" and the
	// hexadecimal SHA-256 of its SubjectPublicKeyInfo, see [SPKIHash].
	CAHash string `json:"caHash"`
	// RootKey is the fleet's root verifier key (sumdb/note form).
	RootKey string `json:"rootKey"`
	// URL of the key service, https.
	URL string `json:"url"`
	// RenewalURL is where a certificate is renewed after it expired; empty where
	// the service has no such place.
	RenewalURL string `json:"renewalUrl,omitempty"`
}

// String is "bulla1_" and the token as JSON in unpadded base64url.
func (t JoinToken) String() string {
	data, err := json.Marshal(t) //nolint:gosec // this is where a token is written
	if err != nil {
		panic("client: a struct of strings does not marshal: " + err.Error())
	}
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(data)
}

// ParseJoinToken reads the form of [JoinToken.String], strictly: an unknown
// field, trailing data or a missing value is an error. Errors never quote the
// token, since it is a credential.
func ParseJoinToken(text string) (JoinToken, error) {
	text = strings.TrimSpace(text)
	encoded, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok || len(text) > maxToken {
		return JoinToken{}, fmt.Errorf("parse join token: it does not start with %q or is too long", tokenPrefix)
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return JoinToken{}, errors.New("parse join token: not base64url; was it cut when it was copied?")
	}
	var t JoinToken
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&t); err != nil {
		return JoinToken{}, errors.New("parse join token: not a token of this version")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return JoinToken{}, errors.New("parse join token: data after its end")
	}
	if err := t.check(); err != nil {
		return JoinToken{}, fmt.Errorf("parse join token: %w", err)
	}
	return t, nil
}

var (
	fleetID     = regexp.MustCompile(`^[0-9a-f]{32}$`)
	clusterName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	spkiHash    = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

func (t JoinToken) check() error {
	switch {
	case !fleetID.MatchString(t.Fleet):
		return errors.New("fleet is not 32 hexadecimal digits")
	case !clusterName.MatchString(t.Cluster):
		return errors.New("cluster is not a name")
	case t.Secret == "":
		return errors.New("secret is missing")
	case !spkiHash.MatchString(t.CAHash):
		return errors.New("caHash is not sha256: and 64 hexadecimal digits")
	case t.RootKey == "":
		return errors.New("rootKey is missing")
	}
	if t.RenewalURL != "" {
		if err := checkURL(t.RenewalURL); err != nil {
			return errors.New("renewalUrl is not https://HOST[:PORT]")
		}
	}
	return checkURL(t.URL)
}

// checkURL admits an https origin and nothing else: a path, a query or
// credentials in it would end up in logs.
func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("url is not https://HOST[:PORT]")
	}
	return nil
}

// SPKIHash is "sha256:" and the hexadecimal SHA-256 of the certificate's
// SubjectPublicKeyInfo: the form of Cluster.spec.identity and of
// [JoinToken].CAHash. It names the key, so it outlives a renewed certificate.
func SPKIHash(certificate *x509.Certificate) string {
	sum := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// PublicKeyHash is [SPKIHash] for a bare public key.
func PublicKeyHash(public any) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", fmt.Errorf("hash public key: %w", err)
	}
	sum := sha256.Sum256(der)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

// ClusterURI is the subject alternative name of a cluster's certificate.
func ClusterURI(fleet, cluster string) *url.URL {
	return &url.URL{Scheme: "bulla", Host: fleet, Path: "/" + cluster}
}

// ParseClusterURI returns the fleet and the cluster that a client certificate
// names. A certificate with any other name beside it is refused, so that no two
// readers can pick different ones.
func ParseClusterURI(certificate *x509.Certificate) (fleet, cluster string, err error) {
	names := len(certificate.DNSNames) + len(certificate.EmailAddresses) + len(certificate.IPAddresses)
	if len(certificate.URIs) != 1 || names != 0 {
		return "", "", errors.New("read client certificate: it does not name exactly one cluster")
	}
	u := certificate.URIs[0]
	fleet, cluster = u.Host, strings.TrimPrefix(u.Path, "/")
	if !fleetID.MatchString(fleet) || !clusterName.MatchString(cluster) || u.String() != ClusterURI(fleet, cluster).String() {
		return "", "", errors.New("read client certificate: its name is not bulla://FLEET/CLUSTER")
	}
	return fleet, cluster, nil
}
