package follow

import (
	"context"
	"errors"
	"fmt"

	"github.com/bulla-dev/bulla/kustomize/source"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/bulla-dev/bulla/sealing"
)

// steps are the rule, in its order, each with its reason. Each may rely on what those
// before it found.
var steps = []struct {
	what string
	take func(*attempt, context.Context) error
}{
	// Commits that were fetched and never accepted may leave the branch again.
	{"it was fetched, forward from the head accepted last", (*attempt).fetched},
	// An operator's word is for one step, from one head to one head.
	{"it is the head accepted last, or one that an operator accepted by its hash", (*attempt).allowed},
	// A rewritten history could grant again what was revoked.
	{"it descends from the head accepted last", (*attempt).descends},
	// A file that cannot be told is not one that is not there.
	{"it can be read", (*attempt).read},
	// Whoever hosts the repository could put in other sealing keys, or old ones.
	{"its fleet.yaml is this fleet's, signed under the pinned root key, and no older one", (*attempt).signed},
	// Whoever may push could change who must sign.
	{"every commit since was signed as the rules before it and the floor demand", (*attempt).vouched},
	// Nothing is done on the strength of a head that a crash would forget.
	{"it is remembered", (*attempt).remembered},
}

// attempt is one tip on its way through the steps.
type attempt struct {
	rule   *Rule
	memory Memory
	last   Accepted
	// next is the tip that a look found, until something newer is fetched.
	next *Head
}

func (a *attempt) fetched(ctx context.Context) error {
	head, err := a.rule.Source.Fetch(ctx, a.last.Hash)
	if errors.Is(err, source.ErrHistoryRewritten) && a.last.Rewrite != "" {
		head, err = a.rule.Source.Fetch(ctx, a.last.Rewrite)
	}
	if err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	a.next.Hash = head
	return nil
}

func (a *attempt) isKnown() bool { return a.next.Hash == a.last.Hash }

func (a *attempt) allowed(context.Context) error {
	if a.last.Rewrite == "" || a.isKnown() {
		return nil
	}
	if follows, err := a.rule.Source.Follows(a.next.Hash, a.last.Rewrite); err == nil && follows {
		a.next.Rewritten = a.last.Rewrite
	}
	return nil
}

func (a *attempt) descends(context.Context) error {
	if a.last.Hash == "" || a.isKnown() || a.next.Rewritten != "" {
		return nil
	}
	follows, err := a.rule.Source.Follows(a.next.Hash, a.last.Hash)
	if err == nil && !follows || errors.Is(err, source.ErrUnknownRevision) || errors.Is(err, tree.ErrTooLarge) {
		return errors.Join(source.ErrHistoryRewritten, err)
	}
	return err
}

func (a *attempt) read(context.Context) (err error) {
	if a.next.Tree, err = a.rule.Source.Tree(a.next.Hash); err != nil {
		return err
	}
	if a.next.Model, err = a.rule.models.Load(a.next.Tree); err != nil {
		return a.refuse(InvalidFleet, err)
	}
	return nil
}

func (a *attempt) signed(context.Context) (err error) {
	spec, pins := &a.next.Model.Fleet.Spec, a.rule.Pins
	if spec.ID != pins.Fleet {
		return a.refuse(OtherFleet, fmt.Errorf("fleet.yaml is of fleet %q, pinned is %q", spec.ID, pins.Fleet))
	}
	a.next.Known, err = a.last.Known.Accept(spec, pins.RootKey)
	if errors.Is(err, sealing.ErrRolledBack) {
		return a.refuse(RolledBack, err)
	}
	if err != nil {
		return a.refuse(NotSigned, err)
	}
	return nil
}

// vouched goes from the head accepted last; or, where another one who shares the memory
// accepted this very head, from the last that this one saw with its own eyes. A
// rewritten history was vouched for by an operator, once, elsewhere.
func (a *attempt) vouched(ctx context.Context) (err error) {
	since := a.last.Hash
	if a.isKnown() {
		if since = a.last.Own; since == "" || since == a.next.Hash {
			return nil
		}
		if follows, err := a.rule.Source.Follows(a.next.Hash, since); err != nil || !follows {
			return nil
		}
	}
	a.next.Vouched, err = a.rule.Source.Vouch(ctx, source.Acceptance{
		Head: a.next.Hash, Last: since, Rewritten: a.next.Rewritten, Floor: a.rule.Pins.Floor, Now: a.rule.Now(),
	})
	return err
}

func (a *attempt) remembered(ctx context.Context) error {
	if a.isKnown() {
		return nil
	}
	if err := a.memory.Remember(ctx, a.next); err != nil {
		return &MemoryError{err}
	}
	return nil
}
