package follow_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize/follow"
	"github.com/bulla-dev/bulla/kustomize/signing"
	"github.com/bulla-dev/bulla/kustomize/source"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/bulla-dev/bulla/sealing"
)

// played is a source of a few commits. A fake: what Git does is tested where Git is.
type played struct {
	source.Source // nil: what is not played panics
	tip           string
	trees         map[string]*tree.Tree
	// parents of each commit, unverified those that lack a signature.
	parents    map[string]string
	unverified map[string]bool
	damaged    bool
	// most is how many commits are read, 0 for all.
	most    int
	vouched []source.Acceptance
}

func (p *played) Fetch(_ context.Context, base string) (string, error) {
	if ok, err := p.Follows(p.tip, base); base != "" && !ok {
		return "", errors.Join(source.ErrHistoryRewritten, err)
	}
	return p.tip, nil
}

func (p *played) Contains(commit string) bool { return p.trees[commit] != nil }

func (p *played) Damaged() bool { return p.damaged }

func (p *played) Tree(commit string) (*tree.Tree, error) {
	if t := p.trees[commit]; t != nil {
		return t, nil
	}
	return nil, source.ErrUnknownRevision
}

func (p *played) Follows(newer, older string) (bool, error) {
	read := 0
	for at := newer; at != ""; at = p.parents[at] {
		if read++; p.most > 0 && read > p.most {
			return false, tree.ErrTooLarge
		}
		if at == older {
			return true, nil
		}
	}
	return false, nil
}

func (p *played) Vouch(_ context.Context, a source.Acceptance) (*source.Vouched, error) {
	p.vouched = append(p.vouched, a)
	if p.unverified[a.Head] {
		return nil, &signing.UnverifiedError{Commit: a.Head, Err: errors.New("no signature")}
	}
	return &source.Vouched{Commits: 1}, nil
}

// kept is a memory of one process.
type kept struct {
	follow.Accepted
	refuses error
	asked   []string
}

func (k *kept) Recall(context.Context) (follow.Accepted, error) { return k.Accepted, nil }

func (k *kept) Remember(_ context.Context, next *follow.Head) error {
	k.asked = append(k.asked, next.Hash)
	if k.refuses != nil {
		return k.refuses
	}
	k.Accepted = follow.Accepted{Hash: next.Hash, Known: next.Known}
	return nil
}

// world is a fleet with commits a, b, c in a line and x beside it.
type world struct {
	*played
	*kept
	rule *follow.Rule
	root *testfleet.Root
}

func newWorld(t *testing.T) *world {
	t.Helper()
	root := testfleet.NewRoot(t)
	w := &world{root: root, kept: &kept{}, played: &played{
		tip: "a", trees: map[string]*tree.Tree{}, parents: map[string]string{"b": "a", "c": "b"},
		unverified: map[string]bool{},
	}}
	for _, commit := range []string{"a", "b", "c", "x"} {
		w.trees[commit] = testfleet.Open(t, testfleet.Files{"fleet.yaml": root.Fleet(t, 1)})
	}
	w.rule = &follow.Rule{Source: w.played, Now: time.Now, Pins: follow.Pins{Fleet: root.ID, RootKey: root.Key}}
	return w
}

func (w *world) next(t *testing.T, tip string) (*follow.Head, error) {
	t.Helper()
	w.tip = tip
	return w.rule.Next(t.Context(), tip, w.kept)
}

func (w *world) accepts(t *testing.T, tip string) *follow.Head {
	t.Helper()
	head, err := w.next(t, tip)
	if err != nil {
		t.Fatal(err)
	}
	return head
}

func TestAHeadIsRememberedOnceAndVouchedFromTheOneBefore(t *testing.T) {
	w := newWorld(t)
	for _, tip := range []string{"a", "b", "b", "c"} {
		w.accepts(t, tip)
	}
	if want := []string{"a", "b", "c"}; !slices.Equal(w.asked, want) {
		t.Errorf("remembered %v, want %v", w.asked, want)
	}
	var since []string
	for _, a := range w.vouched {
		since = append(since, a.Last+".."+a.Head)
	}
	if want := []string{"..a", "a..b", "b..c"}; !slices.Equal(since, want) {
		t.Errorf("vouched for %v, want %v", since, want)
	}
}

// TestEveryRefusalHasItsType: and changes nothing that is remembered.
func TestEveryRefusalHasItsType(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(t *testing.T, w *world)
		tip   string
		want  follow.Reason
	}{
		"another line":           {func(*testing.T, *world) {}, "x", follow.Rewritten},
		"a head of before":       {func(t *testing.T, w *world) { w.accepts(t, "b") }, "a", follow.Rewritten},
		"too far away":           {func(_ *testing.T, w *world) { w.most = 2 }, "c", follow.TooLong},
		"a tree that is damaged": {func(_ *testing.T, w *world) { delete(w.trees, "b") }, "b", follow.Unreadable},
		"no fleet.yaml": {func(t *testing.T, w *world) {
			w.trees["b"] = testfleet.Open(t, testfleet.Files{"README.md": "x"})
		}, "b", follow.InvalidFleet},
		"another fleet": {func(t *testing.T, w *world) {
			w.trees["b"] = testfleet.Open(t, testfleet.Files{"fleet.yaml": testfleet.NewRoot(t).Fleet(t, 2)})
		}, "b", follow.OtherFleet},
		"another root": {func(t *testing.T, w *world) {
			other := testfleet.NewRoot(t)
			other.ID = w.root.ID
			w.trees["b"] = testfleet.Open(t, testfleet.Files{"fleet.yaml": other.Fleet(t, 2)})
		}, "b", follow.NotSigned},
		"an older fleet.yaml": {func(t *testing.T, w *world) {
			w.trees["b"] = testfleet.Open(t, testfleet.Files{"fleet.yaml": w.root.Fleet(t, 3)})
			w.accepts(t, "b")
		}, "c", follow.RolledBack},
		"an unsigned commit": {func(_ *testing.T, w *world) { w.unverified["b"] = true }, "b", follow.NotVerified},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.accepts(t, "a")
			test.spoil(t, w)
			before, asked := w.Accepted, len(w.asked)
			_, err := w.next(t, test.tip)
			var refused *follow.Refusal
			if !errors.As(err, &refused) || refused.Reason != test.want || refused.Head != test.tip {
				t.Errorf("%v, want %s of %s", err, test.want, test.tip)
			}
			if w.Accepted != before || len(w.asked) != asked {
				t.Errorf("the memory is %+v, was %+v", w.Accepted, before)
			}
		})
	}
}

