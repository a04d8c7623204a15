package keyservice

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// ListLedger says what became of each secret on each cluster.
func (s *Server) ListLedger(ctx context.Context, in *keyservicev1.ListLedgerRequest) (*keyservicev1.ListLedgerResponse, error) {
	if _, err := personOf(ctx); err != nil {
		return nil, s.refuse(keyservicev1.ReasonCertificate, err)
	}
	now := s.heads.current.Load()
	if now == nil {
		return nil, s.refuse(keyservicev1.ReasonUnavailable, errors.New("no head is accepted yet"))
	}
	out := &keyservicev1.ListLedgerResponse{}
	for _, name := range slices.Sorted(maps.Keys(now.model.Clusters)) {
		if in.GetCluster() == "" || in.GetCluster() == name {
			out.Clusters = append(out.Clusters, &keyservicev1.LedgerCluster{Cluster: name, Member: true, Suspended: now.model.Clusters[name].Spec.Suspend})
		}
	}
	return out, nil
}
