package tree

import (
	"errors"
	"fmt"
)

// Errors that callers branch on.
var (
	// ErrTooLarge: a bound of [Limits], or of a source's, was passed.
	ErrTooLarge = errors.New("too large")
	// ErrNotFound: the tree has no such file.
	ErrNotFound = errors.New("no such file in the tree")
	// ErrCorrupt: what a source keeps on disk is damaged. Its next fetch reads
	// everything again.
	ErrCorrupt = errors.New("mirror is damaged")
)

// Error says why a tree, or one entry of it, is refused.
type Error struct {
	// Path in the tree, slash-separated; "" for the root.
	Path    string
	Problem string
	// More are other entries of the same folder that are refused as well.
	More []*Error
}

func (e *Error) Error() string {
	text := fmt.Sprintf("tree entry %q: %s", e.Path, e.Problem)
	for _, more := range e.More {
		text += "; " + more.Error()
	}
	return text
}

// All is each entry by itself; none of nil.
func (e *Error) All() []*Error {
	if e == nil {
		return nil
	}
	return append([]*Error{{Path: e.Path, Problem: e.Problem}}, e.More...)
}