// TestStepsAreTakenInThisOrder: of a head with two faults the first is told, on both
// sides the same.
func TestStepsAreTakenInThisOrder(t *testing.T) {
	want := []string{
		"fetched", "the head accepted last, or one that an operator accepted", "descends", "can be read",
		"signed under the pinned root key", "every commit", "remembered",
	}
	steps := follow.Steps()
	if !slices.EqualFunc(steps, want, strings.Contains) {
		t.Errorf("the steps are %q, want %q", steps, want)
	}
	w := newWorld(t)
	w.accepts(t, "a")
	w.unverified["b"] = true
	w.trees["b"] = testfleet.Open(t, testfleet.Files{"fleet.yaml": testfleet.NewRoot(t).Fleet(t, 2)})
	_, err := w.next(t, "b")
	var refused *follow.Refusal
	if !errors.As(err, &refused) || refused.Reason != follow.OtherFleet {
		t.Errorf("%v: whose commits are judged before whose fleet it is", err)
	}
}

func TestAnOperatorsWordIsForOneStep(t *testing.T) {
	w := newWorld(t)
	w.accepts(t, "b")
	w.Rewrite = "x"
	if head := w.accepts(t, "x"); head.Rewritten != "x" || head.Last != "b" {
		t.Errorf("head is %+v", head)
	}
	if last := w.vouched[len(w.vouched)-1]; last.Rewritten != "x" || last.Last != "b" {
		t.Errorf("vouched for %+v", last)
	}
	if _, err := w.next(t, "b"); err == nil {
		t.Error("the word is for the way back too")
	}
}

// TestAHeadOfAnotherIsSeenWithOwnEyes: replicas share a memory, and none believes
// another one's word for the commits.
func TestAHeadOfAnotherIsSeenWithOwnEyes(t *testing.T) {
	w := newWorld(t)
	w.accepts(t, "a")
	accepted := w.accepts(t, "b")
	w.Own = "a"
	w.accepts(t, "b")
	if last := w.vouched[len(w.vouched)-1]; last.Last != "a" || last.Head != "b" {
		t.Errorf("vouched for %+v", last)
	}
	w.unverified["b"] = true
	if _, err := w.next(t, "b"); err == nil {
		t.Error("a commit that another one let in is let in")
	}
	w.Own = accepted.Hash
	w.accepts(t, "b")
}

func TestAMemoryThatFailsIsNoRefusal(t *testing.T) {
	w := newWorld(t)
	w.refuses = tree.ErrTooLarge // whatever it says
	_, err := w.next(t, "a")
	var memory *follow.MemoryError
	if !errors.As(err, &memory) || errors.As(err, new(*follow.Refusal)) {
		t.Errorf("%v, want a MemoryError", err)
	}
}

func TestAHeadIsReadAgainUnderTheSamePins(t *testing.T) {
	w := newWorld(t)
	head := w.accepts(t, "a")
	if again, err := w.rule.Read(t.Context(), "a", head.Known); err != nil || again.Hash != "a" {
		t.Errorf("read again: %+v, %v", again, err)
	}
	w.rule.Pins.RootKey = testfleet.NewRoot(t).Key
	var refused *follow.Refusal
	_, err := w.rule.Read(t.Context(), "a", sealing.Known{})
	if !errors.As(err, &refused) || refused.Reason != follow.NotSigned {
		t.Errorf("under another root key: %v", err)
	}
	if w.damaged = true; w.rule.IsAt("a", "a") {
		t.Error("a damaged source is taken for a whole one")
	}
}

// TestReasonsAreTheConditions: one word stands in the audit log and in a FleetSync.
func TestReasonsAreTheConditions(t *testing.T) {
	for reason, want := range map[follow.Reason]string{
		follow.Rewritten: v1alpha1.HistoryRewrittenReason, follow.Unreadable: v1alpha1.InvalidFleetReason,
		follow.InvalidFleet: v1alpha1.InvalidFleetReason, follow.OtherFleet: v1alpha1.FleetMismatchReason,
		follow.NotSigned: v1alpha1.FleetMismatchReason, follow.RolledBack: v1alpha1.FleetRolledBackReason,
		follow.NotVerified: v1alpha1.CommitNotVerifiedReason, follow.TooLong: v1alpha1.HistoryTooLongReason,
	} {
		if reason.Word() != want {
			t.Errorf("%s is %s, want %s", reason, reason.Word(), want)
		}
	}
}
