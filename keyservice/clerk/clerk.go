// Package clerk refuses and records. Every handler of the key service answers through
// it, so that what is answered is on disk before, and none says more than a reason.
package clerk

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"strconv"
	"time"

	"connectrpc.com/connect"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/journal"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/metrics"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/keyservice/tally"
	"github.com/bulla-dev/bulla/keyservice/turnstile"
)

// Clerk is one service's.
type Clerk struct {
	Fleet, Ref string
	Rows       Rows
	Journal    Recorder
	Tally      *tally.Tally
	Reads      *tally.Reads
	Metrics    *metrics.Metrics
	Log        *slog.Logger
	Now        func() time.Time
}

// Rows are what the clerk asks of the store.
type Rows interface {
	// HasPending reports whether an entry waits for the next append.
	HasPending(ctx context.Context, fleet string) (bool, error)
	// AtHead says store.ErrHeadMoved unless hash is the last head.
	AtHead(fleet, ref, hash string) store.Change
}

// Recorder is the audit log as the decisions see it; [*journal.Journal] is the one
// there is, and says what its methods promise.
type Recorder interface {
	Append(ctx context.Context, entries []audit.Entry, changes ...store.Change) (*journal.Receipt, error)
	// Leave may return a nil receipt.
	Leave(ctx context.Context, entries []audit.Entry, changes ...store.Change) (*journal.Receipt, error)
	Latest(ctx context.Context, size uint64) (*journal.Receipt, error)
	Newest(ctx context.Context) (*journal.Receipt, error)
}

// Refuse logs why and returns the reason.
func (s *Clerk) Refuse(reason string, why error, attrs ...any) error {
	attrs = append([]any{"reason", reason, "error", why.Error()}, attrs...)
	if codes[reason] == connect.CodeUnavailable {
		s.Log.Error("request failed", attrs...)
	} else {
		s.Log.Warn("request refused", attrs...)
	}
	return WireError(reason)
}

// RefuseRecorded records a refusal and answers it. What cannot be recorded is
// refused all the same, as unavailable.
func (s *Clerk) RefuseRecorded(ctx context.Context, e audit.Entry, why error) error {
	attrs := []any{}
	if e.Cluster != "" {
		attrs = append(attrs, "cluster", e.Cluster)
	}
	if err := s.RecordDenials(ctx, e); err != nil {
		return s.Refuse(keyservicev1.ReasonUnavailable, err, attrs...)
	}
	return s.Refuse(e.Outcome, why, attrs...)
}

// RefuseLimited records that a caller is over its quota, and says when to come
// back. Repeated refusals are counted, as all are.
func (s *Clerk) RefuseLimited(ctx context.Context, e audit.Entry, back time.Duration, why error) error {
	s.Metrics.SentAway("quota")
	return comeBack(s.RefuseRecorded(ctx, e, why), back)
}

// RefuseBusy sends a caller away who did nothing wrong. Nothing was decided, so
// nothing is recorded.
func (s *Clerk) RefuseBusy(route string, back time.Duration) error {
	s.Metrics.SentAway("busy")
	s.Log.Debug("request sent away: too many are under way", "route", route, "back", back.String())
	return comeBack(WireError(keyservicev1.ReasonOverloaded), back)
}

// comeBack puts the time into the error, in whole seconds (RFC 9110, 10.2.3).
func comeBack(err error, back time.Duration) error {
	var wire *connect.Error
	if errors.As(err, &wire) {
		seconds := math.Ceil(min(back, turnstile.MaxRetryAfter).Seconds())
		wire.Meta().Set("Retry-After", strconv.Itoa(max(1, int(seconds))))
	}
	return err
}
