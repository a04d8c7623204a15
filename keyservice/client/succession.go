package client

import (
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// maxSuccession bounds the authority's line in an answer; longer ones are refused.
const maxSuccession = 8

// readAuthority takes the authority that an answer names: the pinned one, or one
// that the pinned one's key, or a successor's in turn, signed for. A service that
// somebody took over without the old key cannot bring clusters an authority of
// its own.
func readAuthority(der []byte, line [][]byte, pin string) (*x509.Certificate, error) {
	ca, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read certificate authority: %w", err)
	}
	if err := ca.CheckSignatureFrom(ca); err != nil {
		return nil, errors.New("read certificate authority: it is not one")
	}
	if isPinned(ca, pin) {
		return ca, nil
	}
	if len(line) > maxSuccession {
		return nil, errors.New("read certificate authority: its line is too long")
	}
	chain := make([]*x509.Certificate, len(line))
	for n, der := range line {
		if chain[n], err = x509.ParseCertificate(der); err != nil {
			return nil, fmt.Errorf("read certificate authority: %w", err)
		}
	}
	if !succeeds(ca, chain, pin) {
		return nil, errors.New("read certificate authority: it is another than the pinned one, and the pinned one did not sign for it")
	}
	return ca, nil
}

func isPinned(c *x509.Certificate, pin string) bool {
	return subtle.ConstantTimeCompare([]byte(protocol.SPKIHash(c)), []byte(pin)) == 1
}

// succeeds walks the line from the certificate with the pinned key: each further
// one counts if the key of the last that counted signed it (RFC 4210, 4.4). The
// way back, from a new key to the one it succeeded, does not: its path length is
// 0, so that a key that was left leads nobody anywhere.
func succeeds(ca *x509.Certificate, line []*x509.Certificate, pin string) bool {
	var last *x509.Certificate
	for _, c := range line {
		switch {
		case last == nil && isPinned(c, pin):
			last = c
		case last != nil && c.IsCA && !c.MaxPathLenZero && c.CheckSignatureFrom(last) == nil:
			last = c
		}
	}
	return last != nil && protocol.SPKIHash(last) == protocol.SPKIHash(ca)
}
