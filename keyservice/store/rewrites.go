package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Rewrite is an operator's word that one head may follow the accepted one
// though its history does not say so. It counts once.
type Rewrite struct {
	Fleet, Ref string
	// From is the accepted head, To the one that may follow it.
	From, To string
	// By is a person of the configuration; "" for a command on the machine.
	By       string
	Accepted time.Time
}

// AddRewrite records an operator's word. It says [ErrHeadMoved] unless From is
// the head accepted last: who accepts must have seen what is in force.
func (s headRows) AddRewrite(r Rewrite) Change {
	return func(ctx context.Context, tx *sql.Tx) error {
		last, err := lastHead(tx.QueryRowContext(ctx, lastHeadQuery, r.Fleet, r.Ref))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if err != nil || last.Hash != r.From {
			return ErrHeadMoved
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO rewrites (fleet, ref, from_head, to_head, person, accepted) VALUES ($1, "+
			"$2, $3, $4, $5, $6)",
			r.Fleet, r.Ref, r.From, r.To, r.By, stamp(r.Accepted))
		return err
	}
}

const openRewriteQuery = "SELECT fleet, ref, from_head, to_head, person, accepted FROM rewrites" +
	" WHERE fleet = $1 AND ref = $2 AND from_head = $3 AND spent IS NULL ORDER BY id DESC LIMIT 1"

// OpenRewrite returns the newest word about what may follow from that was not
// used, or [ErrNotFound].
func (s headRows) OpenRewrite(ctx context.Context, fleet, ref, from string) (Rewrite, error) {
	r, err := openRewrite(s.db.Reads.QueryRowContext(ctx, openRewriteQuery, fleet, ref, from))
	if err != nil {
		return Rewrite{}, fmt.Errorf("read accepted rewrite: %w", err)
	}
	return r, nil
}

const takenRewriteQuery = "SELECT fleet, ref, from_head, to_head, person, accepted FROM rewrites" +
	" WHERE fleet = $1 AND ref = $2 AND from_head = $3 AND spent IS NOT NULL ORDER BY id DESC LIMIT 1"

// TakenRewrite returns the word by which from was left last, or [ErrNotFound].
func (s headRows) TakenRewrite(ctx context.Context, fleet, ref, from string) (Rewrite, error) {
	r, err := openRewrite(s.db.Reads.QueryRowContext(ctx, takenRewriteQuery, fleet, ref, from))
	if err != nil {
		return Rewrite{}, fmt.Errorf("read taken rewrite: %w", err)
	}
	return r, nil
}

func openRewrite(row *sql.Row) (Rewrite, error) {
	var r Rewrite
	var accepted int64
	err := row.Scan(&r.Fleet, &r.Ref, &r.From, &r.To, &r.By, &accepted)
	if errors.Is(err, sql.ErrNoRows) {
		return Rewrite{}, ErrNotFound
	}
	r.Accepted = unstamp(accepted)
	return r, err
}

// SpendRewrite uses r, and with it every other word about what may follow
// r.From. It says [ErrHeadMoved] if r is not the newest unused one.
func (s headRows) SpendRewrite(r Rewrite, now time.Time) Change {
	return func(ctx context.Context, tx *sql.Tx) error {
		open, err := openRewrite(tx.QueryRowContext(ctx, openRewriteQuery, r.Fleet, r.Ref, r.From))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if err != nil || open.To != r.To {
			return ErrHeadMoved
		}
		_, err = tx.ExecContext(ctx, "UPDATE rewrites SET spent = $1 WHERE fleet = $2 AND ref = $3 AND from_head = $4 AND "+
			"spent IS NULL",
			stamp(now), r.Fleet, r.Ref, r.From)
		return err
	}
}
