package idtoken

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	// keysLife is how long keys count that the issuer showed. The library keeps them until
	// it meets one that it does not know: a key that the issuer took back would count for
	// ever.
	keysLife = 10 * time.Minute
	// failureLife is how long an issuer that did not answer is left alone.
	failureLife = 5 * time.Second
)

// Verifier holds tokens to the rules, by the keys that the issuer shows. It is safe for
// concurrent use.
type Verifier struct {
	rules Rules
	// turn is held while the issuer is asked, and for what is below.
	turn    chan struct{}
	current *provider
	failed  time.Time
	failure error
}

// New makes it. The issuer is asked at the first token, so that what starts does not hang
// on it.
func New(r Rules) *Verifier {
	if r.Now == nil {
		r.Now = time.Now
	}
	return &Verifier{rules: r, turn: make(chan struct{}, 1)}
}

// unreachable is [ErrUnreachable] and why.
type unreachable struct{ cause error }

func (u *unreachable) Error() string { return fmt.Sprintf("%v: %s", ErrUnreachable, told(u.cause)) }

// maxReason is the length of what is told, in characters.
const maxReason = 300

// told is a short line of an error. What an issuer answers is of any length, and so is what
// stands in a token that anybody sends, and the library quotes both: the service's log has a
// line for each.
func told(err error) string {
	line := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, err.Error())
	return fmt.Sprintf("%.*s", maxReason, line)
}

func (u *unreachable) Unwrap() []error { return []error{ErrUnreachable, u.cause} }

// provider is what an issuer said of itself.
type provider struct {
	found    *oidc.Provider
	verifier *oidc.IDTokenVerifier
	since    time.Time
}

// Endpoints are where people sign in.
type Endpoints struct {
	oauth2.Endpoint
	// NamesItself says that answers of the authorization endpoint name the issuer (RFC
	// 9207), so that one without the name is another's.
	NamesItself bool
	// End is where people sign out at the issuer; "" where there is no such place.
	End string
	// Basic says that the issuer takes a client's secret in a header.
	Basic bool
}

// Endpoints asks the issuer for them.
func (v *Verifier) Endpoints(ctx context.Context) (Endpoints, error) {
	p, err := v.provider(ctx)
	if err != nil {
		return Endpoints{}, err
	}
	var more struct {
		NamesItself bool     `json:"authorization_response_iss_parameter_supported"`
		End         string   `json:"end_session_endpoint"`
		Methods     []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := p.found.Claims(&more); err != nil {
		return Endpoints{}, errors.New("what the issuer says of itself does not parse")
	}
	// OpenID Connect Discovery 1.0, section 3: who says nothing takes it there.
	basic := len(more.Methods) == 0 || slices.Contains(more.Methods, "client_secret_basic")
	return Endpoints{p.found.Endpoint(), more.NamesItself, more.End, basic}, nil
}

// Context has requests of the oauth2 library go where the verifier's go.
func (v *Verifier) Context(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, v.rules.HTTP)
}

// provider is what the issuer said last, if that is not too old.
func (v *Verifier) provider(ctx context.Context) (*provider, error) {
	select {
	case v.turn <- struct{}{}:
		defer func() { <-v.turn }()
	case <-ctx.Done():
		return nil, &unreachable{ctx.Err()}
	}
	now := v.rules.Now()
	if v.current != nil && now.Sub(v.current.since) < keysLife && !now.Before(v.current.since) {
		return v.current, nil
	}
	if v.failure != nil && time.Since(v.failed) < failureLife {
		return nil, v.failure
	}
	// Not the caller's own time: one who hangs up would have all others refused.
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	found, err := oidc.NewProvider(v.Context(asking), v.rules.Issuer)
	if err != nil {
		v.failed, v.failure = time.Now(), &unreachable{err}
		return nil, v.failure
	}
	p := &provider{found: found, since: now}
	if err := p.hold(context.WithoutCancel(ctx), v.rules); err != nil {
		v.failed, v.failure = time.Now(), &unreachable{err}
		return nil, v.failure
	}
	v.current, v.failure = p, nil
	return p, nil
}

// hold makes what holds tokens to signature and issuer. Time is not the
// library's: see [Rules.checkTime].
func (p *provider) hold(ctx context.Context, r Rules) error {
	var keys struct {
		URL string `json:"jwks_uri"`
	}
	if err := p.found.Claims(&keys); err != nil || keys.URL == "" {
		return errors.New("it does not say where its keys are")
	}
	names := make([]string, len(algorithms))
	for i, a := range algorithms {
		names[i] = string(a)
	}
	over := r.HTTP
	if r.Bounded {
		over = limited(over)
	}
	p.verifier = oidc.NewVerifier(r.Issuer, shown{oidc.NewRemoteKeySet(oidc.ClientContext(ctx, over), keys.URL)},
		// The client is not the library's to check: see [Rules.checkParty].
		&oidc.Config{SkipClientIDCheck: true, SupportedSigningAlgs: names, SkipExpiryCheck: true})
	return nil
}

// verify holds a token to signature and issuer.
func (p *provider) verify(ctx context.Context, raw string) (*oidc.IDToken, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var away error
	token, err := p.verifier.Verify(context.WithValue(ctx, unreachableKey{}, &away), raw)
	if away != nil {
		return nil, &unreachable{away}
	}
	if err != nil {
		return nil, errors.New(told(err))
	}
	return token, nil
}

type unreachableKey struct{}

// shown are the keys that the issuer shows. The library's verifier does not wrap their
// error: whether they could be had at all is noted beside it, since a person whose token
// is good must not be told that it is bad.
type shown struct{ remote *oidc.RemoteKeySet }

// VerifySignature is for [oidc.KeySet].
func (s shown) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := s.remote.VerifySignature(ctx, jwt)
	if cause := errors.Unwrap(err); cause != nil { // a signature that is bad has none
		if note, ok := ctx.Value(unreachableKey{}).(*error); ok {
			*note = cause
		}
	}
	return payload, err
}
