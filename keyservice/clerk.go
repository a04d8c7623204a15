package keyservice

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
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/keyservice/tally"
	"github.com/bulla-dev/bulla/keyservice/turnstile"
)

// clerk refuses and records. What is answered is on disk before: every handler
// answers through it.
type clerk struct {
	fleet, ref string
	store      Store
	journal    recorder
	tally      *tally.Tally
	metrics    *metrics
	log        *slog.Logger
	now        func() time.Time
}

// recorder is the audit log as the decisions see it; [*journal.Journal] is the one
// there is, and says what its methods promise.
type recorder interface {
	Append(ctx context.Context, entries []audit.Entry, changes ...store.Change) (*journal.Receipt, error)
	// Leave may return a nil receipt.
	Leave(ctx context.Context, entries []audit.Entry, changes ...store.Change) (*journal.Receipt, error)
	Latest(ctx context.Context, size uint64) (*journal.Receipt, error)
	Newest(ctx context.Context) (*journal.Receipt, error)
}

// refuse logs why and returns the reason.
func (s *clerk) refuse(reason string, why error, attrs ...any) error {
	attrs = append([]any{"reason", reason, "error", why.Error()}, attrs...)
	if codes[reason] == connect.CodeUnavailable {
		s.log.Error("request failed", attrs...)
	} else {
		s.log.Warn("request refused", attrs...)
	}
	return wireError(reason)
}

// refuseRecorded records a refusal and answers it. What cannot be recorded is
// refused all the same, as unavailable.
func (s *clerk) refuseRecorded(ctx context.Context, e audit.Entry, why error) error {
	attrs := []any{}
	if e.Cluster != "" {
		attrs = append(attrs, "cluster", e.Cluster)
	}
	if err := s.recordDenials(ctx, e); err != nil {
		return s.refuse(keyservicev1.ReasonUnavailable, err, attrs...)
	}
	return s.refuse(e.Outcome, why, attrs...)
}

// refuseLimited records that a caller is over its quota, and says when to come
// back. Repeated refusals are counted, as all are.
func (s *clerk) refuseLimited(ctx context.Context, e audit.Entry, back time.Duration, why error) error {
	s.metrics.limited.WithLabelValues("quota").Inc()
	return comeBack(s.refuseRecorded(ctx, e, why), back)
}

// refuseBusy sends a caller away who did nothing wrong. Nothing was decided, so
// nothing is recorded.
func (s *clerk) refuseBusy(route Route, back time.Duration) error {
	s.metrics.limited.WithLabelValues("busy").Inc()
	s.log.Debug("request sent away: too many are under way", "route", route.Path, "back", back.String())
	return comeBack(wireError(keyservicev1.ReasonOverloaded), back)
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
