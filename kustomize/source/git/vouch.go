package git

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/bulla-dev/bulla/kustomize/internal/commitsig"
	"github.com/bulla-dev/bulla/kustomize/signing"
	"github.com/bulla-dev/bulla/kustomize/source"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// maxChain bounds the commits between two accepted heads.
const maxChain = 100_000

// Vouch judges every commit on the first-parent chain from a.Last to
// a.Head by the rules that stood before it: the signing block of its first
// parent's fleet.yaml, and the floor. A commit that changes nothing that must be
// signed needs no signature. A merge commit is judged by its difference to its
// first parent, so its signer vouches for everything that it brings in.
//
// Without a last head, the newest commit on the chain that changes what must be
// signed by the rules at the head stands for everything before it; one that only
// the head's own signers signed, for all but the floor's demands.
//
// The error is *[signing.UnverifiedError] for a commit that may not be accepted.
func (m *Mirror) Vouch(ctx context.Context, a source.Acceptance) (*source.Vouched, error) {
	objects := m.store()
	v := &verifier{
		ctx: ctx, objects: objects, limits: m.limits, floor: a.Floor, now: a.Now, vouched: &source.Vouched{},
		diff: &treeDiff{objects: objects, limit: m.limits.Object, read: map[tree.Hash][]rawEntry{}},
	}
	var err error
	switch {
	case a.Rewritten != "":
		if err = v.rewritten(a.Last, a.Rewritten); err == nil {
			err = v.chain(a.Rewritten, a.Head)
		}
	case a.Last != "":
		err = v.chain(a.Last, a.Head)
	default:
		err = v.first(a.Head)
	}
	if err != nil {
		return nil, fmt.Errorf("verify commits: %w", err)
	}
	v.vouched.Trees = v.diff.reads
	return v.vouched, nil
}

// verifier is one use of Vouch.
type verifier struct {
	ctx     context.Context
	objects *objects
	limits  Limits
	floor   *signing.Rules
	now     time.Time
	diff    *treeDiff
	vouched *source.Vouched
	// rulesOf the last fleet.yaml read, by its blob.
	blob    tree.Hash
	rulesOf *signing.Rules
}

// chain judges what lies between an accepted head and a new one, oldest first.
func (v *verifier) chain(last, head string) error {
	rules, err := v.rules(last)
	if err != nil && !isUnreadable(err) {
		return err
	}
	if err != nil {
		return &signing.UnverifiedError{Commit: last, Hint: acceptHint,
			Err: fmt.Errorf("the signing rules of the accepted head cannot be read: %w", err)}
	}
	names, err := v.between(last, head)
	if errors.Is(err, errNotOnChain) {
		// While nothing must be signed, a history may take any shape.
		if len(signing.Demands(rules, v.floor)) == 0 {
			return nil
		}
		return &signing.UnverifiedError{Commit: head, Hint: sideHint,
			Err: fmt.Errorf("the accepted head %s is not on its first-parent chain: it came in from the side", last)}
	}
	if err != nil {
		return err
	}
	parent := last
	for _, name := range names {
		if _, err := v.judge(parent, name, signing.Demands(rules, v.floor)); err != nil {
			return err
		}
		// A fleet.yaml that cannot be read lifts no demand: the rules before it
		// go on until one can.
		if next, err := v.rules(name); err == nil {
			rules = next
		} else if !isUnreadable(err) {
			return err
		}
		parent = name
	}
	return nil
}

const (
	acceptHint = "have an operator accept one signed head by its hash"
	signHint   = "nothing of it was accepted: sign it (git rebase %s^ --exec 'git commit --amend --no-edit -S'), or " +
		"have an allowed signer do so, and push the branch again"
	sideHint = "merge the other way round: check out the fleet's branch and merge yours into it"
)

var errNotOnChain = errors.New("not on the first-parent chain")

// between lists the first-parent chain from last (left out) to head, oldest
// first.
func (v *verifier) between(last, head string) ([]string, error) {
	var names []string
	for name := head; name != last; {
		if err := v.ctx.Err(); err != nil {
			return nil, err
		}
		if len(names) == maxChain {
			return nil, fmt.Errorf("more than %d commits since the accepted head: %w", maxChain, tree.ErrTooLarge)
		}
		names = append(names, name)
		c, err := v.objects.commit(name)
		if err != nil {
			return nil, err
		}
		if len(c.parents) == 0 {
			return nil, errNotOnChain
		}
		name = c.parents[0].String()
	}
	slices.Reverse(names)
	return names, nil
}

