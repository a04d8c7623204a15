package hsm

import (
	"errors"
	"fmt"
	"time"

	"github.com/bulla-dev/bulla/sealing"
)

var (
	// ErrPIN says that the token refused the PIN. It is not tried again until
	// the program is restarted: tokens lock after a few refusals.
	ErrPIN = errors.New("the token refused the PIN")
	// ErrNoKey says that no such key is pinned, or that the token has none.
	ErrNoKey = errors.New("no such key")
	// ErrWrongKey says that the token's key is not the one that fleet.yaml pins.
	ErrWrongKey = errors.New("the token holds a different key than fleet.yaml pins")
	// ErrLabelTaken says that a ceremony found one of its labels occupied.
	ErrLabelTaken = errors.New("the label is already in use in the token")
	// ErrAttributes says that a key in the token may do more than it must.
	ErrAttributes = errors.New("the key's attributes are not as they must be")
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

// fault says how an operation failed in the worker, and so what the parent does.
type fault uint8

const (
	faultNone     fault = iota
	faultOpen           // the ciphertext: sealing.ErrOpen
	faultKey            // no such key: ErrNoKey
	faultWrongKey       // ErrWrongKey
	faultTaken          // ErrLabelTaken
	faultAttrs          // ErrAttributes
	faultPIN            // ErrPIN, for ever
	faultBusy           // the token failed this once; the worker is sound
	faultLost           // the token or the module is lost; replace the worker
	faultSetup          // wrong module, no such token: a person must act
)

// SetupError says that the module or the token is not as configured. Trying
// again does not help before a person has acted.
type SetupError struct {
	Problem string
	Hint    string // what to do; may be empty
}

func (e *SetupError) Error() string { return e.Problem }

// workerError is an error on its way over the pipe.
type workerError struct {
	Fault fault
	Text  string
	Hint  string
}

func (e *workerError) Error() string { return e.Text }

// Is lets callers see the sentinels through the pipe.
func (e *workerError) Is(target error) bool {
	switch e.Fault {
	case faultKey:
		return target == ErrNoKey
	case faultWrongKey:
		return target == ErrWrongKey
	case faultTaken:
		return target == ErrLabelTaken
	case faultAttrs:
		return target == ErrAttributes
	case faultPIN:
		return target == ErrPIN
	}
	return false
}

func faulty(f fault, format string, args ...any) *workerError {
	return &workerError{Fault: f, Text: fmt.Sprintf(format, args...)}
}

// publicError is what callers get for an error of the worker.
func publicError(e *workerError) error {
	switch {
	case e == nil:
		return nil
	case e.Fault == faultOpen:
		return sealing.ErrOpen // one error, whatever was wrong
	case e.Fault == faultSetup:
		return &SetupError{Problem: e.Text, Hint: e.Hint}
	default:
		return e
	}
}
