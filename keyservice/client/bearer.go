package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"connectrpc.com/connect"

	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1/keyservicev1connect"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// Bearer is somebody who comes by the token of an OpenID provider.
type Bearer struct {
	// Fleet is the fleet's id, Person how the log will name them.
	Fleet, Person string
	// Authority is "sha256:" and the hash of the key of the service's authority, without
	// which a token would go to whoever answers.
	Authority string
	// Token gives the token for a request, made anew where the last one ends.
	Token func(context.Context) (string, error)
}

// NewBearerAdmin is [NewAdmin] for somebody without a certificate.
func NewBearerAdmin(at string, by Bearer) *Admin {
	a := &Admin{fleet: by.Fleet, person: by.Person, token: by.Token}
	if a.err = a.prepareBearer(at, by); a.err != nil {
		a.err = fmt.Errorf("make key service client: %w", a.err)
		return a
	}
	a.transport = newTransport(pinnedConfig(by.Authority, a.url.Hostname()))
	a.rpc = keyservicev1connect.NewAdminServiceClient(newHTTPClient(bearing{a.transport}, timeout), at,
		connect.WithReadMaxBytes(maxAnswer), connect.WithAcceptCompression("gzip", nil, nil))
	return a
}

func (a *Admin) prepareBearer(at string, by Bearer) error {
	if err := protocol.CheckURL(at); err != nil {
		return err
	}
	if !hexid.IsDigest(by.Authority) {
		return errors.New("the hash of the service's authority is not sha256: and 64 hexadecimal digits")
	}
	if by.Token == nil {
		return errors.New("no token")
	}
	var err error
	if a.url, err = url.Parse(at); err != nil {
		return errors.New("the URL cannot be read")
	}
	return nil
}

type tokenKey struct{}

// withToken fetches the token before the request, so that its own trouble is not taken for
// the service's.
func (a *Admin) withToken(ctx context.Context) (context.Context, error) {
	if a.token == nil {
		return ctx, nil
	}
	token, err := a.token(ctx)
	if err != nil {
		return nil, err
	}
	return context.WithValue(ctx, tokenKey{}, token), nil
}

// bearing puts the token of a request into its header.
type bearing struct{ under http.RoundTripper }

// RoundTrip is for [http.RoundTripper].
func (b bearing) RoundTrip(r *http.Request) (*http.Response, error) {
	token, ok := r.Context().Value(tokenKey{}).(string)
	if !ok {
		return nil, errors.New("the request has no token")
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+token)
	return b.under.RoundTrip(r)
}
