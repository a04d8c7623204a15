package keyservice

import (
	"context"

	"github.com/bulla-dev/bulla/keyservice/audit"
)

// recordAct puts an entry into the audit log. When it returns nil the entry is
// on disk.
func (s *Server) recordAct(ctx context.Context, e audit.Entry) error {
	_, err := s.journal.append(ctx, []audit.Entry{e})
	return err
}

// recordDenial is [Server.recordAct] for a refusal, which a stranger can cause
// as often as they like.
func (s *Server) recordDenial(ctx context.Context, e audit.Entry) error {
	return s.recordDenials(ctx, e)
}
