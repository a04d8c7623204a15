package keyservice

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/bulla-dev/bulla/api/manual"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/clerk"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// maxListed is how many entries one ListAudit returns, and its choice.
const maxListed = 1000

// auditing shows the audit log.
type auditing struct {
	*clerk.Clerk

	store leafStore
}

// leafStore is the log as it is searched.
type leafStore interface {
	FindLeaves(ctx context.Context, fleet string, f store.LogFilter) (leaves []store.Leaf, next int64, err error)
}

// ListAudit reads the audit log, each entry with its proof towards the checkpoint
// of the answer. Who may is for the caller to have asked.
func (s *auditing) ListAudit(ctx context.Context, in *keyservicev1.ListAuditRequest) (*keyservicev1.ListAuditResponse, error) {
	if problem := checkListAudit(in); problem != "" {
		return nil, s.Refuse(keyservicev1.ReasonRequest, errors.New(problem))
	}
	newest, err := s.Journal.Newest(ctx)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err)
	}
	limit := int(in.GetLimit())
	if limit == 0 {
		limit = maxListed
	}
	leaves, next, err := s.store.FindLeaves(ctx, s.Fleet, store.LogFilter{
		From: int64(in.GetFrom()), To: newest.Size(), Since: moment(in.GetSince()), Until: moment(in.GetUntil()),
		Kind: in.GetKind(), Outcome: in.GetOutcome(), Cluster: in.GetCluster(), Person: in.GetPerson(),
		Digest: in.GetDigest(), Object: in.GetObject(), Limit: limit,
	})
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err)
	}
	out := &keyservicev1.ListAuditResponse{Next: uint64(next)}
	if out.Entries, err = newest.Inclusions(ctx, leaves); err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err)
	}
	if out.Log, err = newest.State(ctx, in.GetLogSize()); err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err)
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

// ProveConsistency implements the protocol, for sizes that the log had.
func (s *auditing) ProveConsistency(ctx context.Context, in *keyservicev1.ProveConsistencyRequest) (*keyservicev1.ProveConsistencyResponse, error) {
	who, err := authority.CallingCluster(ctx)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonCertificate, err)
	}
	older, newer := in.GetFromSize(), in.GetToSize()
	if older == 0 || older > newer || newer > math.MaxInt64 {
		return nil, s.Refuse(keyservicev1.ReasonRequest, errors.New("the sizes are not 0 < from <= to"), "cluster", who.Name)
	}
	state, err := s.Journal.Latest(ctx, newer)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "cluster", who.Name)
	}
	proof, err := state.Growth(ctx, int64(older), int64(newer))
	if errors.Is(err, store.ErrLog) {
		err = fmt.Errorf("%w; see %soperations/audit-log-mismatch.md", err, manual.At)
	}
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "cluster", who.Name)
	}
	return &keyservicev1.ProveConsistencyResponse{Proof: proof}, nil
}
