package keyservice

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/clerk"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/kustomize/follow"
)

// Errors of accepting a rewritten history, beside store.ErrHeadMoved.
var (
	// ErrNoHash: the head is not a full commit hash. A branch or a beginning of a
	// hash could come to mean another commit.
	ErrNoHash = errors.New("not a full commit hash of 40 lower-case hexadecimal digits")
	// ErrNothingAccepted: no head was accepted yet, and the first needs nobody's word.
	ErrNothingAccepted = errors.New("no head was accepted yet")
	// ErrInForce: the head is the one in force.
	ErrInForce = errors.New("the head is accepted already")
)

// NewRewrite is an operator's word that head may follow the head accepted last,
// and what the audit log says of it; both are to be written in one transaction.
// It counts for that one step, once: from the head in force to this head, or to
// one that descends from it by commits that verify. The head itself must be
// signed as the last head's rules and the floor demand.
func NewRewrite(last store.Head, head, person string, now time.Time) (store.Rewrite, audit.Entry, error) {
	switch {
	case !hexid.IsSHA1Commit(head):
		return store.Rewrite{}, audit.Entry{}, fmt.Errorf("accept head %q: %w", head, ErrNoHash)
	case last.Hash == "":
		return store.Rewrite{}, audit.Entry{}, fmt.Errorf("accept head %s: %w", head, ErrNothingAccepted)
	case last.Hash == head:
		return store.Rewrite{}, audit.Entry{}, fmt.Errorf("accept head %s: %w", head, ErrInForce)
	}
	r := store.Rewrite{Fleet: last.Fleet, Ref: last.Ref, From: last.Hash, To: head, By: person, Accepted: now}
	e := audit.Entry{Kind: audit.History, Outcome: audit.Done, Person: person, Head: last.Hash, Revision: head, Ref: last.Ref, Detail: "may follow the accepted head, once"}
	return r, e, nil
}

// following is what people may say to how the service follows the repository.
type following struct {
	*clerk.Clerk

	heads *heads.Heads
	store rewriteStore
}

// rewriteStore is the head accepted last, and what may follow it.
type rewriteStore interface {
	LastHead(ctx context.Context, fleet, ref string) (store.Head, error)
	AddRewrite(r store.Rewrite) store.Change
}

// AcceptHistory records an operator's word and has the service look at the
// remote. Whether the head is then accepted is in the log and in readiness.
func (s *following) AcceptHistory(ctx context.Context, in *keyservicev1.AcceptHistoryRequest) (*keyservicev1.AcceptHistoryResponse, error) {
	who, err := authority.CallingPerson(ctx)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonCertificate, err)
	}
	err = s.acceptHistory(ctx, who, in.GetHead())
	switch {
	case errors.Is(err, ErrNoHash), errors.Is(err, ErrNothingAccepted), errors.Is(err, ErrInForce):
		return nil, s.Refuse(keyservicev1.ReasonRequest, err, "person", who.Name)
	case err != nil:
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "person", who.Name)
	}
	if err := s.heads.Look(ctx); err != nil {
		s.Log.Warn("look after a rewritten history was accepted failed", "head", in.GetHead(), "error", err.Error())
	}
	return &keyservicev1.AcceptHistoryResponse{}, nil
}

func (s *following) acceptHistory(ctx context.Context, who authority.Person, head string) error {
	last, err := s.store.LastHead(ctx, s.Fleet, s.Ref)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	rewrite, said, err := NewRewrite(last, head, who.Name, s.Now())
	if err != nil {
		return err
	}
	entry := who.Entry(audit.History, audit.Done, said.Detail)
	entry.Head, entry.Revision, entry.Ref = said.Head, said.Revision, said.Ref
	_, err = s.Journal.Append(ctx, []audit.Entry{entry}, s.store.AddRewrite(rewrite))
	return err
}

// Look asks the repository now, for who does not want to wait for the interval.
// Looks are coalesced and limited, so that a script which asks in a loop costs
// the Git host no more than requests do.
func (s *following) Look(ctx context.Context, _ *keyservicev1.LookRequest) (*keyservicev1.LookResponse, error) {
	who, err := authority.CallingPerson(ctx)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonCertificate, err)
	}
	err = s.heads.Look(ctx)
	var refused *follow.Refusal
	if err != nil && !errors.As(err, &refused) {
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "person", who.Name)
	}
	out := &keyservicev1.LookResponse{Refused: err != nil}
	if current := s.heads.Current(); current != nil {
		out.Head = current.Hash
	}
	return out, nil
}
