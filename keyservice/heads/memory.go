package heads

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/kustomize/follow"
	"github.com/bulla-dev/bulla/kustomize/source"
)

// memory is what the store, which replicas share, and this process know of the head
// accepted last. It implements [follow.Memory] for one look.
type memory struct {
	*Heads
	last    store.Head // its hash is "" before the first
	rewrite *store.Rewrite
	// accepted is when the head was that came of the look.
	accepted time.Time
}

// Recall implements [follow.Memory].
func (m *memory) Recall(ctx context.Context) (last follow.Accepted, err error) {
	if m.last, err = m.Rows.LastHead(ctx, m.Fleet, m.ref); err != nil && !errors.Is(err, store.ErrNotFound) {
		return last, err
	}
	m.accepted = m.last.Accepted
	if last.Known, err = m.Rows.KnownFleet(ctx, m.Fleet); err != nil {
		return last, err
	}
	if m.rewrite, err = m.acceptedRewrite(ctx, m.last.Hash); err != nil {
		return last, err
	}
	last.Hash = m.last.Hash
	if m.rewrite != nil {
		last.Rewrite = m.rewrite.To
	}
	if had := m.current.Load(); had != nil {
		last.Own = had.Hash
	}
	return last, nil
}

// acceptedRewrite is the head that an operator accepted in the place of what
// follows last; nil when there is none.
func (m *memory) acceptedRewrite(ctx context.Context, last string) (*store.Rewrite, error) {
	if last == "" {
		return nil, nil
	}
	accepted, err := m.Rows.OpenRewrite(ctx, m.Fleet, m.ref, last)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return &accepted, err
}

// Remember implements [follow.Memory]: the head's row, the operator's word that it
// used up and what the log says of it are one transaction. store.ErrHeadMoved when
// another replica was first.
func (m *memory) Remember(ctx context.Context, next *follow.Head) error {
	m.accepted = m.Now()
	names, err := m.stored.read(next)
	if err != nil {
		return err
	}
	changes := []store.Change{m.Rows.AddHead(store.Head{
		Fleet: m.Fleet, Ref: m.ref, Hash: next.Hash, Parent: m.last.Hash, Accepted: m.accepted, Known: next.Known,
	}), m.nameStubs(names)}
	if next.Rewritten != "" {
		changes = append(changes, m.Rows.SpendRewrite(*m.rewrite, m.accepted))
	}
	entries := headEntries(newHead(next), m.current.Load(), m.last.Hash)
	entries[0].Detail += vouchedDetail(next.Vouched, next.Rewritten)
	if _, err = m.Journal.Leave(ctx, entries, changes...); err == nil {
		m.stored.last = names
	}
	return err
}

// explain says of a refused history what an operator may do about it.
func (m *memory) explain(err error) error {
	var refused *follow.Refusal
	if !errors.As(err, &refused) {
		return err
	}
	what := ""
	switch refused.Reason {
	case follow.Rewritten:
		what = "it does not descend from the accepted head %s; hint: restore the branch, or accept it: "
	case follow.TooLong:
		what = "more commits than are read lie between it and the accepted head %s; " +
			"hint: push in smaller steps, or accept it: "
	default:
		return err
	}
	refused.Err = fmt.Errorf(what+"bulla-keyservice history accept --head %s: %w", m.last.Hash, refused.Head, refused.Err)
	return err
}

// vouchedDetail says in the log who vouched for a head, and for which rewrite an
// operator did.
func vouchedDetail(v *source.Vouched, rewritten string) string {
	const most = 5
	detail := ""
	if v != nil && len(v.Signers) > 0 {
		shown := v.Signers[max(0, len(v.Signers)-most):]
		detail += fmt.Sprintf("; %s by %s", plural.Of(v.Signatures, "signature"), strings.Join(shown, ", "))
		if more := len(v.Signers) - len(shown); more > 0 {
			detail += fmt.Sprintf(" and %d more", more)
		}
	}
	if rewritten != "" {
		detail += "; history rewritten: an operator accepted " + rewritten
	}
	return detail
}
