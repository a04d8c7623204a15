package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// ErrUnavailable matches, with errors.Is, every failure after which the caller
// keeps what it has and tries again later.
var ErrUnavailable = errors.New("key service unavailable")

// UnavailableError is the type behind [ErrUnavailable].
type UnavailableError struct {
	Err error
	// RetryAfter is when the service wants to be asked again; zero when it did not
	// say. At most five minutes.
	RetryAfter time.Duration
	// Reason is one of keyservicev1's Reason constants when the service itself
	// answered; empty otherwise.
	Reason string
}

// maxRetryAfter bounds what a service, or who stands before it, can hold us up by.
const maxRetryAfter = 5 * time.Minute

// RetryAfter is how long the service asked to be left alone; zero when it did not.
func RetryAfter(err error) time.Duration {
	var unavailable *UnavailableError
	if errors.As(err, &unavailable) {
		return unavailable.RetryAfter
	}
	return 0
}

// IsRepositoryStale reports whether the service opens nothing because it has not
// seen for too long whether its head is the newest. It matches [ErrUnavailable]
// too.
func IsRepositoryStale(err error) bool {
	var unavailable *UnavailableError
	return errors.As(err, &unavailable) && unavailable.Reason == keyservicev1.ReasonStale
}

// IsHeadRefused reports whether the service opens nothing because the tip of the
// repository is one that it does not accept, for too long. It matches
// [ErrUnavailable] too.
func IsHeadRefused(err error) bool {
	var unavailable *UnavailableError
	return errors.As(err, &unavailable) && unavailable.Reason == keyservicev1.ReasonHeadRefused
}

// readRetryAfter takes the form in seconds (RFC 9110, 10.2.3).
func readRetryAfter(answer *connect.Error) time.Duration {
	seconds, err := strconv.ParseUint(answer.Meta().Get("Retry-After"), 10, 32)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxRetryAfter)
}

func (e *UnavailableError) Error() string {
	// The name of connect's code says the same word again.
	cause := strings.TrimPrefix(e.Err.Error(), connect.CodeUnavailable.String()+": ")
	return fmt.Sprintf("%v: %s", ErrUnavailable, cause)
}

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.Err }

// Is makes errors.Is(err, ErrUnavailable) true.
func (e *UnavailableError) Is(target error) bool { return target == ErrUnavailable }

// DeniedError is a refusal of the whole request.
type DeniedError struct {
	// Reason is one of keyservicev1's Reason constants.
	Reason string
	// Needed and Had are, for ReasonRole, the roles one of which it takes, and those
	// that the person has; empty where the service does not say.
	Needed, Had string
}

func (e *DeniedError) Error() string { return "key service refused the request: " + e.Reason }

// IsRefusedCertificate reports whether the service did not take the client
// certificate: in the handshake, where the reason is an alert, or for a request.
func IsRefusedCertificate(err error) bool {
	var denied *DeniedError
	if errors.As(err, &denied) {
		return denied.Reason == keyservicev1.ReasonCertificate
	}
	var alert *net.OpError
	return errors.As(err, &alert) && alert.Op == "remote error"
}

// roleList is what a list of roles looks like: nothing else is shown.
var roleList = regexp.MustCompile(`^[a-z]{1,20}(,[a-z]{1,20}){0,9}$`)

func readRoles(answer *connect.Error, header string) string {
	if roles := answer.Meta().Get(header); roleList.MatchString(roles) {
		return roles
	}
	return ""
}

// classify turns what connect returns into one of the two types above.
func classify(err error) error {
	var answer *connect.Error
	if !errors.As(err, &answer) {
		return &UnavailableError{Err: err}
	}
	switch answer.Code() {
	case connect.CodePermissionDenied, connect.CodeUnauthenticated,
		connect.CodeInvalidArgument, connect.CodeNotFound, connect.CodeFailedPrecondition,
		connect.CodeAlreadyExists:
		// Only the service's own word counts: a proxy's 403 must not look like
		// a decision.
		if connect.IsWireError(err) {
			return &DeniedError{Reason: answer.Message(), Needed: readRoles(answer, keyservicev1.HeaderRolesNeeded), Had: readRoles(answer, keyservicev1.HeaderRolesHad)}
		}
	case connect.CodeCanceled:
		// connect says so of a broken pipe too: only our own giving up counts.
		if errors.Is(err, context.Canceled) {
			return fmt.Errorf("ask key service: %w", context.Canceled)
		}
	}
	unavailable := &UnavailableError{Err: err, RetryAfter: readRetryAfter(answer)}
	if connect.IsWireError(err) {
		unavailable.Reason = answer.Message()
	}
	return unavailable
}
