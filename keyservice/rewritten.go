package keyservice

import (
	"context"
	"errors"
	"time"

	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/clerk"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/store"
)

const (
	// skew is how long before the entry of an operator's word its row may say that it
	// was given.
	skew = time.Minute
	// searches bounds how much of the log is read for one answer.
	searches = 8
)

// rewritten shows clusters by whose word the service left a head.
type rewritten struct {
	*clerk.Clerk

	heads *heads.Heads
	store interface {
		leafStore
		TakenRewrite(ctx context.Context, fleet, ref, from string) (store.Rewrite, error)
	}
}

// ProveRewrite implements the protocol. A word that was not used yet is not shown: no
// cluster goes ahead of the service. Neither is one whose head is not in force any more,
// and so the history that it let go cannot be brought back with it.
func (s *rewritten) ProveRewrite(ctx context.Context, in *keyservicev1.ProveRewriteRequest) (
	*keyservicev1.ProveRewriteResponse, error,
) {
	who, err := authority.CallingCluster(ctx)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonCertificate, err)
	}
	if !hexid.IsCommit(in.GetHead()) {
		return nil, s.Refuse(keyservicev1.ReasonRequest, errors.New("head is no full hash of a commit"),
			"cluster", who.Name)
	}
	current, err := s.heads.Usable(ctx)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "cluster", who.Name)
	}
	// The entry names the operator, and such names are for the fleet's clusters alone.
	if _, reason := heads.Admit(current.Model, who.Name, who.Identity); reason != "" {
		return nil, s.RefuseRecorded(ctx, who.Entry(audit.Report, reason),
			errors.New("the accepted head does not have this cluster follow anything"))
	}
	out, err := s.prove(ctx, current, in)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "cluster", who.Name)
	}
	return out, nil
}

func (s *rewritten) prove(ctx context.Context, current *heads.Head, in *keyservicev1.ProveRewriteRequest) (
	*keyservicev1.ProveRewriteResponse, error,
) {
	state, err := s.Journal.Latest(ctx, in.GetLogSize())
	if err != nil {
		return nil, err
	}
	out := &keyservicev1.ProveRewriteResponse{}
	if out.Log, err = state.State(ctx, in.GetLogSize()); err != nil {
		return nil, err
	}
	taken, err := s.taken(ctx, current, in.GetHead())
	if err != nil || taken == nil {
		return out, err
	}
	leaf, err := s.leaf(ctx, taken, state.Size())
	if err != nil || leaf == nil {
		return out, err
	}
	shown, err := state.Inclusions(ctx, []store.Leaf{*leaf})
	if err == nil {
		out.Accepted = shown[0]
	}
	return out, err
}

// taken is the word by which a head was left; nil where there is none that led to the
// head in force.
func (s *rewritten) taken(ctx context.Context, current *heads.Head, from string) (*store.Rewrite, error) {
	taken, err := s.store.TakenRewrite(ctx, s.Fleet, s.Ref, from)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	comes, err := s.heads.Rule.Source.Follows(current.Hash, taken.To)
	if err != nil || !comes {
		return nil, err
	}
	return &taken, nil
}

// leaf is the entry of a word; nil where the log has none of its branch, as those that
// were written before entries named it.
func (s *rewritten) leaf(ctx context.Context, word *store.Rewrite, size int64) (*store.Leaf, error) {
	filter := store.LogFilter{Since: word.Accepted.Add(-skew), To: size, Kind: string(audit.History),
		Outcome: audit.Done, Limit: maxListed}
	for range searches {
		leaves, next, err := s.store.FindLeaves(ctx, s.Fleet, filter)
		if err != nil {
			return nil, err
		}
		for _, leaf := range leaves {
			e, err := audit.ParseEntry(leaf.Entry)
			if err == nil && e.Head == word.From && e.Revision == word.To && e.Ref == word.Ref {
				return &leaf, nil
			}
		}
		if next == 0 {
			break
		}
		filter.From = next
	}
	return nil, nil
}
