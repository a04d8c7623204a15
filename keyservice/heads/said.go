package heads

import (
	"fmt"
	"time"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// stale is errStale with the numbers; nil when the head was seen of late.
func (s *standing) stale() error {
	age := s.fresh.age() // once: a look may be verified at any time
	if s.fresh.isFresh(age) {
		return nil
	}
	return fmt.Errorf("%w: the last verified look is %s old, repository.maxAge is %s",
		errStale, age.Round(time.Second), s.fresh.max)
}

// Stale says why nothing is opened for want of a verified look; nil when the head was
// seen of late.
func (h *Heads) Stale() error { return h.standing.stale() }

// refused is errRefused with the numbers; nil while secrets may be opened at a head.
func (s *standing) refused(at string) error {
	row, is := s.refusals.at(at)
	if !is || !s.refusals.isTooOld(row.Age) {
		return nil
	}
	return fmt.Errorf("%w: %s, %s, for %s, repository.refusedGrace is %s", errRefused,
		tipName(row), row.Reason, row.Age.Round(time.Second), s.refusals.max)
}

func tipName(row store.RefusedTip) string {
	if row.Tip == "" {
		return "the ref is gone"
	}
	return row.Tip
}

// RefusedLine says what a tip's refusal at the head in use does, and when; "" for none.
func (h *Heads) RefusedLine() string {
	current := h.current.Load()
	if current == nil {
		return ""
	}
	if row, is := h.standing.refusals.at(current.Hash); is {
		return refusedLine(row, h.standing.refusals.max)
	}
	return ""
}

func refusedLine(row store.RefusedTip, grace time.Duration) string {
	age, then := row.Age.Round(time.Second), "unsealing goes on: repository.refusedGrace is 0"
	switch {
	case grace != 0 && row.Age > grace:
		then = "nothing is unsealed until the tip is accepted or leaves the branch"
	case grace != 0:
		then = fmt.Sprintf("nothing is unsealed from %s on (repository.refusedGrace)", grace)
	}
	return fmt.Sprintf("refused: %s (%s) for %s: %s\n", tipName(row), row.Reason, age, then)
}

// Standing is how a head stands for people who ask: when it was last seen to be the
// newest, and the tip that is refused at it; nil for none.
func (h *Heads) Standing(at *Head) (looked time.Time, refused *keyservicev1.RefusedTip) {
	return h.Now().Add(-h.standing.fresh.age()), h.standing.refusals.spell(at.Hash)
}

// spell is what stands refused at a head, for people who ask how things stand; nil
// for nothing.
func (r *refusal) spell(head string) *keyservicev1.RefusedTip {
	row, is := r.at(head)
	if !is {
		return nil
	}
	since := r.now().Add(-row.Age)
	out := &keyservicev1.RefusedTip{Tip: row.Tip, Reason: row.Reason, Since: since.UnixMicro()}
	if r.max != 0 {
		out.Stops = since.Add(r.max).UnixMicro()
	}
	return out
}
