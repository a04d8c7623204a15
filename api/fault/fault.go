// Package fault is the voice of the three programs when something fails: what
// failed and where, then a hint that says what to do, and an exit code that a
// script can branch on.
//
// A fault's text never holds a secret value. Callers that handle values build
// their faults from keys, positions and categories only.
package fault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/bulla-dev/bulla/api/files"
)

// Code is an exit code of a command line.
type Code int

const (
	// OK means that everything asked for was done.
	OK Code = 0
	// Failure means that something failed; files are unchanged, but for those that
	// were listed as done.
	Failure Code = 1
	// Usage means that the command line itself, or a configuration, was wrong.
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

// WithHint is an error with a hint in the place of its own.
func WithHint(err error, hint string) error {
	return &Error{Code: codeOf(err), Hint: hint, Err: err}
}

// AsUsage is an error as one of the command line. Its hint stays.
func AsUsage(err error) error { return &Error{Code: Usage, Hint: hintOf(err), Err: err} }

// AsTrust is an error as one of what is trusted. Its hint stays.
func AsTrust(err error) error { return &Error{Code: Trust, Hint: hintOf(err), Err: err} }

// Hint is what to do about an error, where it says so itself.
func Hint(err error) string { return hintOf(err) }

// Line is an error in one line, with what to do about it where it says so: for what goes on
// without the part that failed.
func Line(err error) string {
	lines := strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' })
	line := strings.Join(strings.Fields(strings.Join(lines, "; ")), " ")
	if hint := hintOf(err); hint != "" {
		line += "; hint: " + hint
	}
	return line
}

func hintOf(err error) string {
	var f *Error
	if errors.As(err, &f) {
		return f.Hint
	}
	return ""
}

func codeOf(err error) Code {
	var f *Error
	if errors.As(err, &f) {
		return f.Code
	}
	return Failure
}

// errTold is behind every end of a run that printed all there is to say.
var errTold = errors.New("problems were found")

// ErrFindings ends a run that printed its findings already.
var ErrFindings = &Error{Code: Findings, Err: errTold}

// ErrDifferent ends a comparison that printed what differs, with the code of diff(1).
var ErrDifferent = &Error{Code: Failure, Err: errTold}

// ErrUnwell ends a diagnosis that printed what is wrong, with the code that users of
// other tools' checks know.
var ErrUnwell = &Error{Code: Failure, Err: errTold}

// Known says what a program knows about an error of a library: its exit code and
// what to do. A code of OK is no word about the code, an empty hint none about
// what to do.
type Known func(err error) (Code, string)

// Print writes err as "error: …" lines and its hint, and returns the exit code.
// Errors that were joined are told one by one, each with its own hint.
func Print(w io.Writer, err error, known ...Known) Code {
	if err == nil {
		return OK
	}
	code := OK
	parts := apart(err)
	for i, part := range parts {
		c, hint := ask(part, known)
		if i == 0 {
			code = c
		}
		print(w, part, hint)
	}
	return code
}

func ask(err error, known []Known) (code Code, hint string) {
	code = Failure
	var f *Error
	if errors.As(err, &f) {
		code, hint = f.Code, f.Hint
	}
	for _, k := range known {
		c, h := k(err)
		if c != OK && code == Failure {
			code = c
		}
		if hint == "" {
			hint = h
		}
	}
	if hint == "" {
		hint = files.Hint(err, "")
	}
	if hint == "" && errors.Is(err, context.Canceled) {
		hint = "it was stopped before its end: run it again"
	}
	return code, hint
}

func print(w io.Writer, err error, hint string) {
	if !errors.Is(err, errTold) {
		for line := range strings.SplitSeq(strings.TrimRight(err.Error(), "\n"), "\n") {
			// What found the mistake knows best what to do about it. Of several in one
			// line each has its hint behind it.
			what, own, told := strings.Cut(line, "; hint: ")
			if !told || strings.Contains(own, "; hint: ") {
				fmt.Fprintf(w, "error: %s\n", line)
				continue
			}
			fmt.Fprintf(w, "error: %s\nhint: %s\n", what, own)
		}
	}
	if hint != "" {
		fmt.Fprintf(w, "hint: %s\n", hint)
	}
}

// apart takes joined errors apart that come with hints of their own; others are
// one error in several lines.
func apart(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all, texts = joined.Unwrap(), []string{}
	for _, e := range all {
		texts = append(texts, e.Error())
	}
	if err.Error() != strings.Join(texts, "\n") {
		return []error{err}
	}
	var each []error
	for _, e := range all {
		each = append(each, apart(e)...)
	}
	return each
}
