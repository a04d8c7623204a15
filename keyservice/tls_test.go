package keyservice_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/keyservice"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// TestRoutesAreThese pins the whole attack surface. A change here is a change
// of what strangers can reach.
func TestRoutesAreThese(t *testing.T) {
	const service, admin = "/bulla.keyservice.v1.KeyService/", "/bulla.keyservice.v1.AdminService/"
	want := []keyservice.Route{
		{Method: "POST", Path: service + "BeginEnroll", Body: 16384, Timeout: 15 * time.Second, InFlight: 16, Auth: keyservice.AuthJoinToken},
		{Method: "POST", Path: service + "CompleteEnroll", Body: 4096, Timeout: 15 * time.Second, InFlight: 16, Auth: keyservice.AuthJoinToken},
		{Method: "POST", Path: service + "Renew", Body: 4096, Timeout: 15 * time.Second, InFlight: 64, Auth: keyservice.AuthCertificate},
		{Method: "POST", Path: service + "ProveConsistency", Body: 1024, Timeout: 15 * time.Second, InFlight: 64, Auth: keyservice.AuthCertificate},
		{Method: "POST", Path: service + "Unseal", Body: 131072, Timeout: 60 * time.Second, InFlight: 256, Auth: keyservice.AuthCertificate},
		{Method: "POST", Path: service + "Report", Body: 262144, Timeout: 15 * time.Second, InFlight: 64, Auth: keyservice.AuthCertificate},
		{
			Method: "POST", Path: service + "AwaitHead", Body: 1024, Timeout: 110 * time.Second, InFlight: 16384,
			Auth: keyservice.AuthCertificate, Held: true,
		},
		{Method: "POST", Path: service + "ProveRewrite", Body: 1024, Timeout: 30 * time.Second, InFlight: 8,
			Auth: keyservice.AuthCertificate},
		{Method: "POST", Path: service + "MayTake", Body: 1024, Timeout: 30 * time.Second, InFlight: 64,
			Auth: keyservice.AuthCertificate},
		{Method: "POST", Path: admin + "ListAudit", Body: 4096, Timeout: 60 * time.Second, InFlight: 8, Auth: keyservice.AuthPerson,
			Roles: []config.Role{config.RoleOperator, config.RoleAuditor}},
		{Method: "POST", Path: admin + "ListLedger", Body: 4096, Timeout: 60 * time.Second, InFlight: 8, Auth: keyservice.AuthPerson,
			Repeats: true, Roles: []config.Role{config.RoleOperator, config.RoleAuditor, config.RoleDeveloper}},
		{Method: "POST", Path: admin + "Rewrap", Body: 131072, Timeout: 100 * time.Second, InFlight: 2, Auth: keyservice.AuthPerson,
			Roles: []config.Role{config.RoleOperator}},
		{Method: "POST", Path: admin + "AcceptHistory", Body: 1024, Timeout: 60 * time.Second, InFlight: 4, Auth: keyservice.AuthPerson,
			Roles: []config.Role{config.RoleOperator}},
		{Method: "POST", Path: admin + "Deny", Body: 4096, Timeout: 15 * time.Second, InFlight: 4, Auth: keyservice.AuthPerson,
			Roles: []config.Role{config.RoleOperator}},
		{Method: "POST", Path: admin + "LiftDenial", Body: 1024, Timeout: 15 * time.Second, InFlight: 4, Auth: keyservice.AuthPerson,
			Roles: []config.Role{config.RoleOperator}},
		{Method: "POST", Path: admin + "ListDenials", Body: 1024, Timeout: 15 * time.Second, InFlight: 8, Auth: keyservice.AuthPerson,
			Roles: []config.Role{config.RoleOperator, config.RoleAuditor, config.RoleDeveloper}},
		{Method: "POST", Path: admin + "ListRollouts", Body: 1024, Timeout: 60 * time.Second, InFlight: 4,
			Auth: keyservice.AuthPerson, Roles: []config.Role{config.RoleOperator, config.RoleAuditor, config.RoleDeveloper}},
		{Method: "POST", Path: admin + "PromoteRollout", Body: 1024, Timeout: 60 * time.Second, InFlight: 4,
			Auth: keyservice.AuthPerson, Roles: []config.Role{config.RoleOperator}},
		{Method: "POST", Path: admin + "PauseRollout", Body: 1024, Timeout: 15 * time.Second, InFlight: 4,
			Auth: keyservice.AuthPerson, Roles: []config.Role{config.RoleOperator}},
		{Method: "POST", Path: admin + "Look", Body: 1024, Timeout: 60 * time.Second, InFlight: 4, Auth: keyservice.AuthPerson,
			Roles: []config.Role{config.RoleOperator, config.RoleDeveloper}},
		{Method: "POST", Path: admin + "PutStub", Body: 2097216, Timeout: 30 * time.Second, InFlight: 4,
			Auth: keyservice.AuthPerson, Roles: []config.Role{config.RoleDeveloper}},
		{Method: "POST", Path: admin + "GetStub", Body: 1024, Timeout: 30 * time.Second, InFlight: 4,
			Auth: keyservice.AuthPerson, Roles: []config.Role{config.RoleOperator, config.RoleDeveloper}},
		{Method: "POST", Path: admin + "Describe", Body: 1024, Timeout: 15 * time.Second, InFlight: 4,
			Auth: keyservice.AuthPerson, Repeats: true, Roles: []config.Role{config.RoleOperator, config.RoleAuditor, config.RoleDeveloper}},
	}
	if diff := cmp.Diff(want, keyservice.Routes()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTLS13IsTheOnlyVersion(t *testing.T) {
	w := newWorld(t)
	roots := x509.NewCertPool()
	roots.AddCert(w.service.Authority())
	address := strings.TrimPrefix(w.url, "https://")
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS12})
	if err == nil {
		conn.Close()
		t.Fatal("TLS 1.2 was accepted")
	}
	conn, err = tls.Dial("tcp", address, &tls.Config{RootCAs: roots})
	if err != nil {
		t.Fatalf("TLS 1.3: %v", err)
	}
	conn.Close()
}

