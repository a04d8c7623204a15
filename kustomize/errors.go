package kustomize

import (
	"errors"
	"fmt"
	"strings"
)

// Errors of a [Mirror] that callers branch on.
var (
	// ErrHistoryRewritten: the remote's head does not descend from the last
	// one fetched. The mirror keeps what it has.
	ErrHistoryRewritten = errors.New("history of the remote was rewritten")
	// ErrRefGone: the remote answers, and the configured ref is not there.
	ErrRefGone = errors.New("ref is gone from the remote")
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
	// ErrTooLarge: a bound of [Limits] was passed.
	ErrTooLarge = errors.New("too large")
	// ErrUnknownRevision: the mirror does not hold that commit.
	ErrUnknownRevision = errors.New("unknown revision")
	// ErrCorrupt: the mirror's files on disk are damaged. The next
	// [Mirror.Fetch] clones again, in a new directory.
	ErrCorrupt = errors.New("mirror is damaged")
	// ErrNotFound: the tree has no such file.
	ErrNotFound = errors.New("no such file in the tree")
)

// TreeError says why a tree, or one entry of it, is refused.
type TreeError struct {
	// Path in the tree, slash-separated; "" for the root.
	Path    string
	Problem string
}

func (e *TreeError) Error() string { return fmt.Sprintf("tree entry %q: %s", e.Path, e.Problem) }

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
