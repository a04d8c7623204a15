package authority

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/journal"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

// The authority is succeeded as RFC 4210, 4.4 has it: the new key is certified
// by the old one (NewWithOld) and the old one by the new (OldWithNew). In the
// overlap the service accepts what either issued, and shows both ways with its
// own certificate, so that a cluster connects whichever of the two it knows.
// Clusters learn the new one when they renew, and take it only with NewWithOld.

const (
	// successionLead is how long after its making a new generation begins to
	// issue: every replica must know it by then.
	successionLead = time.Minute
	// RefreshEvery is how often a replica looks for a new generation.
	RefreshEvery = 10 * time.Second
)

// ErrSuccession reports that the authority cannot be succeeded now.
var ErrSuccession = errors.New("a succession is under way")

// MayRotate says whether the last of a fleet's generations can be succeeded: one
// at a time.
func MayRotate(generations []store.Authority, now time.Time) error {
	n := len(generations)
	if n > 1 && (&issuer{Authority: generations[n-2]}).accepted(now) {
		return fmt.Errorf("succeed authority: %w: what generation %d issued is accepted until %s",
			ErrSuccession, generations[n-2].Generation, generations[n-2].Ends.Format(time.RFC3339))
	}
	return nil
}

// Parse reads the certificate of a generation.
func Parse(g store.Authority) (*x509.Certificate, error) {
	return x509.ParseCertificate(g.Certificate)
}

// Succeed makes the next generation of the authority under the signing
// key role, which the token has: a new key ([hsm.NextRole]), or the last one's
// again for a new certificate. It begins to issue in a minute; what the last
// one issued is accepted for overlap.
func Succeed(ctx context.Context, o Options, role string, overlap time.Duration) (*x509.Certificate, error) {
	a, err := Open(ctx, o)
	if err != nil {
		return nil, err
	}
	line := a.generations()
	last := line[len(line)-1]
	rows := make([]store.Authority, len(line))
	for n, i := range line {
		rows[n] = i.Authority
	}
	if err := MayRotate(rows, a.now()); err != nil {
		return nil, err
	}
	if last.signer == nil {
		return nil, fmt.Errorf("succeed authority: the token does not have the key %q", last.Role)
	}
	if last.certificate.MaxPathLenZero && role != last.Role {
		return nil, errors.New("succeed authority: its certificate does not let it certify a new key: make a new certificate for the same key first")
	}
	signer, err := o.Token.Signer(ctx, hsm.SignerLabel(a.fleet, role))
	if err != nil {
		return nil, fmt.Errorf("succeed authority: %w", err)
	}
	next, ends, err := a.successor(last, role, signer, overlap)
	if err != nil {
		return nil, fmt.Errorf("succeed authority: %w", err)
	}
	made, err := x509.ParseCertificate(next.Certificate)
	if err != nil {
		return nil, fmt.Errorf("succeed authority: %w", err)
	}
	e := audit.Entry{Kind: audit.Key, Outcome: audit.Done, Identity: protocol.SPKIHash(made),
		Detail: fmt.Sprintf("certificate authority %s; the one before is accepted until %s", role, ends.UTC().Format(time.RFC3339))}
	if err := a.rows.Do(ctx, a.rows.AddAuthority(next, ends), journal.Later(a.rows, a.fleet, e, a.now())); err != nil {
		return nil, fmt.Errorf("succeed authority: %w", err)
	}
	return made, nil
}

// successor makes the next generation, and says when the last one ends.
func (a *Authority) successor(last *issuer, role string, signer crypto.Signer, overlap time.Duration) (store.Authority, time.Time, error) {
	now := a.now()
	next := store.Authority{Fleet: a.fleet, Generation: last.Generation + 1, Role: role, Starts: now.Add(successionLead)}
	ends := next.Starts.Add(overlap)
	var err error
	if next.Certificate, err = selfSign(a.fleet, role, signer, now); err != nil || role == last.Role {
		return next, ends, err
	}
	template := authorityTemplate(a.fleet, role, now)
	if next.Forward, err = x509.CreateCertificate(rand.Reader, template, last.certificate, signer.Public(), last.signer); err != nil {
		return next, ends, err
	}
	certificate, err := x509.ParseCertificate(next.Certificate)
	if err != nil {
		return next, ends, err
	}
	template = wayBack(authorityTemplate(a.fleet, last.Role, now), ends)
	next.Back, err = x509.CreateCertificate(rand.Reader, template, certificate, last.signer.Public(), signer)
	return next, ends, err
}

// wayBack bounds what the new key says for the old one: that serving certificates
// of the overlap are good. The certificate is shown to everybody. Without the
// bounds, whoever has the old key, years after it was left, could serve to
// clusters that trust the new one alone, and sign successors for them.
func wayBack(template *x509.Certificate, ends time.Time) *x509.Certificate {
	template.NotAfter = ends
	template.MaxPathLen, template.MaxPathLenZero = 0, true
	return template
}

// Of picks, of a fleet's generations, the certificate that a join token
// made now pins.
func Of(generations []store.Authority, now time.Time) (*x509.Certificate, error) {
	for _, g := range slices.Backward(generations) {
		if g.Generation == 1 || !now.Before(g.Starts) {
			return x509.ParseCertificate(g.Certificate)
		}
	}
	return nil, fmt.Errorf("read certificate authority: %w", store.ErrNotFound)
}
