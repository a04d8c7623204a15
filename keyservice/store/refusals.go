package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// RefusedTip is a tip of the ref that was seen and not accepted, and is there still
// as far as is known.
type RefusedTip struct {
	Fleet, Ref string
	// Head was in force when the tip was refused. A refusal at another head is over.
	Head string
	// Tip was refused last, "" when the ref is gone, and Reason says why. The tips
	// before it need not be in history any more: whoever replaces one refused tip by
	// another has not made anything well.
	Tip, Reason string
	// Since is when the first of them was refused, by the clock of who saw it.
	Since time.Time
	// Age is at least how long that was ago when it was recorded last. It never falls
	// at one head.
	Age time.Duration
}

const refusalQuery = "SELECT fleet, ref, head, tip, reason, since, age FROM refusals WHERE fleet = $1 AND ref = $2"

// LastRefusal returns what was recorded of ref, at whatever head, or
// [ErrNotFound].
func (s standingRows) LastRefusal(ctx context.Context, fleet, ref string) (RefusedTip, error) {
	r, err := lastRefusal(s.db.Reads.QueryRowContext(ctx, refusalQuery, fleet, ref))
	if err != nil {
		return RefusedTip{}, fmt.Errorf("read last refusal: %w", err)
	}
	return r, nil
}

func lastRefusal(row *sql.Row) (RefusedTip, error) {
	var r RefusedTip
	var since, age int64
	err := row.Scan(&r.Fleet, &r.Ref, &r.Head, &r.Tip, &r.Reason, &since, &age)
	if errors.Is(err, sql.ErrNoRows) {
		return RefusedTip{}, ErrNotFound
	}
	r.Since, r.Age = unstamp(since), time.Duration(age)*time.Microsecond
	return r, err
}

// KeepRefusal records a refusal. One that was recorded at the same head keeps its
// beginning, and the greater age. It says [ErrHeadMoved] unless r.Head is the head
// accepted last.
func (s standingRows) KeepRefusal(ctx context.Context, r RefusedTip) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		if err := atHead(ctx, tx, r.Fleet, r.Ref, r.Head); err != nil {
			return err
		}
		last, err := lastRefusal(tx.QueryRowContext(ctx, refusalQuery, r.Fleet, r.Ref))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if last.Head == r.Head {
			r.Since, r.Age = last.Since, max(r.Age, last.Age)
		}
		_, err = tx.ExecContext(ctx, keepRefusalSQL,
			r.Fleet, r.Ref, r.Head, r.Tip, r.Reason, stamp(r.Since), r.Age.Microseconds())
		return err
	})
	if err != nil {
		return fmt.Errorf("record refusal: %w", err)
	}
	return nil
}

// EndRefusal forgets what was refused at a head: the ref was seen at it again.
func (s standingRows) EndRefusal(ctx context.Context, fleet, ref, head string) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM refusals WHERE fleet = $1 AND ref = $2 AND head = $3", fleet, ref, head)
		return err
	})
	if err != nil {
		return fmt.Errorf("record the end of a refusal: %w", err)
	}
	return nil
}
