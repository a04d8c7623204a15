package keyservice_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/openid"
	"github.com/bulla-dev/bulla/keyservice"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1/keyservicev1connect"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// bearers is a service that takes tokens of a provider.
type bearers struct {
	*world
	provider *openid.Provider
}

func newBearers(t *testing.T) *bearers {
	t.Helper()
	b := &bearers{provider: openid.ForTest(t)}
	b.world = newWorldOf(t, api.SuiteHybrid, 2, 0, func(w *world) {
		w.oidc = config.OIDC{Issuer: b.provider.Issuer, ClientID: openid.ClientID, CAFile: b.provider.CAFile,
			Groups: []config.Group{{Name: "security", Roles: []config.Role{config.RoleAuditor}},
				{Name: "ops", Roles: []config.Role{config.RoleOperator, config.RoleDeveloper}}}}
	})
	b.eventually("ready", b.isReady)
	return b
}

// token is one that the provider gives to somebody now.
func (b *bearers) token(u openid.User, changes map[string]any) string {
	b.t.Helper()
	return b.provider.Sign(b.t, b.provider.Claims(u, b.now(), changes))
}

// as asks in the name of who bears a token.
func (b *bearers) as(token string) *client.Admin {
	b.t.Helper()
	admin := client.NewBearerAdmin(b.url, client.Bearer{Fleet: b.fleet, Person: "somebody",
		Authority: protocol.SPKIHash(b.service.Authority()),
		Token:     func(context.Context) (string, error) { return token, nil }})
	b.t.Cleanup(admin.Close)
	return admin
}

func look(ctx context.Context, as *client.Admin) error {
	_, err := as.ListLedger(ctx, &keyservicev1.ListLedgerRequest{})
	return err
}

func readLog(ctx context.Context, as *client.Admin) error {
	_, err := as.ListAudit(ctx, &keyservicev1.ListAuditRequest{})
	return err
}

