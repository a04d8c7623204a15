package idtoken_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/bulla-dev/bulla/fixtures/openid"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/keyservice/idtoken"
)

var ada = openid.User{Name: "u-ada", Email: "ada@acme.example", Groups: []string{"security", "developers"}}

// desk is a provider, and who looks at its tokens, with a clock of their own.
type desk struct {
	*openid.Provider
	*idtoken.Verifier
	now time.Time
}

func newDesk(t *testing.T, bounded bool) *desk {
	t.Helper()
	d := &desk{Provider: openid.ForTest(t), now: time.Now()}
	d.Add(ada)
	over, err := idtoken.NewHTTP(d.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	d.Verifier = idtoken.New(idtoken.Rules{Issuer: d.Issuer, ClientID: openid.ClientID, Others: []string{"console"},
		GroupsClaim: "groups", Skew: 30 * time.Second, MaxAge: time.Hour, HTTP: over, Bounded: bounded,
		Now: func() time.Time { return d.now }})
	return d
}

// token is one that counts, changed.
func (d *desk) token(t *testing.T, changes map[string]any) string {
	t.Helper()
	return d.Sign(t, d.Claims(ada, d.now, changes))
}

func TestATokenSaysWhoSomebodyIs(t *testing.T) {
	d := newDesk(t, true)
	got, err := d.Verify(t.Context(), d.token(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	if got.Subject != "u-ada" || got.Email != "ada@acme.example" || got.Issuer != d.Issuer ||
		!slices.Equal(got.Groups, []string{"developers", "security"}) {
		t.Errorf("%+v", got)
	}
	both := []string{"developers", "security"}
	for name, c := range map[string]struct {
		changes map[string]any
		email   string
		groups  []string
	}{
		"an address that nobody verified": {map[string]any{"email_verified": false}, "", both},
		"an address without a word of it": {map[string]any{"email_verified": nil}, "", both},
		"verified, as a text":             {map[string]any{"email_verified": "true"}, ada.Email, both},
		"no address":                      {map[string]any{"email": nil}, "", both},
		"an address of two lines":         {map[string]any{"email": "a@b\nc"}, "", both},
		"no groups":                       {map[string]any{"groups": nil}, ada.Email, nil},
		"one group, as a text":            {map[string]any{"groups": "security"}, ada.Email, []string{"security"}},
		"groups elsewhere": {map[string]any{"groups": nil, "_claim_names": map[string]string{"groups": "a"},
			"_claim_sources": map[string]any{"a": map[string]string{"endpoint": "https://127.0.0.1:1"}}}, ada.Email, nil},
	} {
		got, err := d.Verify(t.Context(), d.token(t, c.changes))
		if err != nil || got.Email != c.email || !slices.Equal(got.Groups, c.groups) {
			t.Errorf("%s: %q %q, %v", name, got.Email, got.Groups, err)
		}
	}
}

// TestATokenThatDoesNotCount has one thing wrong with each.
func TestATokenThatDoesNotCount(t *testing.T) {
	d := newDesk(t, false)
	at := func(of time.Duration) int64 { return d.now.Add(of).Unix() }
	for name, changes := range map[string]map[string]any{
		"of another issuer":             {"iss": "https://login.example.com"},
		"of an issuer with a slash":     {"iss": d.Issuer + "/"},
		"for another client":            {"aud": "other"},
		"for nobody":                    {"aud": nil},
		"for several, given to another": {"aud": []string{openid.ClientID, "other"}, "azp": "other"},
		"for several, given to nobody":  {"aud": []string{openid.ClientID, "other"}},
		"given to another":              {"azp": "other"},
		"for a console, given away":     {"aud": "console", "azp": "other"},
		"for both, given to nobody":     {"aud": []string{openid.ClientID, "console"}},
		"for one with an empty name":    {"aud": []string{""}, "azp": ""},
		"ended beyond the skew":         {"exp": at(-31 * time.Second)},
		"without an end":                {"exp": nil},
		"not good yet":                  {"nbf": at(32 * time.Second)},
		"with a text for nbf":           {"nbf": "soon"},
		"of the future":                 {"iat": at(32 * time.Second)},
		"without its time":              {"iat": nil},
		"too old, whatever its end":     {"iat": at(-time.Hour - 32*time.Second), "exp": at(24 * time.Hour)},
		"without a subject":             {"sub": nil},
		"with a subject of two lines":   {"sub": "u-ada\nu-bob"},
		"with a subject that is long":   {"sub": strings.Repeat("a", 256)},
		"with groups that are a number": {"groups": 7},
	} {
		if _, err := d.Verify(t.Context(), d.token(t, changes)); err == nil || errors.Is(err, idtoken.ErrUnreachable) {
			t.Errorf("a token %s: %v", name, err)
		}
	}
	for name, changes := range map[string]map[string]any{
		"ended within the skew":         {"exp": at(-29 * time.Second)},
		"not good yet, within the skew": {"nbf": at(29 * time.Second)},
		"made within the skew":          {"iat": at(29 * time.Second)},
		"for several, given to us":      {"aud": []string{openid.ClientID, "other"}, "azp": openid.ClientID},
		"for a console":                 {"aud": "console"},
		"for both, given to a console":  {"aud": []string{openid.ClientID, "console"}, "azp": "console"},
		"as old as may be":              {"iat": at(-time.Hour - 29*time.Second)},
	} {
		if _, err := d.Verify(t.Context(), d.token(t, changes)); err != nil {
			t.Errorf("a token %s: %v", name, err)
		}
	}
}

// TestASignatureThatDoesNotCount: what is signed by nobody, by a secret that everybody has,
// by a key that comes along, or is of another kind.
func TestASignatureThatDoesNotCount(t *testing.T) {
	d := newDesk(t, false)
	claims := d.Claims(ada, d.now, nil)
	public, id := d.PublicKey()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	eve := d.Claims(openid.User{Name: "u-eve"}, d.now, nil)
	own, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	body := func(value any) string {
		data, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(data)
	}
	good := d.token(t, nil)
	parts := strings.Split(good, ".")
	one := `{"protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`
	brought, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: own},
		(&jose.SignerOptions{EmbedJWK: true}).WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	data, _ := json.Marshal(claims)
	signed, err := brought.Sign(data)
	if err != nil {
		t.Fatal(err)
	}
	bringsItsKey, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	by := func(algorithm jose.SignatureAlgorithm, key any, kind string) string {
		named := jose.JSONWebKey{Key: key, KeyID: id}
		return openid.SignBy(t, jose.SigningKey{Algorithm: algorithm, Key: named}, claims, kind)
	}
	for name, raw := range map[string]string{
		"none":                       body(map[string]string{"alg": "none", "typ": "JWT"}) + "." + parts[1] + ".",
		"None":                       body(map[string]string{"alg": "None", "typ": "JWT"}) + "." + parts[1] + ".",
		"HS256 by the public key":    by(jose.HS256, der, "JWT"),
		"another's key":              by(jose.RS256, own, "JWT"),
		"a key that comes along":     bringsItsKey,
		"of other claims":            parts[0] + "." + body(eve) + "." + parts[2],
		"cut off":                    parts[0] + "." + parts[1] + ".",
		"JSON with two signatures":   `{"payload":"` + parts[1] + `","signatures":[` + one + "," + one + `]}`,
		"no token":                   "a.b.c",
		"nothing":                    "",
		"larger than a token may be": strings.Repeat("a", idtoken.MaxSize+1),
	} {
		_, err := d.Verify(t.Context(), raw)
		if err == nil || errors.Is(err, idtoken.ErrUnreachable) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && len(raw) > 16 && strings.Contains(err.Error(), parts[1][:16]) {
			t.Errorf("%s: the error quotes the token: %v", name, err)
		}
	}
	if _, err := d.Verify(t.Context(), good); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

// TestATokenOfAnotherKindDoesNotCount: an access token, or one that ends a session, is
// signed by the issuer's own key and may be for the same client.
func TestATokenOfAnotherKindDoesNotCount(t *testing.T) {
	d := newDesk(t, true)
	claims := d.Claims(ada, d.now, nil)
	for kind, counts := range map[string]bool{
		"JWT": true, "jwt": true, "at+jwt": false, "logout+jwt": false, "dpop+jwt": false,
	} {
		_, err := d.Verify(t.Context(), d.SignAs(t, claims, kind))
		if (err == nil) != counts {
			t.Errorf("a token of type %s: %v", kind, err)
		}
	}
}

func TestTheIssuersKeysMayChange(t *testing.T) {
	d := newDesk(t, true)
	before := d.token(t, nil)
	verify := func(raw string) error {
		t.Helper()
		_, err := d.Verify(t.Context(), raw)
		return err
	}
	if err := verify(before); err != nil {
		t.Fatal(err)
	}
	if err := d.Rotate(true); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(verify(d.token(t, nil)), verify(before)); err != nil {
		t.Errorf("after a rotation: %v", err)
	}
	// A key that the issuer took back counts no more, though nobody showed a new one.
	if err := d.Rotate(false); err != nil {
		t.Fatal(err)
	}
	if err := verify(before); err != nil {
		t.Errorf("its keys are those of a moment ago: %v", err)
	}
	d.now = d.now.Add(11 * time.Minute)
	if err := verify(before); err == nil || errors.Is(err, idtoken.ErrUnreachable) {
		t.Errorf("a key that was taken back: %v", err)
	}
	if err := verify(d.token(t, nil)); err != nil {
		t.Errorf("the new one: %v", err)
	}
}

// TestStrangersDoNotHaveTheIssuerAsked more than now and then: each token with a key that is
// not known has its keys asked for.
func TestStrangersDoNotHaveTheIssuerAsked(t *testing.T) {
	d := newDesk(t, true)
	own, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	good := d.token(t, nil)
	if _, err := d.Verify(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	forged := openid.SignBy(t, jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: own, KeyID: "x"}},
		d.Claims(ada, d.now, nil), "JWT")
	for range 100 {
		if _, err := d.Verify(t.Context(), forged); err == nil {
			t.Fatal("a forged token counts")
		}
	}
	if asked := d.Asked(openid.KeysPath); asked > 20 {
		t.Errorf("the issuer was asked for its keys %d times", asked)
	}
	if _, err := d.Verify(t.Context(), good); err != nil {
		t.Errorf("the good token, meanwhile: %v", err)
	}
}

func TestAnIssuerThatIsAwayDecidesNothing(t *testing.T) {
	d := newDesk(t, true)
	d.Down(true)
	raw := d.token(t, nil)
	if _, err := d.Verify(t.Context(), raw); !errors.Is(err, idtoken.ErrUnreachable) {
		t.Errorf("away from the beginning: %v", err)
	}
	d.Down(false)
	// It is left alone for a moment.
	wait.For(t, "it is asked again", func() error {
		_, err := d.Verify(t.Context(), raw)
		if err != nil && !errors.Is(err, idtoken.ErrUnreachable) {
			return wait.Final{Err: err}
		}
		return err
	})
	// A key that is not known while the keys cannot be had: nobody knows.
	if err := d.Rotate(true); err != nil {
		t.Fatal(err)
	}
	d.Down(true)
	if _, err := d.Verify(t.Context(), d.token(t, nil)); !errors.Is(err, idtoken.ErrUnreachable) {
		t.Errorf("a new key, away: %v", err)
	}
	if _, err := d.Verify(t.Context(), raw); err != nil {
		t.Errorf("a known key, away: %v", err)
	}
}

// TestAnIssuerIsWhoItsCertificateSays: a stranger at its address is not asked.
func TestAnIssuerIsWhoItsCertificateSays(t *testing.T) {
	p := openid.ForTest(t)
	over, err := idtoken.NewHTTP("") // the system's authorities
	if err != nil {
		t.Fatal(err)
	}
	v := idtoken.New(idtoken.Rules{Issuer: p.Issuer, ClientID: openid.ClientID, HTTP: over})
	token := p.Sign(t, p.Claims(ada, time.Now(), nil))
	if _, err := v.Verify(t.Context(), token); !errors.Is(err, idtoken.ErrUnreachable) {
		t.Errorf("%v", err)
	}
	plain := idtoken.New(idtoken.Rules{Issuer: "http" + strings.TrimPrefix(p.Issuer, "https"), ClientID: openid.ClientID,
		HTTP: over})
	if _, err := plain.Endpoints(t.Context()); err == nil || !strings.Contains(err.Error(), "not https") {
		t.Errorf("without TLS: %v", err)
	}
}

// TestAFloodOfStrangersShutsNobodyOut: what they have used up of the requests is not what
// the keys are looked at again by.
func TestAFloodOfStrangersShutsNobodyOut(t *testing.T) {
	d := newDesk(t, true)
	own, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		forged := openid.SignBy(t, jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: own, KeyID: "x"}},
			d.Claims(ada, d.now, nil), "JWT")
		for range 50 {
			if _, err := d.Verify(t.Context(), forged); err == nil {
				t.Fatal("a forged token counts")
			}
		}
		d.now = d.now.Add(11 * time.Minute)
		if _, err := d.Verify(t.Context(), d.token(t, nil)); err != nil {
			t.Errorf("a good token, once the keys are too old: %v", err)
		}
	}
}

