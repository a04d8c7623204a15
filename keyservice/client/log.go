package client

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// Checkpoints remembers the state of the audit log that was verified last. It is
// safe for concurrent use.
type Checkpoints interface {
	// Last gives what was remembered last, a signed checkpoint; nil for none, and
	// only then: an empty one is damaged.
	Last(ctx context.Context) ([]byte, error)
	// Remember makes a signed checkpoint durable before it returns nil. Nothing
	// of an answer is used before.
	Remember(ctx context.Context, signed []byte) error
}

// Log is what a caller holds the service's answers against: the fleet's log key
// and the checkpoint seen last. It is safe for concurrent use. One Log serves
// every client of a fleet, also across renewals: what one client saw binds the
// next.
type Log struct {
	key         func() string
	checkpoints Checkpoints
	// turn is held while the checkpoint seen last is compared and replaced.
	turn chan struct{}
}

// NewLog makes it. key gives spec.logKey of the fleet.yaml that the caller
// accepted, at the time of each question. A checkpoint that was signed by
// another key counts as none: another key starts another log, and it stands in
// Git, signed by the root key, for everybody to see. One that is damaged is a
// [*MemoryError]. Checkpoints that are a [fmt.Stringer] say where they are kept.
func NewLog(key func() string, checkpoints Checkpoints) *Log {
	return &Log{key: key, checkpoints: checkpoints, turn: make(chan struct{}, 1)}
}

// LogError means that an answer is not borne out by the audit log, or that the
// log is not the one that was seen before. Nothing of the answer may be used. It
// does not heal by itself: somebody rewrote the log, or put an old copy of the
// service's store in its place.
type LogError struct{ Err error }

func (e *LogError) Error() string {
	return "the key service's answer does not agree with its audit log: " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *LogError) Unwrap() error { return e.Err }

// MemoryError means that what was remembered of the audit log is damaged. Nothing
// is asked: to take it for nothing would let who damages it have a rewritten log
// believed. It does not heal by itself; who takes it away starts anew, with the
// log as the service shows it then.
type MemoryError struct {
	// Where it is kept; "" when that is not known.
	Where string
	Err   error
}

func (e *MemoryError) Error() string {
	return strings.TrimRight("the state of the audit log that was seen last is damaged: "+e.Where, ": ") + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *MemoryError) Unwrap() error { return e.Err }

// witness is the log as it was known when a question was asked.
type witness struct {
	log      *Log
	origin   string
	verifier note.Verifier
	before   audit.Checkpoint // zero for none
}

func (l *Log) witness(ctx context.Context, fleet string) (*witness, error) {
	verifier, err := audit.FleetVerifier(&api.FleetSpec{ID: fleet, LogKey: l.key()})
	if err != nil {
		return nil, &LogError{err}
	}
	w := &witness{log: l, origin: audit.Origin(fleet), verifier: verifier}
	w.before, err = w.last(ctx)
	return w, err
}

// last is the checkpoint that was remembered under this key.
func (w *witness) last(ctx context.Context) (audit.Checkpoint, error) {
	signed, err := w.log.checkpoints.Last(ctx)
	if err != nil {
		return audit.Checkpoint{}, fmt.Errorf("read the checkpoint seen last: %w", err)
	}
	if signed == nil {
		return audit.Checkpoint{}, nil
	}
	c, err := audit.OpenCheckpoint(signed, w.origin, w.verifier)
	if errors.Is(err, audit.ErrOtherKey) {
		return audit.Checkpoint{}, nil
	}
	if err != nil {
		damaged := &MemoryError{Err: err}
		if where, ok := w.log.checkpoints.(fmt.Stringer); ok {
			damaged.Where = where.String()
		}
		return audit.Checkpoint{}, damaged
	}
	return c, nil
}

// open checks the state that an answer carries: the fleet's log key signed it,
// and it grew from the one that the question named.
func (w *witness) open(state *keyservicev1.LogState) (audit.Checkpoint, error) {
	c, err := audit.OpenCheckpoint(state.GetCheckpoint(), w.origin, w.verifier)
	if err != nil {
		return audit.Checkpoint{}, &LogError{err}
	}
	if err := audit.CheckConsistency(w.before, c, state.GetConsistency()); err != nil {
		return audit.Checkpoint{}, &LogError{err}
	}
	return c, nil
}

// advance remembers c as the last state seen. Two answers that were under way
// together are both shown to grow from the one state that they asked with, and
// may yet be of two logs: then the service has to show that one grew into the
// other.
func (w *witness) advance(ctx context.Context, c audit.Checkpoint, signed []byte, prove prover) error {
	select {
	case w.log.turn <- struct{}{}:
		defer func() { <-w.log.turn }()
	case <-ctx.Done():
		return fmt.Errorf("remember checkpoint: %w", ctx.Err())
	}
	last, err := w.last(ctx)
	if err != nil {
		return err
	}
	if last != w.before {
		if err := joined(ctx, last, c, prove); err != nil {
			return err
		}
	}
	if c.Size <= last.Size {
		return nil
	}
	if err := w.log.checkpoints.Remember(ctx, signed); err != nil {
		return fmt.Errorf("remember checkpoint: %w", err)
	}
	return nil
}

// prover asks the service to show that one size of its log grew into another.
type prover func(ctx context.Context, older, newer int64) ([][]byte, error)

// joined checks that two states are of one log.
func joined(ctx context.Context, a, b audit.Checkpoint, prove prover) error {
	if a.Size > b.Size {
		a, b = b, a
	}
	var proof [][]byte
	if a.Size > 0 && a.Size < b.Size {
		var err error
		if proof, err = prove(ctx, a.Size, b.Size); err != nil {
			return err
		}
	}
	if err := audit.CheckConsistency(a, b, proof); err != nil {
		return &LogError{err}
	}
	return nil
}

// prove asks with ProveConsistency. A refusal is as good as a fork: every honest
// service can show it.
func (c *Client) prove(ctx context.Context, older, newer int64) ([][]byte, error) {
	response, err := c.rpc.ProveConsistency(ctx, &keyservicev1.ProveConsistencyRequest{FromSize: uint64(older), ToSize: uint64(newer)})
	if err == nil {
		return response.GetProof(), nil
	}
	err = classify(err)
	if denied := new(DeniedError); errors.As(err, &denied) {
		return nil, &LogError{fmt.Errorf("it does not show that %d entries grew into %d: %w", older, newer, err)}
	}
	return nil, err
}
