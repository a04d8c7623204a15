// Package fault is the voice of the command line when something fails: what
// failed and where, then a hint that says what to do, and an exit code that a
// script can branch on.
//
// A fault's text never holds a secret value. Callers that handle values build
// their faults from keys, positions and categories only.
package fault

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/bulla-dev/bulla/cmd/internal/files"
)

// Code is an exit code of the command line.
type Code int

const (
	// OK means that everything asked for was done.
	OK Code = 0
	// Failure means that something failed; files are unchanged, but for those that
	// were listed as done.
	Failure Code = 1
	// Usage means that the command line itself was wrong.
	Usage Code = 2
	// Findings means that what was asked for was done, and that something is
	// wrong or was left as it was. `bulla exit-codes` has the list.
	Findings Code = 3
	// Trust means that a key, a signature or a log was refused, or nothing is
	// pinned.
	Trust Code = 4
)

// Error is an error with a hint and an exit code.
type Error struct {
	Code Code
	Hint string
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New returns a failure with a hint. The format may wrap a cause with %w.
func New(hint, format string, args ...any) error {
	return &Error{Code: Failure, Hint: hint, Err: fmt.Errorf(format, args...)}
}

// NewUsage returns a usage error with a hint.
func NewUsage(hint, format string, args ...any) error {
	return &Error{Code: Usage, Hint: hint, Err: fmt.Errorf(format, args...)}
}

// NewTrust returns a refused key or signature with a hint.
func NewTrust(hint, format string, args ...any) error {
	return &Error{Code: Trust, Hint: hint, Err: fmt.Errorf(format, args...)}
}

// ErrFindings ends a run that printed its findings already.
var ErrFindings = &Error{Code: Findings, Err: errors.New("problems were found")}

// Print writes err as "error: …" lines and its hint, and returns the exit code.
func Print(w io.Writer, err error) Code {
	if err == nil {
		return OK
	}
	code, hint := Failure, ""
	var f *Error
	if errors.As(err, &f) {
		code, hint = f.Code, f.Hint
	}
	if hint == "" {
		hint = files.Hint(err, "")
	}
	if !errors.Is(err, ErrFindings) {
		for line := range strings.SplitSeq(strings.TrimRight(err.Error(), "\n"), "\n") {
			fmt.Fprintf(w, "error: %s\n", line)
		}
	}
	if hint != "" {
		fmt.Fprintf(w, "hint: %s\n", hint)
	}
	return code
}
