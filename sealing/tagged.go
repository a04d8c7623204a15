package sealing

import (
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/mlkem"
	"crypto/sha256"
	"fmt"
	"slices"

	"filippo.io/age"

	api "github.com/bulla-dev/bulla/api/fleet"
)

const (
	classicTag = "p256tag"
	hybridTag  = "mlkem768p256tag"
	// keyTagSize is in bytes.
	keyTagSize = 4
)

// tagged is a hardware key as an age recipient: the tagged stanzas of
// https://c2sp.org/age, by the standard library's HPKE. Package filippo.io/age/tag is the
// same with a P-256 of its own, whose table every browser that seals would load: 88 KB that
// do not pack.
type tagged struct{ key PublicKey }

func (t tagged) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	stanzas, _, err := t.WrapWithLabels(fileKey)
	return stanzas, err
}

// WrapWithLabels has age keep a hybrid key apart from classic ones.
func (t tagged) WrapWithLabels(fileKey []byte) ([]*age.Stanza, []string, error) {
	name, labels, public := classicTag, []string(nil), t.key.key.Bytes()
	if t.key.suite == api.SuiteHybrid {
		name, labels, public = hybridTag, []string{postQuantum}, public[mlkem.EncapsulationKeySize768:]
	} else {
		public = compress(public)
	}
	info := "age-encryption.org/" + name
	enc, sender, err := hpke.NewSender(t.key.key, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), []byte(info))
	if err != nil {
		return nil, nil, fmt.Errorf("wrap to a hardware key: %w", err)
	}
	body, err := sender.Seal(nil, fileKey)
	if err != nil {
		return nil, nil, fmt.Errorf("wrap to a hardware key: %w", err)
	}
	// Which key it is for, so that a token is not asked in vain; new with each stanza, so that nobody else can tell.
	hash := sha256.Sum256(public)
	tag, err := hkdf.Extract(sha256.New, slices.Concat(enc, hash[:keyTagSize]), []byte(info))
	if err != nil {
		return nil, nil, fmt.Errorf("wrap to a hardware key: %w", err)
	}
	return []*age.Stanza{{Type: name, Body: body,
		Args: []string{rawBase64.EncodeToString(tag[:keyTagSize]), rawBase64.EncodeToString(enc)}}}, labels, nil
}
