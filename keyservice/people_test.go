package keyservice_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/keyservice"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1/keyservicev1connect"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

// somebody is a person with a key of their own.
type somebody struct {
	name        string
	key         *ecdsa.PrivateKey
	credentials *client.Credentials
	admin       *client.Admin
}

func (p *somebody) entry(t testing.TB, roles ...config.Role) config.Person {
	t.Helper()
	identity, err := protocol.PublicKeyHash(p.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return config.Person{Name: p.name, Identity: identity, Roles: roles}
}

// person adds somebody to the configuration, and gives them a certificate as
// `people issue` does.
func (w *world) person(name string, roles ...config.Role) *somebody {
	w.t.Helper()
	p := &somebody{name: name, key: newKey(w.t)}
	w.people = append(w.people, p.entry(w.t, roles...))
	w.setPeople()
	w.certify(p, 30*24*time.Hour)
	return p
}

func (w *world) setPeople() {
	w.t.Helper()
	if err := w.service.SetPeople(w.t.Context(), w.people); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) certify(p *somebody, ttl time.Duration) {
	w.t.Helper()
	leaf, ca, err := w.issue(p.name, p.key, ttl)
	if err != nil {
		w.t.Fatal(err)
	}
	if p.credentials, _, err = client.ReadPerson(protocol.WritePerson(leaf, ca), p.key); err != nil {
		w.t.Fatal(err)
	}
	p.admin = client.NewAdmin(w.url, p.credentials.Certificate, p.credentials.CA)
	w.t.Cleanup(p.admin.Close)
}

func (w *world) issue(name string, key *ecdsa.PrivateKey, ttl time.Duration) (leaf, ca *x509.Certificate, err error) {
	w.t.Helper()
	file, err := protocol.PersonRequest(key)
	if err != nil {
		w.t.Fatal(err)
	}
	csr, err := protocol.ReadRequest(file)
	if err != nil {
		w.t.Fatal(err)
	}
	return authority.IssuePerson(w.t.Context(), authority.Options{Fleet: w.fleet, TTL: ttl, Store: w.rows, Token: w.worker}, w.people, name, csr)
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (p *somebody) look(t testing.TB) error {
	t.Helper()
	_, err := p.admin.ListLedger(t.Context(), &keyservicev1.ListLedgerRequest{})
	return err
}

func TestAPersonIsWhoTheConfigurationSays(t *testing.T) {
	w := newWorld(t)
	w.eventually("ready", w.isReady)
	alice, bob := w.person("alice", config.RoleAuditor), w.person("bob", config.RoleDeveloper)
	for _, p := range []*somebody{alice, bob} {
		if err := p.look(t); err != nil {
			t.Errorf("%s: %v", p.name, err)
		}
	}

	// Removed, on the connection that is open.
	w.people = slices.DeleteFunc(w.people, func(p config.Person) bool { return p.Name == "bob" })
	w.setPeople()
	wantDenied(t, bob.look(t), keyservicev1.ReasonPerson)
	if err := alice.look(t); err != nil {
		t.Errorf("alice, after bob left: %v", err)
	}

	// The name goes to somebody else: the old certificate is for the old key.
	other := w.person("bob", config.RoleDeveloper)
	if err := other.look(t); err != nil {
		t.Errorf("the new bob: %v", err)
	}
	wantDenied(t, bob.look(t), keyservicev1.ReasonPerson)

	// No certificate outlives its date, on an open connection either.
	w.offset.Store(int64(31 * 24 * time.Hour))
	wantDenied(t, alice.look(t), keyservicev1.ReasonCertificate)
}

// postAs asks with an empty message, and returns the status and the answer.
func postAs(w *world, certificate tls.Certificate, path string) (status int, text string) {
	w.t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(w.service.Authority())
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{
		RootCAs: roots, MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{certificate}}}
	defer transport.CloseIdleConnections()
	r, err := (&http.Client{Transport: transport}).Post(w.url+path, "application/json", strings.NewReader("{}"))
	if err != nil {
		return 0, err.Error() // refused in the handshake
	}
	defer r.Body.Close()
	answer, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return r.StatusCode, string(answer)
}

func TestACertificateIsIssuedOnlyToWhomTheConfigurationHas(t *testing.T) {
	w := newWorld(t)
	alice, mallory := &somebody{name: "alice", key: newKey(t)}, newKey(t)
	w.people = []config.Person{alice.entry(t, config.RoleAuditor)}
	for name, c := range map[string]struct {
		name string
		key  *ecdsa.PrivateKey
	}{
		"a name that is not there": {"bob", alice.key},
		"a name with another key":  {"alice", mallory},
	} {
		if leaf, _, err := w.issue(c.name, c.key, time.Hour); !errors.Is(err, authority.ErrNotConfigured) || leaf != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := w.issue("alice", alice.key, time.Hour); err != nil {
		t.Errorf("as configured: %v", err)
	}
}

// TestAPersonIsNotACluster holds the two kinds of certificates of one authority
// apart, in both directions.
func TestAPersonIsNotACluster(t *testing.T) {
	f := newFixture(t)
	alice := f.person("prod-eu", config.RoleOperator, config.RoleAuditor, config.RoleDeveloper)
	if err := alice.look(t); err != nil {
		t.Fatal(err)
	}

	// A person who is called as a cluster, at every route of a cluster.
	before := f.operations()
	rpc := rawClient(f.world, alice.credentials.Certificate)
	_, unseal := rpc.Unseal(t.Context(), &keyservicev1.UnsealRequest{Revision: f.head, Nonce: make([]byte, 16), Digests: []string{f.digest}})
	_, renew := rpc.Renew(t.Context(), &keyservicev1.RenewRequest{})
	_, report := rpc.Report(t.Context(), &keyservicev1.ReportRequest{Head: f.head})
	for name, err := range map[string]error{"Unseal": unseal, "Renew": renew} {
		if err == nil || !strings.Contains(err.Error(), keyservicev1.ReasonCertificate) {
			t.Errorf("%s with a person's certificate: %v", name, err)
		}
	}
	if report == nil {
		t.Error("Report with a person's certificate was answered")
	}
	if f.operations() != before {
		t.Error("the token was used for a person")
	}
	if c := client.New(f.url, alice.credentials.Certificate, alice.credentials.CA, nil); c.Cluster() != "" {
		t.Errorf("the client took a person's certificate for cluster %q", c.Cluster())
	}

	// A cluster whose key is in the configuration as a person's, at every route
	// of a person.
	eu := f.eu
	f.people = []config.Person{(&somebody{name: "prod-eu", key: eu.key}).entry(t, config.RoleOperator)}
	f.setPeople()
	for _, route := range keyservice.Routes() {
		if route.Auth != keyservice.AuthPerson {
			continue
		}
		if status, text := postAs(f.world, eu.credentials.Certificate, route.Path); status != 401 || !strings.Contains(text, keyservicev1.ReasonCertificate) {
			t.Errorf("%s with a cluster's certificate: %d %s", route.Path, status, text)
		}
	}
}

// TestAForgedPersonIsNobody holds certificates for a person in the
// configuration, of her own key, that are not what the authority issued.
func TestAForgedPersonIsNobody(t *testing.T) {
	w := newWorld(t)
	w.eventually("ready", w.isReady)
	alice := w.person("alice", config.RoleAuditor)
	authority, err := w.worker.Signer(t.Context(), hsm.SignerLabel(w.fleet, hsm.RoleCA))
	if err != nil {
		t.Fatal(err)
	}
	forge := func(change func(*x509.Certificate), parent *x509.Certificate, signer crypto.Signer) tls.Certificate {
		template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "alice"},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, URIs: []*url.URL{protocol.PersonURI(w.fleet, "alice")}}
		if change != nil {
			change(template)
		}
		if parent == nil {
			parent = template
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, alice.key.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: alice.key}
	}
	namesake := &x509.Certificate{Subject: w.service.Authority().Subject}
	path := keyservicev1connect.AdminServiceListLedgerProcedure
	if status, text := postAs(w, alice.credentials.Certificate, path); status != 200 {
		t.Fatalf("the issued certificate: %d %s", status, text)
	}
	ours := func(change func(*x509.Certificate)) tls.Certificate {
		return forge(change, w.service.Authority(), authority)
	}
	if status, text := postAs(w, ours(func(*x509.Certificate) {}), path); status != 200 {
		t.Fatalf("what the authority's key signs as it should: %d %s", status, text)
	}
	for name, certificate := range map[string]tls.Certificate{
		"of an authority with the same name": forge(nil, namesake, newKey(t)),
		"signed by herself":                  forge(nil, nil, alice.key),
		"none at all":                        {},
		"of another fleet": ours(func(c *x509.Certificate) {
			c.URIs = []*url.URL{protocol.PersonURI(strings.Repeat("0", 32), "alice")}
		}),
		"a person and a cluster at once": ours(func(c *x509.Certificate) { c.URIs = append(c.URIs, protocol.ClusterURI(w.fleet, "alice")) }),
		"with a DNS name beside":         ours(func(c *x509.Certificate) { c.DNSNames = []string{"alice"} }),
		"for a server too": ours(func(c *x509.Certificate) {
			c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
		}),
		"for a server only": ours(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }),
		"of an authority":   ours(func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }),
		"not valid yet":     ours(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }),
		"expired":           ours(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second) }),
	} {
		if status, text := postAs(w, certificate, path); status == 200 {
			t.Errorf("%s: answered %s", name, text)
		}
	}
}

