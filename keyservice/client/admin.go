package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"connectrpc.com/connect"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1/keyservicev1connect"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// Admin asks the key service in the name of one person. What a person may do
// is the service's to say: each call may fail with a [*DeniedError] of reason
// ReasonPerson or ReasonRole. It is safe for concurrent use.
type Admin struct {
	rpc       keyservicev1connect.AdminServiceClient
	transport *http.Transport
	url       *url.URL
	fleet     string
	person    string
	// token is of who has no certificate.
	token func(context.Context) (string, error)
	err   error // what is wrong with the arguments of NewAdmin
}

// NewAdmin returns a client of the service at a URL that presents a person's
// certificate and trusts ca alone. An unusable argument is reported by the first
// call.
func NewAdmin(at string, certificate tls.Certificate, ca *x509.Certificate) *Admin {
	a := &Admin{}
	if a.err = a.prepare(at, certificate, ca); a.err != nil {
		a.err = fmt.Errorf("make key service client: %w", a.err)
		return a
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	a.transport = newTransport(&tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots,
		Certificates: []tls.Certificate{certificate}})
	a.rpc = keyservicev1connect.NewAdminServiceClient(newHTTPClient(a.transport, timeout), at,
		connect.WithReadMaxBytes(maxAnswer), connect.WithAcceptCompression("gzip", nil, nil))
	return a
}

func (a *Admin) prepare(at string, certificate tls.Certificate, ca *x509.Certificate) error {
	if ca == nil {
		return errors.New("no certificate authority")
	}
	if err := protocol.CheckURL(at); err != nil {
		return err
	}
	var err error
	if a.url, err = url.Parse(at); err != nil {
		return errors.New("the URL cannot be read")
	}
	if len(certificate.Certificate) == 0 {
		return errors.New("no certificate")
	}
	leaf, err := x509.ParseCertificate(certificate.Certificate[0])
	if err != nil {
		return err
	}
	a.fleet, a.person, err = protocol.ParsePersonURI(leaf)
	return err
}

// Close ends idle connections.
func (a *Admin) Close() {
	if a.transport != nil {
		a.transport.CloseIdleConnections()
	}
}

// Certificate is what the service at the URL shows, verified under the authority that
// the caller trusts.
func (a *Admin) Certificate(ctx context.Context) (*x509.Certificate, error) {
	if a.err != nil {
		return nil, a.err
	}
	at := a.url.Host
	if a.url.Port() == "" {
		at = net.JoinHostPort(a.url.Hostname(), "443")
	}
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: dialTimeout}, Config: a.transport.TLSClientConfig}
	conn, err := dialer.DialContext(ctx, "tcp", at)
	if err != nil {
		return nil, fmt.Errorf("reach key service: %w", err)
	}
	defer conn.Close()
	secured, ok := conn.(*tls.Conn)
	if !ok || len(secured.ConnectionState().PeerCertificates) == 0 {
		return nil, errors.New("reach key service: it shows no certificate")
	}
	return secured.ConnectionState().PeerCertificates[0], nil
}

// Fleet is the fleet that the certificate names, or the login.
func (a *Admin) Fleet() string { return a.fleet }

// Person is the person that the certificate names, or the token.
func (a *Admin) Person() string { return a.person }

// ListAudit reads entries of the audit log. Nothing in the answer is verified;
// package keyservice/audit does that.
func (a *Admin) ListAudit(ctx context.Context, in *keyservicev1.ListAuditRequest) (*keyservicev1.ListAuditResponse, error) {
	return administer(ctx, a, keyservicev1connect.AdminServiceClient.ListAudit, in)
}

// ListLedger reads what became of each secret on each cluster.
func (a *Admin) ListLedger(ctx context.Context, in *keyservicev1.ListLedgerRequest) (*keyservicev1.ListLedgerResponse, error) {
	return administer(ctx, a, keyservicev1connect.AdminServiceClient.ListLedger, in)
}

// Rewrap gets new locks under the Active sealing key for stubs that the
// accepted head places.
func (a *Admin) Rewrap(ctx context.Context, in *keyservicev1.RewrapRequest) (*keyservicev1.RewrapResponse, error) {
	return administer(ctx, a, keyservicev1connect.AdminServiceClient.Rewrap, in)
}

