package source

import (
	"errors"
	"fmt"
	"time"
)

// Errors of a [Source] that callers branch on, beside those of package tree.
var (
	// ErrHistoryRewritten: the source's head does not descend from the one that
	// was to be followed. The source keeps what it has.
	ErrHistoryRewritten = errors.New("history of the remote was rewritten")
	// ErrRefGone: the remote answers, and the configured ref is not there.
	ErrRefGone = errors.New("ref is gone from the remote")
	// ErrTagGone: the remote answers, and has no tag as the configuration means it.
	ErrTagGone = fmt.Errorf("no tag is as configured: %w", ErrRefGone)
	// ErrEmptyRepository: the remote answers, and has no ref at all.
	ErrEmptyRepository = errors.New("remote repository is empty")
	// ErrUnauthorized: the remote refused the credentials.
	ErrUnauthorized = errors.New("remote refused the credentials")
	// ErrHostKey: the SSH host key is not in known_hosts.
	ErrHostKey = errors.New("ssh host key is not in known_hosts")
	// ErrRedirected: the remote redirected to another host. It is not followed:
	// credentials would go along.
	ErrRedirected = errors.New("remote redirects to another host")
	// ErrCertificate: the remote's TLS certificate is not one to be trusted.
	ErrCertificate = errors.New("the remote's certificate is not trusted")
	// ErrUnknownRevision: the source does not hold that commit.
	ErrUnknownRevision = errors.New("unknown revision")
	// ErrRemote marks a text of ours about what a remote answered: it repeats
	// nothing that the remote said.
	ErrRemote = errors.New("remote refused")
)

// BusyError says that the remote has too much to do. Its text is the same for
// every try.
type BusyError struct {
	// Status is the HTTP status.
	Status int
	// After is how long it still wants to be left alone; zero when it did not say.
	After time.Duration
}

func (e *BusyError) Error() string {
	if e.After == 0 {
		return fmt.Sprintf("remote is busy: HTTP status %d", e.Status)
	}
	return fmt.Sprintf("remote is busy: HTTP status %d, and it wants to be left alone for a while", e.Status)
}

// Unwrap marks the text as ours.
func (e *BusyError) Unwrap() error { return ErrRemote }

// RetryAfter is how long the remote still wants to be left alone; zero when it
// did not ask for that.
func RetryAfter(err error) time.Duration {
	var busy *BusyError
	if errors.As(err, &busy) {
		return busy.After
	}
	return 0
}
