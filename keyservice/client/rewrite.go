package client

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// Rewrite is an operator's word, as the audit log has it, that one head may follow
// another which it does not descend from.
type Rewrite struct {
	// Index is of its entry in the log.
	Index    int64
	From, To string
}

// AcceptedRewrite is the word by which the service left a head of a branch; nil where
// there is none. It is shown to be in the log, under the fleet's log key, and to be about
// this fleet, branch and head. What does not hold is a [*LogError].
func (c *Client) AcceptedRewrite(ctx context.Context, from, ref string) (*Rewrite, error) {
	if c.err != nil {
		return nil, c.err
	}
	if c.log == nil {
		return nil, errors.New("ask key service: no audit log to hold the answer against")
	}
	w, err := c.log.witness(ctx, c.fleet)
	if err != nil {
		return nil, err
	}
	answer, err := c.rpc.ProveRewrite(ctx,
		&keyservicev1.ProveRewriteRequest{Head: from, LogSize: uint64(w.before.Size)})
	if err != nil {
		return nil, classify(err)
	}
	checkpoint, err := w.open(answer.GetLog())
	if err != nil {
		return nil, err
	}
	var found *Rewrite
	if in := answer.GetAccepted(); in != nil {
		if found, err = c.rewrite(checkpoint, in, from, ref); err != nil {
			return nil, &LogError{fmt.Errorf("accepted history: %w", err)}
		}
	}
	return found, w.advance(ctx, checkpoint, answer.GetLog().GetCheckpoint(), c.prove)
}

// rewrite takes an entry for exactly one step: of this fleet and branch, from this head.
// One about another would lead a cluster back to what was revoked.
func (c *Client) rewrite(state audit.Checkpoint, in *keyservicev1.Inclusion, from, ref string) (*Rewrite, error) {
	if in.GetIndex() > audit.MaxSize {
		return nil, fmt.Errorf("entry %d is past every log", in.GetIndex())
	}
	if err := audit.CheckInclusion(state, int64(in.GetIndex()), in.GetEntry(), in.GetProof()); err != nil {
		return nil, err
	}
	e, err := audit.ParseEntry(in.GetEntry())
	if err != nil {
		return nil, err
	}
	for _, field := range []struct{ name, got, want string }{
		{"kind", string(e.Kind), string(audit.History)},
		{"outcome", e.Outcome, audit.Done},
		{"fleet", e.Fleet, c.fleet},
		{"ref", branch(e.Ref), branch(ref)},
		{"head", e.Head, from},
	} {
		if field.got != field.want {
			return nil, fmt.Errorf("the log has %s %.80q, and asked was for %.80q", field.name, field.got, field.want)
		}
	}
	if !hexid.IsCommit(e.Revision) || e.Revision == from {
		return nil, fmt.Errorf("the log has revision %.80q, which is no other head", e.Revision)
	}
	return &Rewrite{Index: int64(in.GetIndex()), From: from, To: e.Revision}, nil
}

// branch is a branch by its short name: either side may write it in full.
func branch(ref string) string { return strings.TrimPrefix(ref, "refs/heads/") }