// TestARoleIsAllThatAPersonMay asks every route of a person with every role.
func TestARoleIsAllThatAPersonMay(t *testing.T) {
	w := newWorld(t)
	w.eventually("ready", w.isReady)
	all := []config.Role{config.RoleOperator, config.RoleAuditor, config.RoleDeveloper}
	for _, role := range all {
		p := w.person(string(role), role)
		for _, route := range keyservice.Routes() {
			if route.Auth != keyservice.AuthPerson {
				continue
			}
			status, text := postAs(w, p.credentials.Certificate, route.Path)
			if refused := status == 403 && strings.Contains(text, keyservicev1.ReasonRole); refused == slices.Contains(route.Roles, role) {
				t.Errorf("%s by %s: %d %s", route.Path, role, status, text)
			}
		}
	}
	may := map[string][]config.Role{}
	for _, route := range keyservice.Routes() {
		if (route.Auth == keyservice.AuthPerson) != (len(route.Roles) > 0) {
			t.Errorf("%s: %s with roles %v", route.Path, route.Auth, route.Roles)
		}
		may[route.Path] = route.Roles
	}
	if slices.Contains(may[keyservicev1connect.AdminServiceListAuditProcedure], config.RoleDeveloper) {
		t.Error("a developer reads the audit log")
	}
}

