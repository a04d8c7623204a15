// Package follow is the one rule of which head of a fleet's repository counts.
//
// The key service asks it at which head it may open secrets, a controller which head
// it places. Each brings a memory of its own; the rule, and the order of its steps, is
// written here and nowhere else. Where two programs judge a head in two ways, an
// attacker lives in the gap.
package follow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/signing"
	"github.com/bulla-dev/bulla/kustomize/source"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/bulla-dev/bulla/sealing"
)

// Pins are what a head is held to, whatever Git says.
type Pins struct {
	// Fleet is the fleet's id, 32 hexadecimal digits.
	Fleet string
	// RootKey is the verifier key that signs fleet.yaml, or that led to the one that
	// does: see [sealing.Known.Accept].
	RootKey string
	// Floor is which commits must be signed at the least; nil for none.
	Floor *signing.Rules
}

// Memory is what one who follows knows between two heads.
type Memory interface {
	// Recall returns what was accepted last.
	Recall(context.Context) (Accepted, error)
	// Remember makes a head durable that was not accepted before. After an error, also
	// of one who will not have the head for a reason of its own, the head accepted last
	// stays in force.
	Remember(context.Context, *Head) error
}

// Accepted is what was accepted last. The zero value is before the first head.
type Accepted struct {
	// Hash is that head's commit.
	Hash string
	// Known is of its fleet.yaml.
	Known sealing.Known
	// Rewrite is the commit that an operator accepted, by its hash, in the place of
	// what follows Hash; "" for none.
	Rewrite string
	// Own is the head whose commits this very process vouched for last; "" when it
	// vouched for none, or nobody else accepts heads into this memory.
	Own string
}

// Head is a commit that was held to the whole rule.
type Head struct {
	Hash  string
	Tree  *tree.Tree
	Model *model.Model
	// Known is what to know from now on: see [sealing.Known].
	Known sealing.Known
	// Last is the head that it follows, "" for the first. It is Hash itself when that
	// was accepted before.
	Last string
	// Rewritten is the commit that an operator accepted, if it is only for that word
	// that the head follows Last; "" otherwise.
	Rewritten string
	// Vouched says which commits were judged; nil for none.
	Vouched *source.Vouched
}

// Rule judges the heads of one source. It is safe for concurrent use, but for Next.
type Rule struct {
	Source source.Source
	Pins   Pins
	// Now is the time of acceptance.
	Now func() time.Time

	models model.Loader
}

// IsAt reports whether a tip that was looked at is a head that is here, whole: then
// there is nothing to fetch. What a damaged source gave may be wrong by a file, and is
// read again though the tip is the same.
func (r *Rule) IsAt(tip, head string) bool {
	return tip == head && r.Source.Contains(head) && !r.Source.Damaged()
}

// Next fetches what the ref points at now, and holds it to the rule. tip is what a look
// found, for the words of a refusal. The error is a *[Refusal] when the tip itself is
// at fault, a *[MemoryError], and else the source's.
func (r *Rule) Next(ctx context.Context, tip string, memory Memory) (*Head, error) {
	last, err := memory.Recall(ctx)
	if err != nil {
		return nil, &MemoryError{fmt.Errorf("recall the accepted head: %w", err)}
	}
	a := &attempt{rule: r, memory: memory, last: last, next: &Head{Hash: tip, Last: last.Hash}}
	for _, step := range steps {
		if err := step.take(a, ctx); err != nil {
			return nil, a.judged(err)
		}
	}
	return a.next, nil
}

// Read holds a head that was accepted before to the pins, which may have changed: what
// follows a restart, and any other use of a head that is not new.
func (r *Rule) Read(ctx context.Context, hash string, known sealing.Known) (*Head, error) {
	a := &attempt{rule: r, last: Accepted{Hash: hash, Known: known}, next: &Head{Hash: hash, Last: hash}}
	if err := errors.Join(a.read(ctx), ctx.Err()); err != nil {
		return nil, a.judged(err)
	}
	if err := a.signed(ctx); err != nil {
		return nil, a.judged(err)
	}
	return a.next, nil
}
