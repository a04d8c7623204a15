package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"time"

	"connectrpc.com/connect"
	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1/keyservicev1connect"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// cmdCertify is an operator of the key service, with an authority in software:
//
//	certify [--cluster] NAME REQUEST CERTIFICATE
func cmdCertify(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	name := protocol.PersonURI
	if args[0] == "--cluster" {
		name, args = protocol.ClusterURI, args[1:]
	}
	csr := must(x509.ParseCertificateRequest(must(protocol.ReadRequest([]byte(ts.ReadFile(args[1]))))))
	ca := w.authority()
	leaf := w.issue(&x509.Certificate{
		URIs:        []*url.URL{name(w.fleet, args[0])},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, csr.PublicKey)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), protocol.WritePerson(leaf, ca), 0o644))
}

// cmdTLSPair writes a certificate and its key, in PEM, as somebody else issued them:
//
//	tlspair CERTIFICATE KEY
func cmdTLSPair(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	w.authority()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	leaf := w.issue(&x509.Certificate{DNSNames: []string{"shop.example.com"}}, key.Public())
	der := must(x509.MarshalPKCS8PrivateKey(key))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}), 0o644))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
}

// authority is the certificate of the key service's authority, made on demand.
func (w *world) authority() *x509.Certificate {
	if w.ca == nil {
		w.caKey = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
		w.ca = w.issue(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign},
			w.caKey.Public())
	}
	return w.ca
}

func (w *world) issue(template *x509.Certificate, public any) *x509.Certificate {
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent := w.ca
	if parent == nil {
		parent = template
	}
	return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, parent, public, w.caKey))))
}

// adminService answers people with what a script says.
type adminService struct {
	keyservicev1connect.UnimplementedAdminServiceHandler
	answer   *keyservicev1.ListLedgerResponse
	rollouts *keyservicev1.ListRolloutsResponse
	refuse   string
	asked    string // file for the last request
}

func (s *adminService) ListRollouts(_ context.Context, in *keyservicev1.ListRolloutsRequest) (
	*keyservicev1.ListRolloutsResponse, error,
) {
	if s.refuse != "" {
		return nil, connect.NewError(connect.CodePermissionDenied, errors.New(s.refuse))
	}
	out := proto.CloneOf(s.rollouts)
	out.Rollouts = slices.DeleteFunc(out.Rollouts, func(r *keyservicev1.Rollout) bool {
		return in.GetPlacement() != "" && in.GetPlacement() != r.GetPlacement()
	})
	return out, nil
}

func (s *adminService) ListLedger(
	_ context.Context, in *keyservicev1.ListLedgerRequest,
) (*keyservicev1.ListLedgerResponse, error) {
	if s.refuse != "" {
		code := connect.CodePermissionDenied
		switch s.refuse {
		case keyservicev1.ReasonStale:
			code = connect.CodeUnavailable
		case keyservicev1.ReasonLimited:
			code = connect.CodeResourceExhausted
		}
		refusal := connect.NewError(code, errors.New(s.refuse))
		if s.refuse == keyservicev1.ReasonLimited {
			refusal.Meta().Set("Retry-After", "90")
		}
		return nil, refusal
	}
	if err := os.WriteFile(s.asked, []byte(in.GetCluster()+" "+in.GetPlacement()+" "+in.GetObject()+"\n"),
		0o600); err != nil {
		return nil, err
	}
	out := proto.CloneOf(s.answer)
	out.Clusters = slices.DeleteFunc(out.Clusters, func(c *keyservicev1.LedgerCluster) bool {
		return in.GetCluster() != "" && in.GetCluster() != c.GetCluster()
	})
	return out, nil
}

// PromoteRollout and PauseRollout write what they were asked for to the file asked.
func (s *adminService) PromoteRollout(_ context.Context, in *keyservicev1.PromoteRolloutRequest) (
	*keyservicev1.PromoteRolloutResponse, error,
) {
	if s.refuse != "" {
		return nil, connect.NewError(connect.CodePermissionDenied, errors.New(s.refuse))
	}
	return &keyservicev1.PromoteRolloutResponse{Passed: []string{"canary"}, Next: "rest", Until: in.GetUntil()},
		os.WriteFile(s.asked, []byte(fmt.Sprintln(in.GetPlacement(), in.GetHead(), in.GetAll(), in.GetReason())), 0o600)
}

func (s *adminService) PauseRollout(_ context.Context, in *keyservicev1.PauseRolloutRequest) (
	*keyservicev1.PauseRolloutResponse, error,
) {
	if s.refuse != "" {
		return nil, connect.NewError(connect.CodePermissionDenied, errors.New(s.refuse))
	}
	return &keyservicev1.PauseRolloutResponse{},
		os.WriteFile(s.asked, []byte(fmt.Sprintln(in.GetPlacement(), in.GetUntil() > 0, in.GetReason())), 0o600)
}

// Look finds the head that the script has.
func (s *adminService) Look(context.Context, *keyservicev1.LookRequest) (*keyservicev1.LookResponse, error) {
	if s.refuse != "" {
		return nil, connect.NewError(connect.CodePermissionDenied, errors.New(s.refuse))
	}
	return &keyservicev1.LookResponse{Head: s.answer.GetHead()}, nil
}

// cmdAdmin is the key service's side for people, until the script ends:
//
//	admin [--rollouts ROLLOUTS] LEDGER [REASON]
//
// LEDGER is the JSON of its answer to ListLedger, and ROLLOUTS to ListRollouts; with a
// REASON it refuses. It sets URL, and writes what it was asked for to the file asked.
func cmdAdmin(ts *testscript.TestScript, neg bool, args []string) {
	rollouts := &keyservicev1.ListRolloutsResponse{}
	if args[0] == "--rollouts" {
		ts.Check(protojson.Unmarshal([]byte(ts.ReadFile(args[1])), rollouts))
		args = args[2:]
	}
	w, s := worldOf(ts), &adminService{
		answer: &keyservicev1.ListLedgerResponse{}, rollouts: rollouts, asked: ts.MkAbs("asked"),
	}
	ts.Check(protojson.Unmarshal([]byte(ts.ReadFile(args[0])), s.answer))
	if len(args) > 1 {
		s.refuse = args[1]
	}
	mux := http.NewServeMux()
	mux.Handle(keyservicev1connect.NewAdminServiceHandler(s))
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	clients := x509.NewCertPool()
	clients.AddCert(w.authority())
	serving := w.issue(&x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, key.Public())
	server := httptest.NewUnstartedServer(mux)
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients,
		Certificates: []tls.Certificate{{Certificate: [][]byte{serving.Raw}, PrivateKey: key}}}
	server.EnableHTTP2 = true
	server.StartTLS()
	ts.Defer(server.Close)
	ts.Setenv("URL", server.URL)
}
