package keyservice

import (
	"context"
	"crypto"
	"crypto/ecdsa"
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
	// refreshEvery is how often a replica looks for a new generation.
	refreshEvery = 10 * time.Second
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

// refresh reads the generations, and reports whether they are others than before.
// A generation that cannot be used leaves those of before in place.
func (a *authority) refresh(ctx context.Context) (changed bool, err error) {
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

func (a *authority) generations() []*issuer {
	if line := a.line.Load(); line != nil {
		return *line
	}
	return nil
}

func (a *authority) load(ctx context.Context, row store.Authority) (*issuer, error) {
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
func (a *authority) issuer() *issuer {
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
func (a *authority) issued(leaf *x509.Certificate) bool {
	return slices.ContainsFunc(a.generations(), func(i *issuer) bool {
		return i.accepted(a.now()) && leaf.CheckSignatureFrom(i.certificate) == nil
	})
}

// pool has the accepted generations, for the handshake.
func (a *authority) pool() *x509.CertPool {
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
func (a *authority) presented() [][]byte {
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
func (a *authority) succession(to *issuer) [][]byte {
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

// certificate is that of the generation that issues.
func (a *authority) certificate() *x509.Certificate { return a.issuer().certificate }

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

// ParseAuthority reads the certificate of a generation.
func ParseAuthority(g store.Authority) (*x509.Certificate, error) {
	return x509.ParseCertificate(g.Certificate)
}

// SucceedAuthority makes the next generation of the authority under the signing
// key role, which the token has: a new key ([hsm.NextRole]), or the last one's
// again for a new certificate. It begins to issue in a minute; what the last
// one issued is accepted for overlap.
func SucceedAuthority(ctx context.Context, o Options, role string, overlap time.Duration) (*x509.Certificate, error) {
	a, err := openAuthority(ctx, o, 0)
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
	e := audit.Entry{Kind: audit.Key, Outcome: outcomeDone, Identity: protocol.SPKIHash(made),
		Detail: fmt.Sprintf("certificate authority %s; the one before is accepted until %s", role, ends.UTC().Format(time.RFC3339))}
	if err := a.rows.Do(ctx, a.rows.AddAuthority(next, ends), journal.Later(a.rows, a.fleet, e, a.now())); err != nil {
		return nil, fmt.Errorf("succeed authority: %w", err)
	}
	return made, nil
}

// successor makes the next generation, and says when the last one ends.
func (a *authority) successor(last *issuer, role string, signer crypto.Signer, overlap time.Duration) (store.Authority, time.Time, error) {
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

// AuthorityOf picks, of a fleet's generations, the certificate that a join token
// made now pins.
func AuthorityOf(generations []store.Authority, now time.Time) (*x509.Certificate, error) {
	for _, g := range slices.Backward(generations) {
		if g.Generation == 1 || !now.Before(g.Starts) {
			return x509.ParseCertificate(g.Certificate)
		}
	}
	return nil, fmt.Errorf("read certificate authority: %w", store.ErrNotFound)
}