// TestAForgedCertificateIsNobody holds certificates that name prod-eu and are
// not the authority's.
func TestAForgedCertificateIsNobody(t *testing.T) {
	f := newFixture(t)
	template := func() *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "prod-eu"},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, URIs: []*url.URL{protocol.ClusterURI(f.fleet, "prod-eu")},
			BasicConstraintsValid: true}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := template()
	ca.IsCA, ca.URIs, ca.Subject = true, nil, f.service.Authority().Subject
	make := func(parent *x509.Certificate, signer *ecdsa.PrivateKey) tls.Certificate {
		der, err := x509.CreateCertificate(rand.Reader, template(), parent, key.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	}
	byMember := make(f.us.credentials.Certificate.Leaf, f.us.key)
	byMember.Certificate = append(byMember.Certificate, f.us.credentials.Certificate.Certificate[0])
	for name, certificate := range map[string]tls.Certificate{
		"of an authority with the same name": make(ca, key),
		"signed by another cluster's key":    byMember,
		"none at all":                        {},
	} {
		before := f.operations()
		_, err := rawClient(f.world, certificate).Unseal(t.Context(), &keyservicev1.UnsealRequest{
			Revision: f.head, Nonce: bytes.Repeat([]byte{1}, 16), Digests: []string{f.digest}})
		if err == nil {
			t.Errorf("%s: answered", name)
		}
		if f.operations() != before {
			t.Errorf("%s: the token was used", name)
		}
	}
}

func TestACertificateThatExpiresOnAnOpenConnectionIsRefused(t *testing.T) {
	f := newFixture(t)
	if _, result := f.eu.unseal(f.head, f.digest); !result.Granted() {
		t.Fatalf("%v", result.Refusal)
	}
	f.offset.Store(int64(25 * time.Hour))
	_, err := f.eu.client.Unseal(t.Context(), f.head, []string{f.digest})
	wantDenied(t, err, keyservicev1.ReasonCertificate)
}

func TestCurlIsAnswered(t *testing.T) {
	f := newFixture(t)
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	der, err := x509.MarshalPKCS8PrivateKey(f.eu.key)
	if err != nil {
		t.Fatal(err)
	}
	certificate := write("cert.pem", "CERTIFICATE", f.eu.credentials.Certificate.Certificate[0])
	key, ca := write("key.pem", "PRIVATE KEY", der), write("ca.pem", "CERTIFICATE", f.service.Authority().Raw)
	curl := func(path, body string, more ...string) []byte {
		arguments := append([]string{"--silent", "--show-error", "--cacert", ca, "--cert", certificate, "--key", key,
			"--header", "Content-Type: application/json", "--data", "@-", f.url + path}, more...)
		cmd := exec.Command("curl", arguments...)
		cmd.Stdin = strings.NewReader(body)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return out
	}
	const unseal = "/bulla.keyservice.v1.KeyService/Unseal"
	request := `{"revision":"` + f.head + `","nonce":"AAAAAAAAAAAAAAAAAAAAAA==","digests":["` + f.digest + `"]}`
	for _, version := range []string{"--http1.1", "--http2"} {
		var answer struct {
			Fleet, Head string
			Results     []struct{ Stanzas []any }
		}
		out := curl(unseal, request, version)
		if err := json.Unmarshal(out, &answer); err != nil || answer.Head != f.head || len(answer.Results[0].Stanzas) != 2 {
			t.Errorf("%s: %s", version, out)
		}
	}
	status := []string{"--output", os.DevNull, "--write-out", "%{http_code}"}
	for _, c := range []struct{ name, path, body, want string }{
		{"a body above the limit", unseal, `{"revision":"` + strings.Repeat("0", 140<<10) + `"}`, "429"},
		{"another path", "/debug/pprof/", "", "404"},
		{"an unknown procedure", "/bulla.keyservice.v1.KeyService/Rewrap", "{}", "404"},
	} {
		if got := string(curl(c.path, c.body, status...)); got != c.want {
			t.Errorf("%s: status %s, want %s", c.name, got, c.want)
		}
	}
	if got := string(curl(unseal, "", append(status, "--get")...)); got != "405" {
		t.Errorf("GET: status %s, want 405", got)
	}
}
