package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Look is the newest look at the fleet repository that found the accepted head
// to be the tip of its ref, whichever replica looked.
type Look struct {
	Fleet, Ref string
	// Hash is the accepted head that was found.
	Hash string
	// Number counts what was recorded. The higher one is the newer one: clocks of
	// replicas may differ, and be set back.
	Number int64
	// At is when the look began, by the clock of who looked.
	At time.Time
	// Age is at least how old the look had become when it was recorded last. It
	// never falls for one Number, so that a clock which is set back makes no look
	// younger, not over a restart either.
	Age time.Duration
}

const lookQuery = "SELECT fleet, ref, hash, number, began, age FROM looks WHERE fleet = $1 AND ref = $2"

// LastLook returns the look recorded last for ref, at whatever head, or
// [ErrNotFound].
func (s standingRows) LastLook(ctx context.Context, fleet, ref string) (Look, error) {
	l, err := lastLook(s.db.Reads.QueryRowContext(ctx, lookQuery, fleet, ref))
	if err != nil {
		return Look{}, fmt.Errorf("read last look: %w", err)
	}
	return l, nil
}

func lastLook(row *sql.Row) (Look, error) {
	var l Look
	var began, age int64
	err := row.Scan(&l.Fleet, &l.Ref, &l.Hash, &l.Number, &began, &age)
	if errors.Is(err, sql.ErrNoRows) {
		return Look{}, ErrNotFound
	}
	l.At, l.Age = unstamp(began), time.Duration(age)*time.Microsecond
	return l, err
}

// AddLook records a look in the place of the one before, and returns the number
// that it got. It says [ErrHeadMoved] unless l.Hash is the head accepted last: a
// replica that is behind found what is not in force any more.
func (s standingRows) AddLook(ctx context.Context, l Look) (number int64, err error) {
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		last, err := s.lookAt(ctx, tx, l)
		if err != nil {
			return err
		}
		number = last.Number + 1
		return putLook(ctx, tx, l, number)
	})
	if err != nil {
		return 0, fmt.Errorf("record look: %w", err)
	}
	return number, nil
}

// AgeLook records that a look became older. What was recorded since l.Number at
// the same head stays as it is. Where there is nothing at this head, its
// acceptance is the look. [ErrHeadMoved] as for AddLook.
func (s standingRows) AgeLook(ctx context.Context, l Look) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		last, err := s.lookAt(ctx, tx, l)
		switch {
		case err != nil:
			return err
		case last.Hash != l.Hash:
			return putLook(ctx, tx, l, last.Number+1)
		case last.Number != l.Number || last.Age >= l.Age:
			return nil
		}
		last.Age = l.Age
		return putLook(ctx, tx, last, last.Number)
	})
	if err != nil {
		return fmt.Errorf("record age of look: %w", err)
	}
	return nil
}

// lookAt reads the row, zero before the first, once l is at the head in force.
func (s standingRows) lookAt(ctx context.Context, tx *sql.Tx, l Look) (Look, error) {
	if err := atHead(ctx, tx, l.Fleet, l.Ref, l.Hash); err != nil {
		return Look{}, err
	}
	last, err := lastLook(tx.QueryRowContext(ctx, lookQuery, l.Fleet, l.Ref))
	if errors.Is(err, ErrNotFound) {
		return Look{}, nil
	}
	return last, err
}

func putLook(ctx context.Context, tx *sql.Tx, l Look, number int64) error {
	_, err := tx.ExecContext(ctx, putLookSQL,
		l.Fleet, l.Ref, l.Hash, number, stamp(l.At), l.Age.Microseconds())
	return err
}
