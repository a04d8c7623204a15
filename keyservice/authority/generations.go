package authority

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

// issuer is one generation of the authority.
type issuer struct {
	store.Authority
	certificate, forward, back *x509.Certificate
	// signer is nil when the token does not have the key (yet).
	signer crypto.Signer
}

// accepted reports whether what the generation issued counts.
func (i *issuer) accepted(now time.Time) bool { return i.Ends.IsZero() || now.Before(i.Ends) }

// Refresh reads the generations, and reports whether they are others than before.
// A generation that cannot be used leaves those of before in place.
func (a *Authority) Refresh(ctx context.Context) (changed bool, err error) {
	all, err := a.rows.Authorities(ctx, a.fleet)
	if err != nil {
		return false, err
	}
	if len(all) == 0 {
		return false, store.ErrNotFound
	}
	before := a.generations()
	line := make([]*issuer, len(all))
	for n, row := range all {
		known := n < len(before) && before[n].Ends.Equal(row.Ends)
		if known && before[n].signer != nil {
			line[n] = before[n]
			continue
		}
		if line[n], err = a.load(ctx, row); err != nil {
			return false, fmt.Errorf("generation %d: %w", row.Generation, err)
		}
		changed = changed || !known || line[n].signer != nil
	}
	if !slices.ContainsFunc(line, func(i *issuer) bool { return i.signer != nil }) {
		return false, errors.New("the token has no key of it")
	}
	if changed {
		a.line.Store(&line)
	}
	return changed, nil
}

// Generations is how many there are.
func (a *Authority) Generations() int { return len(a.generations()) }

func (a *Authority) generations() []*issuer {
	if line := a.line.Load(); line != nil {
		return *line
	}
	return nil
}

func (a *Authority) load(ctx context.Context, row store.Authority) (*issuer, error) {
	i := &issuer{Authority: row}
	for _, c := range []struct {
		der  []byte
		into **x509.Certificate
	}{{row.Certificate, &i.certificate}, {row.Forward, &i.forward}, {row.Back, &i.back}} {
		if len(c.der) == 0 {
			continue
		}
		var err error
		if *c.into, err = x509.ParseCertificate(c.der); err != nil {
			return nil, err
		}
	}
	if i.certificate == nil {
		return nil, errors.New("it has no certificate")
	}
	signer, err := a.token.Signer(ctx, hsm.SignerLabel(a.fleet, row.Role))
	switch {
	case err != nil && row.Generation == 1 && row.Ends.IsZero():
		return nil, err
	case err != nil:
		// Another generation issues; what this one issued is accepted all the same.
		a.log.Warn("the token does not give a key of the authority", "role", row.Role, "error", err.Error())
	case !isTokensKey(i.certificate, signer):
		return nil, ErrOtherToken
	default:
		i.signer = signer
	}
	return i, nil
}

func isTokensKey(certificate *x509.Certificate, signer crypto.Signer) bool {
	public, ok := certificate.PublicKey.(*ecdsa.PublicKey)
	return ok && public.Equal(signer.Public())
}

// issuer is the newest generation that has begun and whose key the token gives.
func (a *Authority) issuer() *issuer {
	line := a.generations()
	var first *issuer
	for n := len(line) - 1; n >= 0; n-- {
		if line[n].signer == nil {
			continue
		}
		if first = line[n]; !a.now().Before(first.Starts) {
			return first
		}
	}
	return first // a clock that was put back before the first: it must do
}

// issued reports whether an accepted generation signed the certificate.
func (a *Authority) issued(leaf *x509.Certificate) bool {
	return slices.ContainsFunc(a.generations(), func(i *issuer) bool {
		return i.accepted(a.now()) && leaf.CheckSignatureFrom(i.certificate) == nil
	})
}

// Pool has the accepted generations, for the handshake.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	for _, i := range a.generations() {
		if i.accepted(a.now()) {
			pool.AddCert(i.certificate)
		}
	}
	return pool
}

// presented is what goes along with a serving certificate: the accepted
// generations, and the ways between them.
func (a *Authority) presented() [][]byte {
	var chain [][]byte
	line := a.generations()
	for n, i := range line {
		if !i.accepted(a.now()) {
			continue
		}
		chain = append(chain, i.Certificate)
		if n > 0 && line[n-1].accepted(a.now()) && i.forward != nil {
			chain = append(chain, i.Forward, i.Back)
		}
	}
	return chain
}

// succession leads a cluster from any accepted generation to one that issues: see
// the proto's CompleteEnrollResponse.succession.
func (a *Authority) succession(to *issuer) [][]byte {
	var line [][]byte
	for _, i := range a.generations() {
		switch {
		case !i.accepted(a.now()):
		case len(line) == 0:
			line = append(line, i.Certificate)
		case i.forward != nil:
			line = append(line, i.Forward)
		}
		if i.Generation == to.Generation {
			break
		}
	}
	return line
}

// Certificate is that of the generation that issues.
func (a *Authority) Certificate() *x509.Certificate { return a.issuer().certificate }
