package heads

import (
	"context"
	"errors"
	"time"

	"github.com/bulla-dev/bulla/keyservice/store"
)

// learn takes up what other replicas saw.
func (s *standing) learn(ctx context.Context) error {
	row, err := s.rows.LastLook(ctx, s.fleet, s.ref)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	s.fresh.learn(row)
	s.showLook()
	return nil
}

// keepLook writes how fresh the head is into the row, once in a while, so that
// other replicas know, and that a restart makes nothing younger.
func (s *standing) keepLook(ctx context.Context) error {
	if err := s.learn(ctx); err != nil {
		return err
	}
	look, own, is := s.fresh.due()
	if !is {
		return nil
	}
	var err error
	if own {
		look.Number, err = s.rows.AddLook(ctx, look)
	} else {
		err = s.rows.AgeLook(ctx, look)
	}
	if errors.Is(err, store.ErrHeadMoved) {
		return nil // it was at a head that is not in force: the next look finds out
	}
	if err == nil {
		s.fresh.saved(look)
	}
	return err
}

// keepRefusal writes what the row does not have; blind says that this replica did
// not see the ref, and takes another one's word.
func (s *standing) keepRefusal(ctx context.Context, at *Head, blind bool) error {
	defer s.showRefusal(at)
	if blind {
		row, err := s.rows.LastRefusal(ctx, s.fleet, s.ref)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err == nil && at != nil && row.Head == at.Hash {
			s.refusals.learn(row)
		}
	}
	row, is, ended := s.refusals.due()
	if ended != "" {
		if err := s.rows.EndRefusal(ctx, s.fleet, s.ref, ended); err != nil {
			return err
		}
	}
	if is {
		if err := s.rows.KeepRefusal(ctx, row); err != nil && !errors.Is(err, store.ErrHeadMoved) {
			return err
		}
	}
	if is || ended != "" {
		s.refusals.saved(ended)
	}
	return nil
}

// showLook is when the look was, by this replica's clock of now.
func (s *standing) showLook() {
	if look, _, _ := s.fresh.due(); look.Hash != "" {
		s.observer.VerifiedLook(s.now().Add(-look.Age))
	}
}

// showRefusal is since when the tip is refused, by this replica's clock of now.
func (s *standing) showRefusal(at *Head) {
	if at == nil {
		return
	}
	since := time.Time{}
	if row, is := s.refusals.at(at.Hash); is {
		since = s.now().Add(-row.Age)
	}
	s.observer.TipRefused(since)
}
