package wire

import (
	"errors"
	"fmt"
)

// What callers tell apart.
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
)

// Fault says how an operation failed in the worker, and so what the parent does.
type Fault uint8

// The faults; FaultNone is none.
const (
	FaultNone     Fault = iota
	FaultOpen           // the ciphertext: sealing.ErrOpen
	FaultKey            // no such key: ErrNoKey
	FaultWrongKey       // ErrWrongKey
	FaultTaken          // ErrLabelTaken
	FaultAttrs          // ErrAttributes
	FaultPIN            // ErrPIN, for ever
	FaultBusy           // the token failed this once; the worker is sound
	FaultLost           // the token or the module is lost; replace the worker
	FaultSetup          // wrong module, no such token: a person must act
)

// Error is an error on its way over the pipe.
type Error struct {
	Fault Fault
	Text  string
	Hint  string
}

func (e *Error) Error() string { return e.Text }

// Is lets callers see the sentinels through the pipe.
func (e *Error) Is(target error) bool {
	switch e.Fault {
	case FaultKey:
		return target == ErrNoKey
	case FaultWrongKey:
		return target == ErrWrongKey
	case FaultTaken:
		return target == ErrLabelTaken
	case FaultAttrs:
		return target == ErrAttributes
	case FaultPIN:
		return target == ErrPIN
	}
	return false
}

// Faulty makes an [Error].
func Faulty(f Fault, format string, args ...any) *Error {
	return &Error{Fault: f, Text: fmt.Sprintf(format, args...)}
}

// ErrorOf is an error as it goes over the pipe: one that nobody named has lost the token.
func ErrorOf(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		if e.Text == err.Error() {
			return e
		}
		return &Error{Fault: e.Fault, Text: err.Error(), Hint: e.Hint}
	}
	return &Error{Fault: FaultLost, Text: err.Error()}
}
