package idtoken

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// MaxSize bounds a token, in bytes. It goes with every request.
const MaxSize = 16 << 10

// algorithms are those with a private half. With an HMAC the issuer's public key would be
// the secret, which everybody has; "none" is no signature.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
	jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// ErrUnreachable means that it is not known whether a token counts: the issuer did not
// give its keys, or was asked for them just now.
var ErrUnreachable = errors.New("the issuer cannot be asked for its keys now")

// Rules are what a token is held to.
type Rules struct {
	// Issuer is the issuer's URL, exactly as it spells it itself.
	Issuer string
	// ClientID is whom the token must be for, or one of Others: further clients of the issuer
	// whose people's tokens count.
	ClientID string
	Others   []string
	// GroupsClaim names the claim with the groups; with none they are not read.
	GroupsClaim string
	// Skew is how far the issuer's clock may be from this one.
	Skew time.Duration
	// MaxAge is how long after its issue a token counts, whatever it says of its end.
	// Zero is no bound.
	MaxAge time.Duration
	// Now is the clock; time.Now by default.
	Now func() time.Time
	// HTTP reaches the issuer; see [NewHTTP].
	HTTP *http.Client
	// Bounded has the issuer's keys asked for now and then only. A token with a key that is
	// not known has them asked for, and whom everybody can reach everybody can send such
	// tokens.
	Bounded bool
}

// Claims are for whom a token speaks.
type Claims struct {
	Issuer, Subject string
	// Email is empty unless the issuer says that it verified the address.
	Email  string
	Groups []string
	// Nonce is of the sign-in that the token was given for.
	Nonce           string
	Issued, Expires time.Time
}

// Name is how the audit log names who comes by the token, and what people read. The
// subject alone says who it is: an address may be given to somebody else, and stands in
// the log beside the subject. Neither form is one of a certificate's name, so that nobody
// comes by the entry of another kind.
func (c Claims) Name() string {
	if c.Email != "" {
		return c.Email
	}
	return "oidc:" + c.Subject
}

// Verify returns what a token says if it counts. Its error never quotes the token. That
// the issuer cannot be asked is [ErrUnreachable].
func (v *Verifier) Verify(ctx context.Context, raw string) (Claims, error) {
	if err := checkForm(raw); err != nil {
		return Claims{}, err
	}
	p, err := v.provider(ctx)
	if err != nil {
		return Claims{}, err
	}
	token, err := p.verify(ctx, raw)
	if err != nil {
		return Claims{}, err
	}
	var all map[string]json.RawMessage
	if err := token.Claims(&all); err != nil {
		return Claims{}, errors.New("the token's claims do not parse")
	}
	if err := v.rules.checkParty(token, all); err != nil {
		return Claims{}, err
	}
	if err := v.rules.checkTime(token, all); err != nil {
		return Claims{}, err
	}
	if !isSubject(token.Subject) {
		return Claims{}, errors.New("the token's subject is not 1 to 255 characters of ASCII that print")
	}
	c := Claims{Issuer: token.Issuer, Subject: token.Subject, Email: verifiedEmail(all), Nonce: token.Nonce,
		Issued: token.IssuedAt, Expires: token.Expiry}
	c.Groups, err = groups(all[v.rules.GroupsClaim])
	return c, err
}

// checkForm refuses what is no signed ID token, before anybody is asked for keys.
func checkForm(raw string) error {
	if len(raw) > MaxSize {
		return fmt.Errorf("the token is larger than %d bytes", MaxSize)
	}
	signed, err := jose.ParseSignedCompact(raw, algorithms)
	if err != nil || len(signed.Signatures) != 1 {
		return errors.New("it is no token with one signature of an algorithm that counts")
	}
	// An access token or a logout token of the same issuer is signed by the same key, and
	// may be for the same client: its type says that it is not for this.
	typ, has := signed.Signatures[0].Protected.ExtraHeaders[jose.HeaderType]
	if name, isText := typ.(string); has && (!isText || !strings.EqualFold(name, "JWT")) {
		return errors.New("the token is of another type than JWT")
	}
	return nil
}

// counts says whether a client is one that a token may be for.
func (r Rules) counts(client string) bool {
	return client != "" && (client == r.ClientID || slices.Contains(r.Others, client))
}

// checkParty holds a token to whom it is for, and one that is for several to the one that it
// was issued to.
func (r Rules) checkParty(token *oidc.IDToken, all map[string]json.RawMessage) error {
	if !slices.ContainsFunc(token.Audience, r.counts) {
		return errors.New("the token is for another client")
	}
	party, has := "", all["azp"] != nil
	if has && json.Unmarshal(all["azp"], &party) != nil || has && !r.counts(party) {
		return errors.New("the token was issued to another client")
	}
	if !has && len(token.Audience) > 1 {
		return errors.New("the token is for several, and does not say to which it was issued")
	}
	return nil
}

// checkTime is in the place of the library's, which knows no skew, five minutes of it for
// nbf, and no age.
func (r Rules) checkTime(token *oidc.IDToken, all map[string]json.RawMessage) error {
	now := r.Now()
	if token.Expiry.IsZero() || token.Expiry.Unix() <= 0 || token.IssuedAt.Unix() <= 0 {
		return errors.New("the token does not say when it was issued, or when it ends")
	}
	if !now.Before(token.Expiry.Add(r.Skew)) {
		return fmt.Errorf("the token ended at %s", token.Expiry.UTC().Format(time.RFC3339))
	}
	if token.IssuedAt.After(now.Add(r.Skew)) {
		return fmt.Errorf("the token is of the future, %s", token.IssuedAt.UTC().Format(time.RFC3339))
	}
	if r.MaxAge > 0 && now.Sub(token.IssuedAt) > r.MaxAge+r.Skew {
		return fmt.Errorf("the token is older than %s", r.MaxAge)
	}
	if all["nbf"] == nil {
		return nil
	}
	var from float64
	if json.Unmarshal(all["nbf"], &from) != nil || from > float64(now.Add(r.Skew).Unix()) {
		return errors.New("the token is not good yet")
	}
	return nil
}

func isSubject(text string) bool {
	strange := func(r rune) bool { return r <= ' ' || r > '~' }
	return text != "" && len(text) <= 255 && !strings.ContainsFunc(text, strange)
}

// verifiedEmail is an address that the issuer vouches for. Without its word somebody may
// have entered another person's.
func verifiedEmail(all map[string]json.RawMessage) string {
	var email string
	var verified any
	if json.Unmarshal(all["email"], &email) != nil || json.Unmarshal(all["email_verified"], &verified) != nil {
		return ""
	}
	if verified != true && verified != "true" { // some issuers write it as a text
		return ""
	}
	before, after, found := strings.Cut(email, "@")
	if !found || before == "" || after == "" || len(email) > 254 || !isSubject(email) || strings.Contains(email, ":") {
		return ""
	}
	return email
}

// groups reads a list of names, or one name. Without the claim there are none.
func groups(raw json.RawMessage) ([]string, error) {
	if raw == nil {
		return nil, nil
	}
	var names []string
	if json.Unmarshal(raw, &names) == nil {
		return slices.Compact(slices.Sorted(slices.Values(names))), nil
	}
	var one string
	if json.Unmarshal(raw, &one) != nil {
		return nil, errors.New("the token's groups are neither names nor one name")
	}
	return []string{one}, nil
}