// first judges a head that nothing was accepted before. There is no earlier
// rule to go by but the floor; the head's own rules are asked as well, so that
// a fleet which demands signatures is not begun with a commit that lacks one.
// Whose signature the head's own rules name is the head's word: it stands for
// what they demand, and for nothing that the floor demands of its own signers.
func (v *verifier) first(head string) error {
	rules, err := v.rules(head)
	if err != nil && !isUnreadable(err) {
		return err
	}
	wanted := signing.Demands(rules, v.floor)
	for name, n := head, 0; len(wanted) > 0; n++ {
		if err := v.ctx.Err(); err != nil {
			return err
		}
		if n == maxChain {
			return fmt.Errorf("more than %d commits without a signature: %w", maxChain, tree.ErrTooLarge)
		}
		c, err := v.objects.commit(name)
		if err != nil {
			return err
		}
		parent := ""
		if len(c.parents) > 0 {
			parent = c.parents[0].String()
		}
		signed, err := v.judge(parent, name, wanted)
		if err != nil || parent == "" {
			return err
		}
		wanted = unmet(wanted, signed)
		name = parent
	}
	return nil
}

// unmet leaves out what the signers that signed stand for, in a list of
// [demands]: the floor's, which come first there, for everything.
func unmet(wanted []signing.Demand, signed map[*commitsig.Signers]bool) []signing.Demand {
	if signed[wanted[0].Signers] {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(wanted), func(d signing.Demand) bool { return signed[d.Signers] })
}

// rewritten judges a head that an operator named, by all that it changes since
// the last one, under the rules of the last one. If the mirror lost that, its
// rules are lost too, and the head is judged as a first one.
func (v *verifier) rewritten(last, head string) error {
	if !v.objects.contains(last) {
		return v.first(head)
	}
	rules, err := v.rules(last)
	if isUnreadable(err) {
		return v.first(head)
	}
	if err != nil {
		return err
	}
	_, err = v.judge(last, head, signing.Demands(rules, v.floor))
	return err
}

// judge holds one commit to the demands on what it changes since parent; ""
// is the empty tree. It says whose signatures it found, of those demanded.
func (v *verifier) judge(parent, name string, wanted []signing.Demand) (signed map[*commitsig.Signers]bool, err error) {
	v.vouched.Commits++
	from, err := v.treeOf(parent)
	if err != nil {
		return nil, err
	}
	to, err := v.treeOf(name)
	if err != nil {
		return nil, err
	}
	signed = map[*commitsig.Signers]bool{}
	for _, d := range wanted {
		file, touched, err := v.diff.touches(from, to, d.Path)
		if err != nil {
			return nil, err
		}
		if !touched || signed[d.Signers] {
			continue
		}
		if err := v.verify(name, d.Signers); err != nil {
			return nil, &signing.UnverifiedError{Commit: name, Path: file, Require: d.Path, Hint: fmt.Sprintf(signHint, name),
				Err: err}
		}
		signed[d.Signers] = true
	}
	return signed, nil
}

// verify checks a commit's signature over its bytes as they were hashed.
func (v *verifier) verify(name string, signers *commitsig.Signers) error {
	raw, err := v.objects.read(plumbing.CommitObject, name, v.limits.Object)
	if err != nil {
		return err
	}
	c, err := commitsig.Parse(raw)
	if err != nil {
		return err
	}
	who, err := signers.Verify(c, v.now)
	if err != nil {
		return err
	}
	v.vouched.Signatures++
	if !slices.Contains(v.vouched.Signers, who) {
		v.vouched.Signers = append(v.vouched.Signers, who)
	}
	return nil
}

func (v *verifier) treeOf(name string) (tree.Hash, error) {
	if name == "" {
		return tree.Hash{}, nil
	}
	c, err := v.objects.commit(name)
	if err != nil {
		return tree.Hash{}, err
	}
	return c.tree, nil
}
