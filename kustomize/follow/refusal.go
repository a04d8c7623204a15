package follow

import (
	"context"
	"errors"
	"fmt"

	"github.com/bulla-dev/bulla/kustomize/signing"
	"github.com/bulla-dev/bulla/kustomize/source"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Reason is for which step of the rule a head is refused.
type Reason string

// The reasons of a [Refusal].
const (
	// Rewritten: it does not descend from the head accepted last, and no operator
	// accepted it.
	Rewritten Reason = "HistoryRewritten"
	// TooLong: whether it descends from the head accepted last is not known, as more
	// commits lie between than are read. An operator may accept it as one that does not.
	TooLong Reason = "HistoryTooLong"
	// Unreadable: what it holds is too large, damaged or in part refused.
	Unreadable Reason = "Unreadable"
	// InvalidFleet: its fleet.yaml is not there, or does not parse.
	InvalidFleet Reason = "InvalidFleet"
	// OtherFleet: its fleet.yaml is of another fleet.
	OtherFleet Reason = "OtherFleet"
	// NotSigned: its fleet.yaml is not signed under the pinned root key.
	NotSigned Reason = "NotSigned"
	// RolledBack: its fleet.yaml is signed, and older than one accepted before.
	RolledBack Reason = "FleetRolledBack"
	// NotVerified: a commit since the accepted head lacks a signature that is demanded.
	NotVerified Reason = "CommitNotVerified"
)

// Refusal says why a tip was not accepted: what it holds is to blame, not how it came.
// What was accepted before it stays in force.
type Refusal struct {
	// Head is the commit that is refused.
	Head   string
	Reason Reason
	Err    error
}

func (e *Refusal) Error() string {
	return fmt.Sprintf("refuse head %s: %s: %v", e.Head, e.Reason, e.Err)
}

func (e *Refusal) Unwrap() error { return e.Err }

// MemoryError says that a [Memory] failed, or would not have the head: by the rule
// neither the tip nor the remote is to blame.
type MemoryError struct{ Err error }

func (e *MemoryError) Error() string { return e.Err.Error() }

func (e *MemoryError) Unwrap() error { return e.Err }

func (a *attempt) refuse(reason Reason, err error) error {
	return &Refusal{Head: a.next.Hash, Reason: reason, Err: err}
}

// judged makes a refusal of a failure that the tip is to blame for. A remote that
// cannot be reached, or breaks off, refuses nothing.
func (a *attempt) judged(err error) error {
	var refused *Refusal
	var entry *tree.Error
	var commit *signing.UnverifiedError
	var memory *MemoryError
	switch {
	case errors.As(err, &refused), errors.As(err, &memory), errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, source.ErrHistoryRewritten) && errors.Is(err, tree.ErrTooLarge):
		return a.refuse(TooLong, err)
	case errors.Is(err, source.ErrHistoryRewritten):
		return a.refuse(Rewritten, err)
	case errors.As(err, &commit):
		return a.refuse(NotVerified, commit)
	case errors.As(err, &entry), errors.Is(err, tree.ErrTooLarge), errors.Is(err, tree.ErrCorrupt),
		errors.Is(err, source.ErrUnknownRevision):
		return a.refuse(Unreadable, err)
	}
	return err
}

// Word is the reason as the conditions of a FleetSync and the audit log have it: those
// tell fewer apart, since a person mends them in one way.
func (r Reason) Word() string {
	switch r {
	case Unreadable:
		return string(InvalidFleet)
	case OtherFleet, NotSigned:
		return "FleetMismatch"
	}
	return string(r)
}
