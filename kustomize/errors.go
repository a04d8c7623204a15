package kustomize

import (
	"errors"
	"fmt"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/internal/worker"
)

// errInput marks build errors that the tree is to blame for: the same tree
// gives the same error.
var errInput = errors.New("input is refused")

// BuildError says why a placement does not build. It grants nothing then, and
// blocks no other placement.
type BuildError struct {
	Placement string
	// Variant of the placement, "" for its own.
	Variant string
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
	text := fmt.Sprintf("build %s: %s%s", e.title(), where, e.Problem)
	for _, more := range e.More {
		text += "; " + strings.TrimPrefix(more.Error(), "build "+more.title()+": ")
	}
	return text
}

func (e *BuildError) title() string {
	p := api.Placement{Metadata: api.Metadata{Name: e.Placement}, Variant: e.Variant}
	return p.Title()
}

func (e *BuildError) Unwrap() error { return e.Err }

// refusal is what a failed build says of its placement.
func refusal(p *api.Placement, failure *worker.Failure) *BuildError {
	refused := &BuildError{
		Placement: p.Metadata.Name, File: failure.File, Line: failure.Line, Problem: failure.Problem, Err: errInput,
	}
	for _, more := range failure.More {
		refused.More = append(refused.More,
			&BuildError{Placement: p.Metadata.Name, File: more.File, Line: more.Line, Problem: more.Problem})
	}
	return refused
}

// of gives a build's error the variant that it was asked for: builds are shared, and
// kept, by what they are made of.
func of(p *api.Placement, err error) error {
	var build *BuildError
	if err == nil || p.Variant == "" || !errors.As(err, &build) || build.Variant == p.Variant {
		return err
	}
	own := *build
	own.Variant = p.Variant
	return &own
}
