package receiver

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"slices"
	"strings"
)

// Type is how a forge proves that a webhook is its own. The names are those of Flux's
// Receiver, and gitea for what is Gitea's own.
type Type string

// The types of hooks.
const (
	// GitHub sends X-Hub-Signature-256: "sha256=" and HMAC-SHA256 over the body.
	GitHub Type = "github"
	// GitLab sends the secret itself: X-Gitlab-Token.
	GitLab Type = "gitlab"
	// Gitea sends X-Gitea-Signature: HMAC-SHA256 over the body. Forgejo does too.
	Gitea Type = "gitea"
	// Bitbucket, Cloud and Data Center, sends X-Hub-Signature: "sha256=" and
	// HMAC-SHA256 over the body.
	Bitbucket Type = "bitbucket"
	// GenericHMAC is X-Signature: "sha256=" or "sha512=" and the HMAC over the body.
	GenericHMAC Type = "generic-hmac"
)

// Types are all there are.
func Types() []Type { return []Type{GitHub, GitLab, Gitea, Bitbucket, GenericHMAC} }

// Known says whether t is one of [Types].
func (t Type) Known() bool { return slices.Contains(Types(), t) }

// header has the proof.
func (t Type) header() string {
	return map[Type]string{GitHub: "X-Hub-Signature-256", GitLab: "X-Gitlab-Token", Gitea: "X-Gitea-Signature",
		Bitbucket: "X-Hub-Signature", GenericHMAC: "X-Signature"}[t]
}

// proof is what a request claims, taken apart before a byte of its body is read.
type proof struct {
	// token is a secret that was sent as it is; nil for an HMAC.
	token []byte
	mac   []byte
	hash  func() hash.Hash
}

// claim takes the one header with the proof. A request with none, with two of them, or
// with one that is no proof of this type is not worth its body.
func (t Type) claim(h http.Header) (p proof, ok bool) {
	values := h.Values(t.header())
	if len(values) != 1 || values[0] == "" {
		return proof{}, false
	}
	if t == GitLab {
		return proof{token: []byte(values[0])}, true
	}
	name, digits, named := strings.Cut(values[0], "=")
	if !named {
		name, digits = "sha256", values[0]
	}
	if named == (t == Gitea) { // Gitea's alone says no name
		return proof{}, false
	}
	switch {
	case name == "sha256":
		p.hash = sha256.New
	case name == "sha512" && t == GenericHMAC:
		p.hash = sha512.New
	default:
		return proof{}, false
	}
	mac, err := hex.DecodeString(digits)
	if err != nil || len(mac) != p.hash().Size() {
		return proof{}, false
	}
	p.mac = mac
	return p, true
}

// holds reads the body to its end. Comparing takes as long for a wrong proof as for a
// right one: a token is compared by its hash, which hides its length too.
func (p proof) holds(secret []byte, body io.Reader) (bool, error) {
	if p.token != nil {
		given, want := sha256.Sum256(p.token), sha256.Sum256(secret)
		return hmac.Equal(given[:], want[:]), nil
	}
	mac := hmac.New(p.hash, secret)
	if _, err := io.Copy(mac, body); err != nil {
		return false, err
	}
	return hmac.Equal(mac.Sum(nil), p.mac), nil
}