// TestWhatAPersonDoesIsRecordedUnderTheirName, and what they may not do too.
func TestWhatAPersonDoesIsRecordedUnderTheirName(t *testing.T) {
	w := newWorld(t)
	w.eventually("ready", w.isReady)
	auditor, dev := w.person("ann", config.RoleAuditor), w.person("dev", config.RoleDeveloper)
	if err := dev.look(t); err != nil {
		t.Fatal(err)
	}
	_, err := dev.admin.ListAudit(t.Context(), &keyservicev1.ListAuditRequest{})
	wantDenied(t, err, keyservicev1.ReasonRole)
	w.people = w.people[:1]
	w.setPeople()
	wantDenied(t, dev.look(t), keyservicev1.ReasonPerson)
	wantDenied(t, dev.look(t), keyservicev1.ReasonPerson) // once more is counted, not recorded

	out, err := auditor.admin.ListAudit(t.Context(), &keyservicev1.ListAuditRequest{Person: "dev"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range out.GetEntries() {
		e, err := audit.ParseEntry(entry.GetEntry())
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind != audit.Person || !strings.HasPrefix(e.Identity, "sha256:") {
			t.Errorf("%+v", e)
		}
		what, _, _ := strings.Cut(e.Detail, " until ")
		got = append(got, e.Outcome+": "+what)
	}
	want := []string{"Done: may use the service as developer", "Done: certificate issued", "Done: ListLedger",
		"Role: ListAudit", "Done: may not use the service any more", "Person: ListLedger"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
