package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/kustomize/source"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
)

// httpRemote speaks Git's smart HTTP protocol, version 0
// (gitprotocol-http(5)).
type httpRemote struct {
	url    string
	auth   Auth
	client *http.Client
	limits Limits
	quiet  silence
}

func newHTTPRemote(u *url.URL, auth Auth, limits Limits) (*httpRemote, error) {
	secret := auth.Username != "" || auth.Password != ""
	// Loopback is this machine's no more where a proxy is asked for it.
	private := isLoopback(u.Hostname()) && auth.Proxy.Address == ""
	if secret && u.Scheme == "http" && !auth.InsecureHTTP && !private {
		return nil, errors.New("credentials would go over plain http: use https, or allow it explicitly")
	}
	tlsConfig, err := tlsOf(auth)
	if err != nil {
		return nil, err
	}
	proxy, err := auth.Proxy.ofHTTP()
	if err != nil {
		return nil, err
	}
	return &httpRemote{
		url:    strings.TrimSuffix(u.String(), "/"),
		auth:   auth,
		limits: limits,
		client: &http.Client{
			CheckRedirect: sameOrigin,
			Transport: &http.Transport{
				Proxy:                  proxy,
				OnProxyConnectResponse: refusedByProxy,
				DialContext:            dialer.DialContext,
				TLSClientConfig:        tlsConfig,
				ForceAttemptHTTP2:      true,
				TLSHandshakeTimeout:    15 * time.Second,
				ResponseHeaderTimeout:  2 * time.Minute,
				IdleConnTimeout:        90 * time.Second,
				MaxResponseHeaderBytes: 1 << 16,
				// A compressed answer would pass the bounds by its ratio.
				DisableCompression: true,
			},
		},
	}, nil
}

func tlsOf(auth Auth) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(auth.CAFile) == 0 {
		return config, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(auth.CAFile) {
		return nil, errors.New("CA file holds no certificate")
	}
	config.RootCAs = pool
	return config, nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// sameOrigin follows redirects within one scheme and host only. Anything else
// would carry credentials, or the choice of what is fetched, to a server that
// nobody configured.
func sameOrigin(req *http.Request, via []*http.Request) error {
	first := via[0].URL
	if req.URL.Host != first.Host || req.URL.Scheme != first.Scheme {
		return source.ErrRedirected
	}
	if len(via) > 5 {
		return source.ErrRedirected
	}
	return nil
}

func (r *httpRemote) Refs(ctx context.Context) (*packp.AdvRefs, error) {
	body, err := r.do(ctx, http.MethodGet, "/info/refs?service=git-upload-pack", nil,
		"application/x-git-upload-pack-advertisement")
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return decodeRefs(body, r.limits.Refs)
}

func (r *httpRemote) Pack(ctx context.Context,
	ask func(*packp.AdvRefs) (*packp.UploadPackRequest, error)) (io.ReadCloser, error) {
	adv, err := r.Refs(ctx)
	if err != nil {
		return nil, err
	}
	request, err := ask(adv)
	if err != nil {
		return nil, err
	}
	var content bytes.Buffer
	if err := encodeRequest(&content, request, false); err != nil {
		return nil, err
	}
	body, err := r.do(ctx, http.MethodPost, "/git-upload-pack", &content, "application/x-git-upload-pack-result")
	if err != nil {
		return nil, err
	}
	pack, err := decodePack(request, body, r.limits.Pack)
	if err != nil {
		body.Close()
		return nil, err
	}
	return pack, nil
}

func (r *httpRemote) do(ctx context.Context, method, path string, content io.Reader,
	contentType string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, method, r.url+path, content)
	if err != nil {
		return nil, errors.New("make request")
	}
	req.Header.Set("User-Agent", "git/bulla")
	req.Header.Set("Accept", contentType)
	if content != nil {
		req.Header.Set("Content-Type", "application/x-git-upload-pack-request")
	}
	if r.auth.Username != "" || r.auth.Password != "" {
		req.SetBasicAuth(r.auth.Username, r.auth.Password)
	}
	if err := r.quiet.check(time.Now()); err != nil {
		return nil, err
	}
	res, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	switch res.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		err = r.quiet.heed(res, time.Now())
	default:
		err = statusError(res, contentType)
	}
	if err != nil {
		res.Body.Close()
		return nil, err
	}
	return res.Body, nil
}

// statusError never reads the body: it is the server's text.
func statusError(res *http.Response, contentType string) error {
	switch {
	case res.StatusCode == http.StatusUnauthorized, res.StatusCode == http.StatusForbidden:
		return source.ErrUnauthorized
	case res.StatusCode == http.StatusNotFound:
		return fmt.Errorf("repository not found, or not visible with these credentials: %w", source.ErrRemote)
	case res.StatusCode != http.StatusOK:
		return fmt.Errorf("HTTP status %d: %w", res.StatusCode, source.ErrRemote)
	case res.Header.Get("Content-Type") != contentType:
		return fmt.Errorf("answer is not Git's smart HTTP protocol: %w", source.ErrRemote)
	}
	return nil
}

// encodeRequest writes wants, haves and "done"; over SSH haves end with a flush.
func encodeRequest(w io.Writer, request *packp.UploadPackRequest, flush bool) error {
	if err := request.UploadRequest.Encode(w); err != nil {
		return err
	}
	if err := request.UploadHaves.Encode(w, flush); err != nil {
		return err
	}
	return pktline.NewEncoder(w).EncodeString("done\n")
}
