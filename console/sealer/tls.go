package sealer

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"slices"
)

// What a pair of a certificate and its key is made of. crypto/x509 would be a third of what a
// page loads; here public keys are compared, and nothing is verified.
var (
	oidRSA     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidEC      = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidEd25519 = asn1.ObjectIdentifier{1, 3, 101, 112}
)

// algorithm is AlgorithmIdentifier of RFC 5280.
type algorithm struct {
	Algorithm  asn1.ObjectIdentifier
	Parameters asn1.RawValue `asn1:"optional"`
}

// publicInfo is SubjectPublicKeyInfo of RFC 5280.
type publicInfo struct {
	Algorithm algorithm
	Key       asn1.BitString
}

// checkPair wants a private key to be that of the first certificate. What it cannot read it
// says nothing of, but for strict.
func checkPair(cert, key []byte, strict bool) error {
	chain, err := publicKeys(cert)
	if err != nil || len(chain) == 0 {
		if strict {
			return &Error{"the certificate cannot be read", "choose the file that has -----BEGIN CERTIFICATE----- in it"}
		}
		return nil
	}
	own, err := publicOf(key)
	switch {
	case err != nil:
		return err
	case own == nil && strict:
		return &Error{"the private key cannot be read",
			"choose the file that has PRIVATE KEY----- in it, as a server reads it"}
	case own == nil:
		return nil
	}
	switch at := slices.IndexFunc(chain, func(public []byte) bool { return bytes.Equal(public, own) }); at {
	case 0:
		return nil
	case -1:
		return &Error{"the private key is of another certificate",
			"choose the two files that belong together; nothing was sealed"}
	default:
		return &Error{fmt.Sprintf("the private key is of certificate %d in the file, which must be the first", at+1),
			"write the server's certificate first, then who issued it; nothing was sealed"}
	}
}

// publicKeys are those of the certificates of a PEM text, in their order: each in a form in
// which two that are equal have equal bytes.
func publicKeys(text []byte) (all [][]byte, err error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		info, err := publicInfoOf(block.Bytes)
		if err != nil {
			return nil, err
		}
		public := info.Key.RightAlign()
		all = append(all, public)
	}
	return all, nil
}

// publicInfoOf finds the public key in a certificate: RFC 5280, 4.1.
func publicInfoOf(der []byte) (info publicInfo, err error) {
	var outer, inner asn1.RawValue
	if _, err = asn1.Unmarshal(der, &outer); err != nil {
		return info, err
	}
	if _, err = asn1.Unmarshal(outer.Bytes, &inner); err != nil {
		return info, err
	}
	rest := inner.Bytes
	// serialNumber, signature, issuer, validity, subject; before them a version, where there is one.
	for skip := 5; skip > 0; skip-- {
		var field asn1.RawValue
		if rest, err = asn1.Unmarshal(rest, &field); err != nil {
			return info, err
		}
		if field.Class == asn1.ClassContextSpecific && field.Tag == 0 {
			skip++
		}
	}
	_, err = asn1.Unmarshal(rest, &info)
	return info, err
}

// publicOf is the public key of a private one, as publicKeys has them; nil where it is none
// that is known here.
func publicOf(text []byte) ([]byte, error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["Proc-Type"] != "":
			return nil, &Error{"the private key has a passphrase, which no server could ask for",
				"take it off first, as with openssl pkey, and keep that file nowhere else"}
		case block.Type == "RSA PRIVATE KEY":
			return publicRSA(block.Bytes), nil
		case block.Type == "EC PRIVATE KEY":
			return publicEC(block.Bytes, nil), nil
		case block.Type == "PRIVATE KEY":
			return publicPKCS8(block.Bytes), nil
		}
	}
	return nil, nil
}

func publicPKCS8(der []byte) []byte {
	var key struct {
		Version   int
		Algorithm algorithm
		Key       []byte
		More      asn1.RawValue `asn1:"optional"`
	}
	if _, err := asn1.Unmarshal(der, &key); err != nil {
		return nil
	}
	switch {
	case key.Algorithm.Algorithm.Equal(oidRSA):
		return publicRSA(key.Key)
	case key.Algorithm.Algorithm.Equal(oidEC):
		var curve asn1.ObjectIdentifier
		if _, err := asn1.Unmarshal(key.Algorithm.Parameters.FullBytes, &curve); err != nil {
			return nil
		}
		return publicEC(key.Key, curve)
	case key.Algorithm.Algorithm.Equal(oidEd25519):
		var seed []byte
		if _, err := asn1.Unmarshal(key.Key, &seed); err != nil || len(seed) != ed25519.SeedSize {
			return nil
		}
		return ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	}
	return nil
}

// publicRSA is the modulus and the exponent, which an RSAPrivateKey of RFC 8017 begins with,
// as a certificate has them.
func publicRSA(der []byte) []byte {
	var outer, version, modulus, exponent asn1.RawValue
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		return nil
	}
	rest := outer.Bytes
	for _, field := range []*asn1.RawValue{&version, &modulus, &exponent} {
		var err error
		if rest, err = asn1.Unmarshal(rest, field); err != nil {
			return nil
		}
	}
	public, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true,
		Bytes: slices.Concat(modulus.FullBytes, exponent.FullBytes)})
	if err != nil {
		return nil
	}
	return public
}

// publicEC is the point of an ECPrivateKey of RFC 5915, made from the secret: what stands
// beside it is not believed.
func publicEC(der []byte, curve asn1.ObjectIdentifier) []byte {
	var key struct {
		Version int
		Secret  []byte
		Curve   asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
		Public  asn1.BitString        `asn1:"optional,explicit,tag:1"`
	}
	if _, err := asn1.Unmarshal(der, &key); err != nil {
		return nil
	}
	if curve == nil {
		curve = key.Curve
	}
	of, size := ecdh.Curve(nil), 0
	switch curve.String() {
	case "1.2.840.10045.3.1.7":
		of, size = ecdh.P256(), 32
	case "1.3.132.0.34":
		of, size = ecdh.P384(), 48
	case "1.3.132.0.35":
		of, size = ecdh.P521(), 66
	}
	if of == nil || len(key.Secret) > size {
		return nil
	}
	secret := make([]byte, size)
	copy(secret[size-len(key.Secret):], key.Secret)
	defer clear(secret)
	private, err := of.NewPrivateKey(secret)
	if err != nil {
		return nil
	}
	return private.PublicKey().Bytes()
}
