package sealing

import (
	"crypto/ecdh"
	"crypto/elliptic"
	"crypto/hpke"
	"crypto/mlkem"
	"fmt"

	"filippo.io/age/plugin"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// PublicKey is the public half of a sealing key.
type PublicKey struct {
	suite api.Suite
	key   hpke.PublicKey
	text  string
}

const (
	// pointSize is an uncompressed P-256 point (SEC 1, section 2.3.3).
	pointSize = 65
	// compressedSize is a compressed one.
	compressedSize = 33
)

// textNames are what stands behind age1 in the text form, by suite.
var textNames = map[api.Suite]string{api.SuiteP256: "tag", api.SuiteHybrid: "tagpq"}

// NewPublicKey makes a public key from its parts: an uncompressed P-256 point
// of 65 bytes and, under the hybrid suite alone, an ML-KEM-768 encapsulation
// key of 1184 bytes (FIPS 203).
func NewPublicKey(suite api.Suite, p256, mlkem768 []byte) (PublicKey, error) {
	point, err := ecdh.P256().NewPublicKey(p256)
	if err != nil {
		return PublicKey{}, fmt.Errorf("read P-256 point: %w", err)
	}
	switch suite {
	case api.SuiteP256:
		if mlkem768 != nil {
			return PublicKey{}, fmt.Errorf("make public key: suite %s has no ML-KEM key", suite)
		}
		return newClassic(point)
	case api.SuiteHybrid:
		return newHybrid(point, mlkem768)
	}
	return PublicKey{}, fmt.Errorf("make public key: suite %q is not known", suite)
}

func newClassic(point *ecdh.PublicKey) (PublicKey, error) {
	key, err := hpke.NewDHKEMPublicKey(point)
	if err != nil {
		return PublicKey{}, fmt.Errorf("make public key: %w", err)
	}
	return PublicKey{suite: api.SuiteP256, key: key, text: plugin.EncodeRecipient(textNames[api.SuiteP256],
		compress(point.Bytes()))}, nil
}

func newHybrid(point *ecdh.PublicKey, mlkem768 []byte) (PublicKey, error) {
	lattice, err := mlkem.NewEncapsulationKey768(mlkem768)
	if err != nil {
		return PublicKey{}, fmt.Errorf("read ML-KEM-768 key: %w", err)
	}
	key, err := hpke.NewHybridPublicKey(lattice, point)
	if err != nil {
		return PublicKey{}, fmt.Errorf("make public key: %w", err)
	}
	return PublicKey{suite: api.SuiteHybrid, key: key, text: plugin.EncodeRecipient(textNames[api.SuiteHybrid],
		key.Bytes())}, nil
}

// ParsePublicKey reads age's text form for hardware keys: age1tagpq1… under
// the hybrid suite, age1tag1… under P256. A text of the other suite, or a
// second spelling of the same key, is refused.
func ParsePublicKey(suite api.Suite, text string) (PublicKey, error) {
	name, raw, err := plugin.ParseRecipient(text)
	if err != nil || name != textNames[suite] {
		return PublicKey{}, refuse(ClassParse, "public key is not age1%s1…, as one of suite %s is", textNames[suite], suite)
	}
	var point, lattice []byte
	if suite == api.SuiteP256 {
		point = decompress(raw)
	} else if len(raw) > mlkem.EncapsulationKeySize768 {
		point, lattice = raw[mlkem.EncapsulationKeySize768:], raw[:mlkem.EncapsulationKeySize768]
	}
	key, err := NewPublicKey(suite, point, lattice)
	if err != nil {
		return PublicKey{}, refuse(ClassParse, "public key is none of suite %s: %v", suite, err)
	}
	if key.text != text {
		return PublicKey{}, refuse(ClassParse, "public key is not in its canonical spelling")
	}
	return key, nil
}

// String is the text form, as it stands in fleet.yaml.
func (k PublicKey) String() string { return k.text }

// Suite is the suite that the key belongs to.
func (k PublicKey) Suite() api.Suite { return k.suite }

// HPKE is the key for package crypto/hpke.
func (k PublicKey) HPKE() hpke.PublicKey { return k.key }

// compress turns an uncompressed point into SEC 1's compressed form.
func compress(point []byte) []byte {
	return append([]byte{2 + point[pointSize-1]&1}, point[1:compressedSize]...)
}

// decompress returns nil for a point that is not on the curve.
func decompress(compressed []byte) []byte {
	x, y := elliptic.UnmarshalCompressed(elliptic.P256(), compressed)
	if x == nil {
		return nil
	}
	point := make([]byte, pointSize)
	point[0] = 4
	x.FillBytes(point[1:compressedSize])
	y.FillBytes(point[compressedSize:])
	return point
}
