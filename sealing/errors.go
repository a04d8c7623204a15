package sealing

import (
	"errors"
	"fmt"
)

// ErrOpen is every cryptographic failure to open: bad binding, bad point, bad
// MAC. They are one error with one text because telling them apart is an
// oracle to whoever crafts locks.
var ErrOpen = errors.New("cannot be opened: wrong binding, point or MAC")

// Class says which check refused. It is for the operator's own log and for
// test vectors; it must not reach the caller who sent the bytes.
type Class string

const (
	// ClassParse is not the canonical form of what it should be.
	ClassParse Class = "parse"
	// ClassLength is a fixed length that is not met.
	ClassLength Class = "length"
	// ClassPoint is not an uncompressed point on P-256. Is [ErrOpen].
	ClassPoint Class = "point"
	// ClassBinding is sealed for another context. Is [ErrOpen].
	ClassBinding Class = "binding"
	// ClassMAC is a refusal by HPKE, age's header MAC or age's payload AEAD. Is [ErrOpen].
	ClassMAC Class = "mac"
)

// Error is a refusal of a block, lock, payload or stanza.
type Error struct {
	Class Class
	// problem is empty for the classes that are ErrOpen.
	problem string
}

func (e *Error) Error() string {
	if e.Is(ErrOpen) {
		return ErrOpen.Error()
	}
	return e.problem
}

// Is makes errors.Is(err, ErrOpen) true for the cryptographic classes.
func (e *Error) Is(target error) bool {
	return target == ErrOpen && (e.Class == ClassPoint || e.Class == ClassBinding || e.Class == ClassMAC)
}

func refuse(class Class, format string, args ...any) error {
	return &Error{Class: class, problem: fmt.Sprintf(format, args...)}
}

var (
	errPoint   error = &Error{Class: ClassPoint}
	errBinding error = &Error{Class: ClassBinding}
	errMAC     error = &Error{Class: ClassMAC}
)
