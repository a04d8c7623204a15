// Package source is where a fleet's repository comes from, whatever it is kept in.
package source

import (
	"context"
	"time"

	"github.com/bulla-dev/bulla/kustomize/signing"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Source is one ref of a repository, and what was fetched of it. It is safe for
// concurrent use. Which of its heads counts is not its business: see package
// follow.
type Source interface {
	// Look asks which commit the ref points at, and takes nothing else: what an
	// idle fleet costs.
	Look(context.Context) (commit string, err error)
	// Fetch takes what the ref points at now and returns its hash. It moves
	// forward from base only, and else is [ErrHistoryRewritten]; base is what the
	// caller accepted last, so that commits which were fetched and never accepted
	// may leave the branch again. "" is what was fetched last.
	Fetch(ctx context.Context, base string) (commit string, err error)
	// Contains reports whether a commit was fetched.
	Contains(commit string) bool
	// Damaged reports whether what was fetched was found damaged. The next Fetch
	// reads it again, whether or not the remote moved.
	Damaged() bool
	// Tree returns the validated tree of a commit.
	Tree(commit string) (*tree.Tree, error)
	// Vouch judges the commits that an acceptance would take in. The error is
	// *[signing.UnverifiedError] for one that may not be.
	Vouch(context.Context, Acceptance) (*Vouched, error)
	History
}

// History answers how commits stand to each other.
type History interface {
	// Follows reports whether newer is older or has it among its ancestors.
	// [ErrUnknownRevision] when one of them was not fetched, [tree.ErrTooLarge]
	// when older is too far behind.
	Follows(newer, older string) (bool, error)
	// FollowsWithin is Follows that reads at most so many commits, for what
	// strangers may ask.
	FollowsWithin(newer, older string, most int) (bool, error)
	// SameLine reports whether one of two commits is the other, or descends from it.
	SameLine(a, b string) bool
	// History lists the first-parent chain from head, which comes first, to last,
	// included, or to the first commit when last is not on it.
	History(ctx context.Context, head, last string) ([]string, error)
	// Since lists the commits up to head, included, that older is an ancestor of, by any
	// parent. More than most are [tree.ErrTooLarge].
	Since(ctx context.Context, head, older string, most int) ([]string, error)
}

// Acceptance is a head that somebody is about to accept.
type Acceptance struct {
	Head string
	// Last is the head accepted before it; "" when there is none.
	Last string
	// Rewritten is Head or an ancestor of it, named by an operator as the one
	// commit that may follow Last though it does not descend from it, or though
	// commits between them do not verify. It is judged by its whole difference
	// to Last.
	Rewritten string
	// Floor is what Git cannot lower.
	Floor *signing.Rules
	// Now is the time of acceptance, at which signers must be valid: the dates
	// in a commit are the signer's own word.
	Now time.Time
}

// Vouched is what was verified.
type Vouched struct {
	// Commits is how many commits were judged, Signatures how many signatures
	// were demanded and hold.
	Commits, Signatures int
	// Signers made them, newest last.
	Signers []string
	// Trees is how many tree objects that took.
	Trees int
}