// TestWhatATokenSaysFillsNoLog: anybody can send one, and nobody has looked at its signature
// when the library quotes what it says.
func TestWhatATokenSaysFillsNoLog(t *testing.T) {
	d := newDesk(t, false)
	long := "https://" + strings.Repeat("\x1b[31ma\n", 300)
	for _, claim := range []string{"iss", "aud"} {
		_, err := d.Verify(t.Context(), d.token(t, map[string]any{claim: long}))
		if err == nil || len(err.Error()) > 500 || strings.ContainsAny(err.Error(), "\x1b\n") {
			t.Errorf("%s: %.100q", claim, err)
		}
	}
}

// answers is a provider of which each page is another.
type answers map[string]string

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	status, text := http.StatusOK, a[r.URL.Path]
	if text == "" {
		status, text = http.StatusNotFound, a["else"]
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Request: r,
		Body: io.NopCloser(strings.NewReader(text))}, nil
}

// TestWhatAnIssuerAnswersFillsNoLog: an error page is of any length, and stands in the log
// of the service for each token that somebody sends, and on the terminal of a person.
func TestWhatAnIssuerAnswersFillsNoLog(t *testing.T) {
	const issuer, discovery = "https://issuer.example", "/.well-known/openid-configuration"
	page := strings.Repeat("\x1b[31m<p>this page was not found</p>\n", 10_000)
	named := func(issuer string) string {
		return `{"issuer":"` + issuer + `","jwks_uri":"https://issuer.example/keys"}`
	}
	p := openid.ForTest(t)
	token := p.Sign(t, p.Claims(ada, time.Now(), nil))
	for name, a := range map[string]answers{
		"no issuer":          {"else": page},
		"another issuer":     {discovery: named(strings.Repeat("https://other.example/", 1000))},
		"no keys":            {discovery: named(issuer), "else": page},
		"keys that are none": {discovery: named(issuer), "/keys": page},
	} {
		v := idtoken.New(idtoken.Rules{Issuer: issuer, ClientID: openid.ClientID, HTTP: &http.Client{Transport: a}})
		_, err := v.Verify(t.Context(), token)
		if !errors.Is(err, idtoken.ErrUnreachable) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if text := err.Error(); len(text) > 500 || strings.ContainsAny(text, "\x1b\n") {
			t.Errorf("%s: the error has %d bytes: %.100q", name, len(text), text)
		}
	}
}
