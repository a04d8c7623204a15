package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/kustomize/source"
)

// certificateError says what is wrong with a remote's certificate, nil when that
// is not the trouble. Names in it are the server's to choose and not repeated.
func certificateError(err error) error {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verification *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	problem, hint := "", "put its authority's certificate into the CA file of the credentials"
	switch {
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Errorf("remote does not speak TLS on this port; hint: correct scheme or port of the URL: %w",
			source.ErrRemote)
	case errors.As(err, &authority):
		problem = "nobody who is trusted here signed it"
	case errors.As(err, &host):
		problem, hint = "it is for another host name", "use the name that it is for"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		problem, hint = "it has expired, or is not valid yet", "have it renewed, and compare the clocks"
	case errors.As(err, &invalid), errors.As(err, &verification):
		problem = "it does not verify"
	default:
		return nil
	}
	return fmt.Errorf("%w: %s; hint: %s", source.ErrCertificate, problem, hint)
}

// longestSilence bounds how long a remote can have itself left alone.
const longestSilence = time.Hour

// silence keeps to what a busy remote asked for, whoever wants something of it
// meanwhile. The zero value keeps none.
type silence struct {
	mu     sync.Mutex
	status int
	until  time.Time
}

// check is the remote's own answer for as long as it wants no other question.
func (s *silence) check(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if left := s.until.Sub(now); left > 0 {
		return &source.BusyError{Status: s.status, After: left}
	}
	return nil
}

// heed reads Retry-After in both of its forms (RFC 9110, 10.2.3).
func (s *silence) heed(res *http.Response, now time.Time) error {
	e := &source.BusyError{Status: res.StatusCode}
	text := res.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		e.After = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		e.After = at.Sub(now)
	}
	e.After = min(max(e.After, 0), longestSilence)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.until = e.Status, now.Add(e.After)
	return e
}
