package sealer

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	tag "golang.org/x/crypto/cryptobyte/asn1"
)

// What a pair of a certificate and its key is made of. crypto/x509 would be a third of what a
// page loads, and encoding/asn1 reads by reflection; here public keys are compared, and
// nothing is verified.
var (
	oidRSA     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidEC      = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidEd25519 = asn1.ObjectIdentifier{1, 3, 101, 112}
)

// checkPair wants a private key to be that of the first certificate. What it cannot read it
// says nothing of, but for strict.
func checkPair(cert, key []byte, strict bool) error {
	chain, ok := publicKeys(cert)
	if !ok {
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
// which two that are equal have equal bytes; ok is false where one cannot be read.
func publicKeys(text []byte) (all [][]byte, ok bool) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		public, ok := certified(block.Bytes)
		if !ok {
			return nil, false
		}
		all = append(all, public)
	}
	return all, len(all) > 0
}

// certified finds the public key in a certificate: RFC 5280, 4.1.
func certified(der cryptobyte.String) (public []byte, ok bool) {
	var certificate, body, info cryptobyte.String
	var bits asn1.BitString
	ok = der.ReadASN1(&certificate, tag.SEQUENCE) && certificate.ReadASN1(&body, tag.SEQUENCE) &&
		body.SkipOptionalASN1(tag.Tag(0).Constructed().ContextSpecific()) && // version
		body.SkipASN1(tag.INTEGER) && // serialNumber
		body.SkipASN1(tag.SEQUENCE) && // signature
		body.SkipASN1(tag.SEQUENCE) && // issuer
		body.SkipASN1(tag.SEQUENCE) && // validity
		body.SkipASN1(tag.SEQUENCE) && // subject
		body.ReadASN1(&info, tag.SEQUENCE) && info.SkipASN1(tag.SEQUENCE) && info.ReadASN1BitString(&bits)
	return bits.RightAlign(), ok
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

// publicPKCS8 is of a PrivateKeyInfo of RFC 5208.
func publicPKCS8(der cryptobyte.String) []byte {
	var key, algorithm, private, seed cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !der.ReadASN1(&key, tag.SEQUENCE) || !key.SkipASN1(tag.INTEGER) || !key.ReadASN1(&algorithm, tag.SEQUENCE) ||
		!algorithm.ReadASN1ObjectIdentifier(&oid) || !key.ReadASN1(&private, tag.OCTET_STRING) {
		return nil
	}
	switch {
	case oid.Equal(oidRSA):
		return publicRSA(private)
	case oid.Equal(oidEC):
		var curve asn1.ObjectIdentifier
		if !algorithm.ReadASN1ObjectIdentifier(&curve) {
			return nil
		}
		return publicEC(private, curve)
	case oid.Equal(oidEd25519):
		if !private.ReadASN1(&seed, tag.OCTET_STRING) || len(seed) != ed25519.SeedSize {
			return nil
		}
		return ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	}
	return nil
}

// publicRSA is the modulus and the exponent, which an RSAPrivateKey of RFC 8017 begins with,
// as a certificate has them.
func publicRSA(der cryptobyte.String) []byte {
	var key, modulus, exponent cryptobyte.String
	if !der.ReadASN1(&key, tag.SEQUENCE) || !key.SkipASN1(tag.INTEGER) || !key.ReadASN1Element(&modulus, tag.INTEGER) ||
		!key.ReadASN1Element(&exponent, tag.INTEGER) {
		return nil
	}
	var public cryptobyte.Builder
	public.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(modulus)
		b.AddBytes(exponent)
	})
	out, err := public.Bytes()
	if err != nil {
		return nil
	}
	return out
}

// publicEC is the point of an ECPrivateKey of RFC 5915, made from the secret: what stands
// beside it is not believed.
func publicEC(der cryptobyte.String, curve asn1.ObjectIdentifier) []byte {
	var key, given, named cryptobyte.String
	if !der.ReadASN1(&key, tag.SEQUENCE) || !key.SkipASN1(tag.INTEGER) || !key.ReadASN1(&given, tag.OCTET_STRING) {
		return nil
	}
	if curve == nil && (!key.ReadASN1(&named, tag.Tag(0).Constructed().ContextSpecific()) ||
		!named.ReadASN1ObjectIdentifier(&curve)) {
		return nil
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
	if of == nil || len(given) > size {
		return nil
	}
	secret := make([]byte, size)
	copy(secret[size-len(given):], given)
	defer clear(secret)
	private, err := of.NewPrivateKey(secret)
	if err != nil {
		return nil
	}
	return private.PublicKey().Bytes()
}
