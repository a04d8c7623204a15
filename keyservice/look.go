package keyservice

import (
	"context"
	"errors"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// Look asks the repository now, for who does not want to wait for the interval.
// Looks are coalesced and limited, so that a script which asks in a loop costs
// the Git host no more than requests do.
func (s *Server) Look(ctx context.Context, _ *keyservicev1.LookRequest) (*keyservicev1.LookResponse, error) {
	who, err := personOf(ctx)
	if err != nil {
		return nil, s.refuse(keyservicev1.ReasonCertificate, err)
	}
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	err = s.heads.looks.do(ctx)
	var refused *refusedHead
	if err != nil && !errors.As(err, &refused) {
		return nil, s.refuse(keyservicev1.ReasonUnavailable, err, "person", who.Name)
	}
	out := &keyservicev1.LookResponse{Refused: err != nil}
	if current := s.heads.current.Load(); current != nil {
		out.Head = current.hash
	}
	return out, nil
}