// AcceptHistory has the service take one rewritten head, once.
func (a *Admin) AcceptHistory(ctx context.Context, head string) error {
	_, err := administer(ctx, a, keyservicev1connect.AdminServiceClient.AcceptHistory, &keyservicev1.AcceptHistoryRequest{Head: head})
	return err
}

// Deny keeps something from being unsealed until a time.
func (a *Admin) Deny(ctx context.Context, in *keyservicev1.DenyRequest) (*keyservicev1.DenyResponse, error) {
	return administer(ctx, a, keyservicev1connect.AdminServiceClient.Deny, in)
}

// LiftDenial ends a denial before its time.
func (a *Admin) LiftDenial(ctx context.Context, id uint64) (*keyservicev1.Denial, error) {
	out, err := administer(ctx, a, keyservicev1connect.AdminServiceClient.LiftDenial, &keyservicev1.LiftDenialRequest{Id: id})
	return out.GetDenial(), err
}

// ListDenials says what is denied now.
func (a *Admin) ListDenials(ctx context.Context) (*keyservicev1.ListDenialsResponse, error) {
	return administer(ctx, a, keyservicev1connect.AdminServiceClient.ListDenials, &keyservicev1.ListDenialsRequest{})
}

// ListRollouts says how far the head's release of each placement with waves came, or of
// one.
func (a *Admin) ListRollouts(ctx context.Context, placement string) (*keyservicev1.ListRolloutsResponse, error) {
	return administer(ctx, a, keyservicev1connect.AdminServiceClient.ListRollouts,
		&keyservicev1.ListRolloutsRequest{Placement: placement})
}

// PromoteRollout has waves of the head's release count as passed.
func (a *Admin) PromoteRollout(ctx context.Context, in *keyservicev1.PromoteRolloutRequest) (
	*keyservicev1.PromoteRolloutResponse, error,
) {
	return administer(ctx, a, keyservicev1connect.AdminServiceClient.PromoteRollout, in)
}

// PauseRollout lets nothing of a placement start anew until a time, or ends that.
func (a *Admin) PauseRollout(ctx context.Context, in *keyservicev1.PauseRolloutRequest) (
	*keyservicev1.PauseRolloutResponse, error,
) {
	return administer(ctx, a, keyservicev1connect.AdminServiceClient.PauseRollout, in)
}

// PutStub keeps a stub for references to name. It returns the digest of its bytes, which
// the service is not asked for, and whether it was there.
func (a *Admin) PutStub(ctx context.Context, stub []byte) (digest string, was bool, err error) {
	in := &keyservicev1.PutStubRequest{Stub: stub}
	out, err := administer(ctx, a, keyservicev1connect.AdminServiceClient.PutStub, in)
	if err != nil {
		return "", false, err
	}
	if digest = api.StubDigest(stub); out.GetDigest() != digest {
		return "", false, fmt.Errorf("put stub: the service kept another digest than %s", digest)
	}
	return digest, out.GetWas(), nil
}

// GetStub returns the stub of a digest. What does not hash to it is an error.
func (a *Admin) GetStub(ctx context.Context, digest string) ([]byte, error) {
	in := &keyservicev1.GetStubRequest{Digest: digest}
	out, err := administer(ctx, a, keyservicev1connect.AdminServiceClient.GetStub, in)
	if err != nil {
		return nil, err
	}
	if api.StubDigest(out.GetStub()) != digest {
		return nil, fmt.Errorf("get stub: the service gave other bytes than those of %s", digest)
	}
	return out.GetStub(), nil
}

// Look has the service ask the repository for its head, and says which one is in
// force then.
func (a *Admin) Look(ctx context.Context) (*keyservicev1.LookResponse, error) {
	return administer(ctx, a, keyservicev1connect.AdminServiceClient.Look, &keyservicev1.LookRequest{})
}

// Describe says which build the service is, and what of it works.
func (a *Admin) Describe(ctx context.Context) (*keyservicev1.DescribeResponse, error) {
	return administer(ctx, a, keyservicev1connect.AdminServiceClient.Describe, &keyservicev1.DescribeRequest{})
}

func administer[In, Out any](ctx context.Context, a *Admin, call func(keyservicev1connect.AdminServiceClient, context.Context, *In) (*Out, error), in *In) (*Out, error) {
	if a.err != nil {
		return nil, a.err
	}
	ctx, err := a.withToken(ctx)
	if err != nil {
		return nil, err
	}
	out, err := call(a.rpc, ctx, in)
	if err != nil {
		return nil, classify(err)
	}
	return out, nil
}
