package keyservice

import (
	"context"
	"errors"
	"math"
	"strconv"
	"time"

	"connectrpc.com/connect"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/turnstile"
)

// refuseLimited records that a caller is over its quota, and says when to come
// back. Repeated refusals are counted, as all are.
func (s *Server) refuseLimited(ctx context.Context, e audit.Entry, back time.Duration, why error) error {
	s.metrics.limited.WithLabelValues("quota").Inc()
	return comeBack(s.refuseRecorded(ctx, e, why), back)
}

// refuseBusy sends a caller away who did nothing wrong. Nothing was decided, so
// nothing is recorded.
func (s *Server) refuseBusy(route Route, back time.Duration) error {
	s.metrics.limited.WithLabelValues("busy").Inc()
	s.log.Debug("request sent away: too many are under way", "route", route.Path, "back", back.String())
	return comeBack(wireError(keyservicev1.ReasonOverloaded), back)
}

// refuseStranger counts a connection that is closed since its address has its
// share. There may be thousands: the metric is all that is said.
func (s *Server) refuseStranger() { s.metrics.limited.WithLabelValues("address").Inc() }

// comeBack puts the time into the error, in whole seconds (RFC 9110, 10.2.3).
func comeBack(err error, back time.Duration) error {
	var wire *connect.Error
	if errors.As(err, &wire) {
		seconds := math.Ceil(min(back, turnstile.MaxRetryAfter).Seconds())
		wire.Meta().Set("Retry-After", strconv.Itoa(max(1, int(seconds))))
	}
	return err
}
