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
	// requestEvery and requestBurst bound requests to it. A token with a key that is not
	// known has its keys asked for, and anybody can make such tokens.
	requestEvery = 5 * time.Second
	requestBurst = 10
)

// NewHTTP reaches an issuer: over TLS alone, under the authorities of a PEM file in the
// place of the system's where one is named, never to where an answer sends it, bounded in
// time, size and number. With bounded false the number is not: a command asks a few times
// and ends.
func NewHTTP(caFile string, bounded bool) (*http.Client, error) {
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
	if bounded {
		over.limiter = rate.NewLimiter(rate.Every(requestEvery), requestBurst)
	}
	return &http.Client{Transport: over, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}

// careful is the transport to an issuer.
type careful struct {
	under   http.RoundTripper
	limiter *rate.Limiter // nil: none
}

// RoundTrip is for [http.RoundTripper].
func (c *careful) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" {
		return nil, errors.New("the issuer names a place that is not https")
	}
	if c.limiter != nil && !c.limiter.Allow() {
		return nil, errors.New("the issuer was asked often enough for now")
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
