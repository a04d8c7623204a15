package hsm

import (
	"errors"
	"fmt"
	"time"

	"github.com/bulla-dev/bulla/sealing"
	"github.com/bulla-dev/bulla/sealing/hsm/internal/wire"
)

// What callers tell apart.
var (
	// ErrPIN says that the token refused the PIN. It is not tried again until
	// the program is restarted: tokens lock after a few refusals.
	ErrPIN = wire.ErrPIN
	// ErrNoKey says that no such key is pinned, or that the token has none.
	ErrNoKey = wire.ErrNoKey
	// ErrWrongKey says that the token's key is not the one that fleet.yaml pins.
	ErrWrongKey = wire.ErrWrongKey
	// ErrLabelTaken says that a ceremony found one of its labels occupied.
	ErrLabelTaken = wire.ErrLabelTaken
	// ErrAttributes says that a key in the token may do more than it must.
	ErrAttributes = wire.ErrAttributes
	// ErrClosed says that the worker was closed.
	ErrClosed = errors.New("the token worker is closed")
)

// UnavailableError says that the token cannot answer now: it is sick, hung or
// being replaced. The caller should retry, and must not blame the ciphertext.
type UnavailableError struct {
	// RetryAfter is when asking again makes sense.
	RetryAfter time.Duration
	// Err is what the token or the worker said.
	Err error
}

func (e *UnavailableError) Error() string { return fmt.Sprintf("token unavailable: %v", e.Err) }

func (e *UnavailableError) Unwrap() error { return e.Err }

// SetupError says that the module or the token is not as configured. Trying
// again does not help before a person has acted.
type SetupError struct {
	Problem string
	Hint    string // what to do; may be empty
}

func (e *SetupError) Error() string { return e.Problem }

// publicError is what callers get for an error of the worker.
func publicError(e *wire.Error) error {
	switch {
	case e == nil:
		return nil
	case e.Fault == wire.FaultOpen:
		return sealing.ErrOpen // one error, whatever was wrong
	case e.Fault == wire.FaultSetup:
		return &SetupError{Problem: e.Text, Hint: e.Hint}
	default:
		return e
	}
}
