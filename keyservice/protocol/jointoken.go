package protocol

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/bulla-dev/bulla/api/hexid"
)

const (
	tokenPrefix = "bulla1_"
	maxToken    = 8 << 10
)

// JoinToken lets one cluster enrol, once, for a short time; or, where it is for a
// pattern, a bounded number of clusters, each of another name. It authenticates
// both sides: Secret the cluster, CAHash the service. It is a credential until
// it is spent, revoked or expires; [JoinToken.String] is for the one line that hands
// it to a person.
type JoinToken struct {
	// Fleet is the fleet's id, 32 lower-case hexadecimal digits.
	Fleet string `json:"fleet"`
	// Cluster is the name, or the pattern of names, that the token is bound to.
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

// Names is what the token is bound to.
func (t JoinToken) Names() Pattern { return Pattern(t.Cluster) }

// String is "bulla1_" and the token as JSON in unpadded base64url.
func (t JoinToken) String() string {
	data, err := json.Marshal(t) //nolint:gosec // this is where a token is written
	if err != nil {
		panic("protocol: a struct of strings does not marshal: " + err.Error())
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
	if err := t.Check(); err != nil {
		return JoinToken{}, fmt.Errorf("parse join token: %w", err)
	}
	return t, nil
}

// Check reports what is missing or malformed; never a value.
func (t JoinToken) Check() error {
	switch {
	case !hexid.IsFleet(t.Fleet):
		return errors.New("fleet is not 32 hexadecimal digits")
	case t.Names().Check() != nil:
		return errors.New("cluster is not a name")
	case t.Secret == "":
		return errors.New("secret is missing")
	case !hexid.IsDigest(t.CAHash):
		return errors.New("caHash is not sha256: and 64 hexadecimal digits")
	case t.RootKey == "":
		return errors.New("rootKey is missing")
	}
	if t.RenewalURL != "" {
		if err := CheckURL(t.RenewalURL); err != nil {
			return errors.New("renewalUrl is not https://HOST[:PORT]")
		}
	}
	return CheckURL(t.URL)
}

// CheckURL reports whether a service can be asked at a URL: an https origin and
// nothing else. A path, a query or credentials in it would end up in logs.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("url is not https://HOST[:PORT]")
	}
	return nil
}
