package kustomize

import (
	"fmt"
	"strings"
)

// BuildError says why a placement does not build. It grants nothing then, and
// blocks no other placement.
type BuildError struct {
	Placement string
	// File is the file at fault, when one is known.
	File string
	// Line of the file, from 1; 0 when none is known.
	Line int
	// Problem says what is wrong in words for the file's author.
	Problem string
	// More are further problems, each with its own file.
	More []*BuildError
	// Err is the cause, if there is one beside Problem.
	Err error
}

func (e *BuildError) Error() string {
	where := ""
	if e.File != "" {
		where = e.File + ": "
		if e.Line > 0 {
			where = fmt.Sprintf("%s:%d: ", e.File, e.Line)
		}
	}
	text := fmt.Sprintf("build placement %q: %s%s", e.Placement, where, e.Problem)
	for _, more := range e.More {
		text += "; " + strings.TrimPrefix(more.Error(), fmt.Sprintf("build placement %q: ", e.Placement))
	}
	return text
}

func (e *BuildError) Unwrap() error { return e.Err }
