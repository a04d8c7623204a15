package admission

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// soon is how long before its end a certificate is told to end: what renews them by
// itself does so a month or a third of their time before.
const soon = 14 * 24 * time.Hour

// pair looks at a certificate and its key: whether they are one another's, the order of
// the chain (RFC 8446, 4.4.2: each certifies the one before), and the time.
func pair(cert, key []byte, now time.Time) []Problem {
	chain, err := certificates(cert)
	private, keyErr := tls.X509KeyPair(cert, key)
	switch {
	case err == nil && keyErr == nil:
		return append(order(chain), times(private.Leaf, now)...)
	case err == nil && len(chain) > 0 && isKey(key):
		return []Problem{problem("data", "%s", mismatch(chain, key))}
	}
	p := problem("data", "%s and %s are not a certificate and its key in PEM", corev1.TLSCertKey, corev1.TLSPrivateKeyKey)
	p.Warning = true
	return []Problem{p}
}

// certificates are those of a PEM text, in their order.
func certificates(text []byte) (chain []*x509.Certificate, err error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		chain = append(chain, cert)
	}
	return chain, nil
}

// isKey: the text is a private key that a server can read without a passphrase.
func isKey(text []byte) bool { return publicOf(text) != nil }

func publicOf(text []byte) crypto.PublicKey {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		var parsed any
		var err error
		switch block.Type {
		case "PRIVATE KEY":
			parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			parsed, err = x509.ParseECPrivateKey(block.Bytes)
		default:
			continue
		}
		if signer, ok := parsed.(crypto.Signer); ok && err == nil {
			return signer.Public()
		}
	}
	return nil
}

// mismatch says of which certificate the key is, if of any.
func mismatch(chain []*x509.Certificate, key []byte) string {
	public, ok := publicOf(key).(interface{ Equal(crypto.PublicKey) bool })
	for i, cert := range chain {
		if ok && i > 0 && public.Equal(cert.PublicKey) {
			return fmt.Sprintf("%s is the key of certificate %d in %s, which must be the first", corev1.TLSPrivateKeyKey, i+1,
				corev1.TLSCertKey)
		}
	}
	return fmt.Sprintf("%s is the key of another certificate than the first of %s", corev1.TLSPrivateKeyKey,
		corev1.TLSCertKey)
}

// order warns of a chain that many clients do not put in order themselves.
func order(chain []*x509.Certificate) []Problem {
	for i := 1; i < len(chain); i++ {
		if !bytes.Equal(chain[i-1].RawIssuer, chain[i].RawSubject) || chain[i-1].CheckSignatureFrom(chain[i]) != nil {
			p := problem("data."+corev1.TLSCertKey,
				"certificate %d is not the issuer of the one before: many clients refuse such a chain; write the server's first, "+
					"then who issued it, and so on", i+1)
			p.Warning = true
			return []Problem{p}
		}
	}
	return nil
}

func times(leaf *x509.Certificate, now time.Time) []Problem {
	text := ""
	switch {
	case leaf == nil:
	case now.After(leaf.NotAfter):
		text = "the certificate has ended on " + leaf.NotAfter.UTC().Format(time.DateOnly)
	case now.Before(leaf.NotBefore):
		text = "the certificate begins on " + leaf.NotBefore.UTC().Format(time.DateOnly)
	case now.Add(soon).After(leaf.NotAfter):
		text = "the certificate ends on " + leaf.NotAfter.UTC().Format(time.DateOnly)
	}
	if text == "" {
		return nil
	}
	p := problem("data."+corev1.TLSCertKey, "%s", text)
	p.Warning = true
	return []Problem{p}
}
