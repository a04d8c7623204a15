package idtoken

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"golang.org/x/time/rate"
)

const (
	// patience bounds a request to the issuer.
	patience = 10 * time.Second
	// maxBody bounds what it answers, in bytes.
	maxBody = 1 << 20
	// keysEvery and keysBurst bound requests for its keys, see [Rules.Bounded].
	keysEvery = 5 * time.Second
	keysBurst = 10
)

// NewHTTP reaches an issuer: over TLS alone, under the authorities of a PEM file in the
// place of the system's where one is named, never to where an answer sends it, bounded in
// time and size.
func NewHTTP(caFile string) (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile != "" {
		data, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("read the issuer's authorities: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("read the issuer's authorities: %s has no certificate", caFile)
		}
	}
	over := &careful{under: &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: patience, IdleConnTimeout: time.Minute, MaxIdleConns: 2,
	}}
	return &http.Client{Transport: over, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}

// careful is the transport to an issuer.
type careful struct{ under http.RoundTripper }

// RoundTrip is for [http.RoundTripper].
func (c *careful) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" {
		return nil, errors.New("the issuer names a place that is not https")
	}
	answer, err := c.under.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answer.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(answer.Body, maxBody), answer.Body}
	return answer, nil
}

// limited is a client with a bound of its own on how often it asks. Each time that an
// issuer is looked at again it is a new one: what strangers have used up of the last keeps
// nobody from the keys of now.
func limited(over *http.Client) *http.Client {
	bounded := *over
	bounded.Transport = &sparing{over.Transport, rate.NewLimiter(rate.Every(keysEvery), keysBurst)}
	return &bounded
}

// ErrOften is within an [ErrUnreachable]: the token's key is none that the issuer showed,
// and it was asked often enough for now.
var ErrOften = errors.New("the issuer was asked often enough for now")

type sparing struct {
	under   http.RoundTripper
	limiter *rate.Limiter
}

// RoundTrip is for [http.RoundTripper].
func (s *sparing) RoundTrip(r *http.Request) (*http.Response, error) {
	if !s.limiter.Allow() {
		return nil, ErrOften
	}
	return s.under.RoundTrip(r)
}
