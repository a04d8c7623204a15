package keyservice

import (
	"context"
	"errors"
	"math"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// maxListed is how many entries one ListAudit returns, and its choice.
const maxListed = 1000

// ListAudit reads the audit log, each entry with its proof towards the checkpoint
// of the answer. Who may is for the caller to have asked.
func (s *Server) ListAudit(ctx context.Context, in *keyservicev1.ListAuditRequest) (*keyservicev1.ListAuditResponse, error) {
	if problem := checkListAudit(in); problem != "" {
		return nil, s.refuse(keyservicev1.ReasonRequest, errors.New(problem))
	}
	tip, err := s.journal.newest(ctx)
	if err != nil {
		return nil, s.refuse(keyservicev1.ReasonUnavailable, err)
	}
	limit := int(in.GetLimit())
	if limit == 0 {
		limit = maxListed
	}
	leaves, next, err := s.store.FindLeaves(ctx, s.config.Fleet, store.LogFilter{
		From: int64(in.GetFrom()), To: tip.tip.Size, Since: moment(in.GetSince()), Until: moment(in.GetUntil()),
		Kind: in.GetKind(), Outcome: in.GetOutcome(), Cluster: in.GetCluster(), Person: in.GetPerson(),
		Digest: in.GetDigest(), Object: in.GetObject(), Limit: limit,
	})
	if err != nil {
		return nil, s.refuse(keyservicev1.ReasonUnavailable, err)
	}
	out := &keyservicev1.ListAuditResponse{Next: uint64(next)}
	if out.Entries, err = s.proveLeaves(ctx, tip, leaves); err != nil {
		return nil, s.refuse(keyservicev1.ReasonUnavailable, err)
	}
	if out.Log, err = s.logState(ctx, tip, in.GetLogSize()); err != nil {
		return nil, s.refuse(keyservicev1.ReasonUnavailable, err)
	}
	return out, nil
}

func checkListAudit(in *keyservicev1.ListAuditRequest) (problem string) {
	const longest = 512
	switch {
	case in.GetFrom() > math.MaxInt64 || in.GetLogSize() > math.MaxInt64:
		return "an index is out of range"
	case in.GetLimit() > maxListed:
		return "more than 1000 entries are wanted"
	case in.GetSince() < 0 || in.GetUntil() < 0:
		return "a time is before 1970"
	}
	for _, text := range []string{in.GetCluster(), in.GetPerson(), in.GetKind(), in.GetOutcome(), in.GetDigest(), in.GetObject()} {
		if len(text) > longest {
			return "a filter is longer than 512 bytes"
		}
	}
	return ""
}

func moment(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us)
}

// proveLeaves proves each leaf. Neighbours share most of their proofs' hashes:
// each is read once.
func (s *Server) proveLeaves(ctx context.Context, r *receipt, leaves []store.Leaf) ([]*keyservicev1.Inclusion, error) {
	known := map[int64]tlog.Hash{}
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var missing []int64
		for _, index := range indexes {
			if _, ok := known[index]; !ok {
				missing = append(missing, index)
			}
		}
		found, err := s.store.LogHashes(ctx, s.config.Fleet, missing)
		if err != nil {
			return nil, err
		}
		for i, index := range missing {
			known[index] = found[i]
		}
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			out[i] = known[index]
		}
		return out, nil
	})
	inclusions := make([]*keyservicev1.Inclusion, len(leaves))
	for i, leaf := range leaves {
		for n, hash := range leaf.Hashes {
			known[tlog.StoredHashIndex(0, leaf.Index)+int64(n)] = hash
		}
		proof, err := tlog.ProveRecord(r.tip.Size, leaf.Index, read)
		if err != nil {
			return nil, err
		}
		inclusions[i] = &keyservicev1.Inclusion{Index: uint64(leaf.Index), Entry: leaf.Entry, Proof: proofBytes(proof)}
	}
	return inclusions, nil
}
