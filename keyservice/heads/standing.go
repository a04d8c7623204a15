package heads

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/kustomize/follow"
	"github.com/bulla-dev/bulla/kustomize/source"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// standing is how the head in use stands: when it was last seen to be the newest, since
// when the tip beside it is refused, and what the last look ran into.
//
//   - It never says which head counts. It only keeps secrets shut at the one that does.
//   - A verified look makes the head young and ends a refusal, and nothing else does:
//     no clock, no restart, and no other replica's word.
//   - What stands here is in the rows too, once in a while and when the service ends a
//     refusal, so that who restarts the service gains nothing.
type standing struct {
	fleet, ref string
	rows       StandingRows
	observer   Observer
	now        func() time.Time

	// fresh says how long ago the head was seen to be the newest, and refusals since
	// when its tip is refused.
	fresh    *freshness
	refusals *refusal

	mu      sync.Mutex
	trouble error // of the last look; nil when it went well

	told toldRefusal
	// toldStale says which of the two [standing.tellStale] said last.
	toldStale bool
}

func newStanding(o *Options) *standing {
	return &standing{
		fleet: o.Fleet, ref: o.Repository.Ref, rows: o.Rows, observer: o.Observer, now: o.Now,
		fresh: newFreshness(o.Repository, o.Now), refusals: newRefusal(o.Repository, o.Now),
	}
}

// begin takes up, after a start, how old the last verified look is, and since when the
// tip was refused.
func (s *standing) begin(ctx context.Context, last store.Head) error {
	return errors.Join(s.beginFresh(ctx, last), s.beginRefused(ctx, last))
}

func (s *standing) beginFresh(ctx context.Context, last store.Head) error {
	row, err := s.rows.LastLook(ctx, s.fleet, s.ref)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	s.fresh.begin(last, row)
	s.showLook()
	return nil
}

func (s *standing) beginRefused(ctx context.Context, last store.Head) error {
	row, err := s.rows.LastRefusal(ctx, s.fleet, s.ref)
	if errors.Is(err, store.ErrNotFound) || err == nil && row.Head != last.Hash {
		return nil
	}
	if err == nil {
		s.refusals.begin(row)
	}
	return err
}

// verified counts a look that found the head in force, or one that was accepted.
func (s *standing) verified(hash string, began time.Time) {
	s.fresh.verified(s.fleet, s.ref, hash, began)
	s.refusals.over()
}

// found takes in how a look ended at the head in use, nil before the first. It returns
// the same, and what could not be written down.
func (s *standing) found(ctx context.Context, at *Head, err error) error {
	s.noteRefusal(at, err)
	err = errors.Join(err, s.keepLook(ctx), s.keepRefusal(ctx, at, err != nil))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = err
	return err
}

func (s *standing) lastTrouble() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trouble
}

// noteRefusal remembers what a look ran into, if it is a refusal.
func (s *standing) noteRefusal(at *Head, err error) {
	if at == nil {
		return
	}
	seen := store.RefusedTip{Fleet: s.fleet, Ref: s.ref, Head: at.Hash, Since: s.now()}
	var refused *follow.Refusal
	switch {
	case errors.As(err, &refused):
		seen.Tip, seen.Reason = refused.Head, refused.Reason.Word()
	case errors.Is(err, source.ErrRefGone), errors.Is(err, source.ErrEmptyRepository), errors.Is(err, tree.ErrTooLarge):
		seen.Reason = v1alpha1.InvalidFleetReason
	default:
		return
	}
	s.refusals.saw(seen)
}

// isNews says whether a failed look is to be logged.
func (s *standing) isNews(err error) bool { return s.told.again(err, s.now()) }

// tellStale logs when the service stops opening anything for want of a verified
// look, and when it goes on.
func (s *standing) tellStale(log *slog.Logger) {
	err := s.stale()
	if (err != nil) == s.toldStale {
		return
	}
	s.toldStale = err != nil
	if err != nil {
		log.Error("nothing is opened until the repository is seen at the accepted head", "error", err.Error())
		return
	}
	log.Info("the repository was seen at the accepted head: secrets are opened again")
}