func TestAPersonComesByATokenAsTheirGroupsSay(t *testing.T) {
	b := newBearers(t)
	ada := openid.User{Name: "u-ada", Email: "ada@acme.example", Groups: []string{"security", "elsewhere"}}
	auditor := b.as(b.token(ada, nil))
	if err := errors.Join(look(t.Context(), auditor), readLog(t.Context(), auditor)); err != nil {
		t.Fatal(err)
	}
	wantDenied(t, auditor.AcceptHistory(t.Context(), strings.Repeat("a", 40)), keyservicev1.ReasonRole)

	// Without groups, or in none that the configuration has, a good token lets in nowhere.
	for _, groups := range [][]string{nil, {}, {"elsewhere"}, {"Security"}} {
		eve := openid.User{Name: "u-eve", Email: "eve@acme.example", Groups: groups}
		wantDenied(t, look(t.Context(), b.as(b.token(eve, nil))), keyservicev1.ReasonPerson)
	}
	// What does not count at all.
	for name, token := range map[string]string{
		"another issuer's": b.token(ada, map[string]any{"iss": "https://login.example.com"}),
		"another client's": b.token(ada, map[string]any{"aud": "wiki"}),
		"ended":            b.token(ada, map[string]any{"exp": b.now().Add(-time.Minute).Unix()}),
		"no token":         "x",
	} {
		err := look(t.Context(), b.as(token))
		if !isDenied(err, keyservicev1.ReasonToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Who they are is in the log, by address and by subject; the token is nowhere.
	found := false
	for _, e := range b.recorded(audit.Person) {
		if e.Person == "ada@acme.example" && e.Kind == audit.Person && e.Outcome == audit.Done && e.Detail == "ListAudit" {
			found = e.Identity == b.provider.Issuer+"#u-ada" && e.Certificate == ""
		}
	}
	if !found {
		t.Error("the log does not have what ada did, by address and subject")
	}
	if payload := strings.Split(b.token(ada, nil), ".")[1][:20]; strings.Contains(b.logs.String(), payload) {
		t.Error("the service's log quotes a token")
	}
}

// isDenied reports whether the service refused for a reason.
func isDenied(err error, reason string) bool {
	var denied *client.DeniedError
	return errors.As(err, &denied) && denied.Reason == reason
}

// TestATokenEndsWhatItBegan: on the connection that is open.
func TestATokenEndsWhatItBegan(t *testing.T) {
	b := newBearers(t)
	ada := openid.User{Name: "u-ada", Groups: []string{"security"}}
	as := b.as(b.token(ada, map[string]any{"exp": b.now().Add(20 * time.Minute).Unix()}))
	if err := look(t.Context(), as); err != nil {
		t.Fatal(err)
	}
	b.offset.Store(int64(20*time.Minute + 31*time.Second))
	wantDenied(t, look(t.Context(), as), keyservicev1.ReasonToken)
	// One that says that it is good for a day is good for an hour.
	long := b.as(b.token(ada, map[string]any{"exp": b.now().Add(24 * time.Hour).Unix()}))
	if err := look(t.Context(), long); err != nil {
		t.Fatal(err)
	}
	b.offset.Add(int64(time.Hour + 31*time.Second))
	wantDenied(t, look(t.Context(), long), keyservicev1.ReasonToken)
}

func TestARoleThatIsTakenAwayEndsAtTheNextRequest(t *testing.T) {
	b := newBearers(t)
	ada := openid.User{Name: "u-ada", Groups: []string{"security"}}
	bob := openid.User{Name: "u-bob", Groups: []string{"ops"}}
	asAda, asBob := b.as(b.token(ada, nil)), b.as(b.token(bob, nil))
	if err := errors.Join(look(t.Context(), asAda), look(t.Context(), asBob)); err != nil {
		t.Fatal(err)
	}
	// The group has no role any more.
	b.oidc.Groups = b.oidc.Groups[1:]
	if err := b.service.SetGroups(t.Context(), b.oidc); err != nil {
		t.Fatal(err)
	}
	wantDenied(t, look(t.Context(), asAda), keyservicev1.ReasonPerson)
	if err := look(t.Context(), asBob); err != nil {
		t.Errorf("bob, after ada's group left: %v", err)
	}
	// One person, whatever their groups, and the token that they still have.
	b.oidc.Barred = []string{"u-bob"}
	if err := b.service.SetGroups(t.Context(), b.oidc); err != nil {
		t.Fatal(err)
	}
	wantDenied(t, look(t.Context(), asBob), keyservicev1.ReasonPerson)
	for _, want := range []string{"group security may not use the service any more", "subject u-bob is barred"} {
		said := false
		for _, e := range b.recorded(audit.Person) {
			said = said || e.Detail == want
		}
		if !said {
			t.Errorf("the log does not say %q", want)
		}
	}
	if err := b.service.SetGroups(t.Context(), config.OIDC{Issuer: b.oidc.Issuer, ClientID: b.oidc.ClientID,
		Groups: []config.Group{{Name: "x", Roles: []config.Role{"admin"}}}}); err == nil {
		t.Error("a role that there is not is taken")
	}
}

// TestGroupsOfAnotherProviderAreNobodys: a SIGHUP reads the groups, and a start the issuer.
func TestGroupsOfAnotherProviderAreNobodys(t *testing.T) {
	b := newBearers(t)
	as := b.as(b.token(openid.User{Name: "u-bob", Groups: []string{"ops"}}, nil))
	for name, change := range map[string]func(*config.OIDC){
		"issuer": func(c *config.OIDC) { c.Issuer = "https://login.example.com" },
		"client": func(c *config.OIDC) { c.ClientID = "another" },
	} {
		if err := b.service.SetGroups(t.Context(), b.oidc); err != nil {
			t.Fatal(err)
		}
		if err := look(t.Context(), as); err != nil {
			t.Fatal(err)
		}
		next := b.oidc
		change(&next)
		if err := b.service.SetGroups(t.Context(), next); err == nil || !strings.Contains(err.Error(), "restart") {
			t.Errorf("another %s: %v", name, err)
		}
		wantDenied(t, look(t.Context(), as), keyservicev1.ReasonPerson)
	}
}

// TestForgedTokensAreInTheLogPastTheLimitToo: their keys are unknown, so that the provider
// is asked, and then no more.
func TestForgedTokensAreInTheLogPastTheLimitToo(t *testing.T) {
	b := newBearers(t)
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := json.Marshal(b.provider.Claims(openid.User{Name: "u-ada", Groups: []string{"ops"}}, b.now(), nil))
	if err != nil {
		t.Fatal(err)
	}
	outcomes := map[string]int{}
	for i := range 20 {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256,
			Key: jose.JSONWebKey{Key: private, KeyID: fmt.Sprint("forged-", i)}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := signer.Sign(claims)
		if err != nil {
			t.Fatal(err)
		}
		token, err := signed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		switch err := look(t.Context(), b.as(token)); {
		case isDenied(err, keyservicev1.ReasonToken):
			outcomes[keyservicev1.ReasonToken]++
		case errors.Is(err, client.ErrUnavailable):
			outcomes[keyservicev1.ReasonUnavailable]++
		default:
			t.Fatalf("token %d: %v", i, err)
		}
	}
	for _, outcome := range []string{keyservicev1.ReasonToken, keyservicev1.ReasonUnavailable} {
		recorded := false
		for _, e := range b.recorded(audit.Person) {
			recorded = recorded || e.Outcome == outcome && e.Person == ""
		}
		if outcomes[outcome] == 0 || !recorded {
			t.Errorf("%d times %s, recorded %v", outcomes[outcome], outcome, recorded)
		}
	}
}

// TestATokensNameIsNoCertificates: somebody whose subject or address is the name of a person
// with a certificate gets nothing of theirs.
func TestATokensNameIsNoCertificates(t *testing.T) {
	b := newBearers(t)
	alice := b.person("alice", config.RoleOperator)
	entry := alice.entry(t, config.RoleOperator)
	for _, u := range []openid.User{
		{Name: "alice"}, {Name: "alice", Email: "alice"}, {Name: entry.Identity, Email: "alice@x"},
		{Name: "bulla://" + b.fleet + "/people/alice"},
	} {
		wantDenied(t, look(t.Context(), b.as(b.token(u, nil))), keyservicev1.ReasonPerson)
	}
	// With a certificate, a token beside it is not looked at: who shows two proofs is one of
	// them, and never both.
	if err := look(t.Context(), alice.admin); err != nil {
		t.Errorf("alice by her certificate: %v", err)
	}
}

func TestAProviderThatIsAwayShutsNobodyOutForGood(t *testing.T) {
	b := newBearers(t)
	b.provider.Down(true)
	alice := b.person("alice", config.RoleOperator)
	if err := look(t.Context(), alice.admin); err != nil {
		t.Errorf("by certificate: %v", err)
	}
	ada := openid.User{Name: "u-ada", Groups: []string{"security"}}
	if err := look(t.Context(), b.as(b.token(ada, nil))); !errors.Is(err, client.ErrUnavailable) {
		t.Errorf("by token: %v", err)
	}
	b.provider.Down(false)
	b.eventually("the provider is asked again", func() bool { return look(t.Context(), b.as(b.token(ada, nil))) == nil })
}

// TestATokenOpensNothingForClusters: what clusters ask takes a certificate, whatever else
// comes with it.
func TestATokenOpensNothingForClusters(t *testing.T) {
	b := newBearers(t)
	token := b.token(openid.User{Name: "u-bob", Groups: []string{"ops"}}, nil)
	for _, route := range keyservice.Routes() {
		if route.Auth != keyservice.AuthCertificate {
			continue
		}
		if status, text := b.post(route.Path, "Bearer "+token); status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", route.Path, status, text)
		}
	}
	const listLedger = keyservicev1connect.AdminServiceListLedgerProcedure
	for name, header := range map[string][]string{
		"two tokens": {"Bearer " + token, "Bearer " + token}, "another scheme": {"Basic " + token}, "none": {"Bearer "},
	} {
		status, text := b.post(listLedger, header...)
		if status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	if status, text := b.post(listLedger, "bearer "+token); status != http.StatusOK {
		t.Errorf("the scheme in lower case: %d %s", status, text)
	}
}

// post asks with an empty message and headers as they are, without a certificate.
func (b *bearers) post(path string, authorization ...string) (status int, text string) {
	b.t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(b.service.Authority())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url+path, strings.NewReader("{}"))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header["Authorization"] = authorization
	answer, err := transport.RoundTrip(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(body)
}
