package signin

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// LimitedError says that the provider wants to be asked less often (429). Whether that is for
// one person, or for all who come by this client, it does not say. It matches [ErrAway].
type LimitedError struct {
	// After is when it may be asked again; 0 where it does not say.
	After time.Duration
}

func (*LimitedError) Error() string {
	return ErrAway.Error() + ": it says that it was asked too often (429)"
}

// Unwrap is for [errors.Is].
func (*LimitedError) Unwrap() error { return ErrAway }

// away is what an answer says of a provider that gives none now.
func away(r *http.Response) error {
	if r.StatusCode == http.StatusTooManyRequests {
		seconds, err := strconv.ParseUint(r.Header.Get("Retry-After"), 10, 16)
		if err != nil { // a date, or nothing: callers wait as they think right
			seconds = 0
		}
		return &LimitedError{time.Duration(seconds) * time.Second}
	}
	return fmt.Errorf("%w: it answers %s", ErrAway, r.Status)
}
