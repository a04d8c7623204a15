package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bulla-dev/bulla/keyservice/store/engine"
)

// MaxDenials is how many denials count at a time: every decision reads them.
const MaxDenials = 1000

// Errors of the deny list.
var (
	// ErrDenied: something was denied since the list was read.
	ErrDenied error = Refusal("the deny list changed")
	// ErrDenialsFull means that [MaxDenials] count already.
	ErrDenialsFull error = Refusal("the deny list is full")
)

// Denial is an operator's word that something is not unsealed until a time. Of
// Cluster, Placement and Digest those that are set must all match.
type Denial struct {
	ID                         int64
	Fleet                      string
	Cluster, Placement, Digest string
	// Payloads are hashes of the payloads that the denied stub had: another file
	// that carries one of its values is the same to an operator.
	Payloads []string
	// Reason is for people, Person who said it.
	Reason, Person string
	Since, Until   time.Time
}

const (
	denialColumns = "fleet, cluster, placement, digest, payloads, reason, person, since, until"
	denialsQuery  = "SELECT id, " + denialColumns + " FROM denials WHERE fleet = $1 AND lifted IS NULL AND until > $2"
	newestDenial  = "(SELECT coalesce(max(id), 0) FROM denials WHERE fleet = $1)"
)

// Denials returns what is denied at a time, by id, and the number of the list,
// for [DB.Decided]. The number is read first: what is denied meanwhile has a
// greater one.
func (s denialRows) Denials(ctx context.Context, fleet string, now time.Time) (
	denials []Denial, number int64, err error,
) {
	err = s.db.Reads.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) FROM denials WHERE fleet = $1", fleet).Scan(&number)
	if err == nil && number > 0 {
		denials, err = readDenials(ctx, s.db.Reads, denialsQuery+" ORDER BY id", fleet, stamp(now))
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read deny list: %w", err)
	}
	return denials, number, nil
}

func readDenials(ctx context.Context, q querier, query string, args ...any) ([]Denial, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err has what matters
	var denials []Denial
	for rows.Next() {
		var d Denial
		var payloads string
		var since, until int64
		err := rows.Scan(&d.ID, &d.Fleet, &d.Cluster, &d.Placement, &d.Digest, &payloads, &d.Reason, &d.Person, &since,
			&until)
		if err == nil {
			err = json.Unmarshal([]byte(payloads), &d.Payloads)
		}
		if err != nil {
			return nil, err
		}
		d.Since, d.Until = unstamp(since), unstamp(until)
		denials = append(denials, d)
	}
	return denials, rows.Err()
}

// AddDenial records a denial; id is set when it is made. [ErrDenialsFull] beyond
// [MaxDenials] that count.
func (s denialRows) AddDenial(d Denial, id *int64) Change {
	return func(ctx context.Context, tx *sql.Tx) error {
		var count int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM denials WHERE fleet = $1 AND lifted IS NULL AND until > $2",
			d.Fleet, stamp(d.Since)).Scan(&count); err != nil {
			return err
		}
		if count >= MaxDenials {
			return ErrDenialsFull
		}
		payloads, err := json.Marshal(append([]string{}, d.Payloads...))
		if err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, "INSERT INTO denials ("+denialColumns+") VALUES "+engine.Places(1, 9)+" RETURNING id",
			d.Fleet, d.Cluster, d.Placement, d.Digest, string(payloads), d.Reason, d.Person, stamp(d.Since),
			stamp(d.Until)).Scan(id)
	}
}

// LiftDenial ends a denial that counts; lifted is set to what it was.
// [ErrNotFound] when there is none of that id.
func (s denialRows) LiftDenial(fleet string, id int64, now time.Time, lifted *Denial) Change {
	return func(ctx context.Context, tx *sql.Tx) error {
		found, err := readDenials(ctx, tx, denialsQuery+" AND id = $3", fleet, stamp(now), id)
		if err != nil {
			return err
		}
		if len(found) != 1 {
			return ErrNotFound
		}
		*lifted = found[0]
		_, err = tx.ExecContext(ctx, "UPDATE denials SET lifted = $1 WHERE fleet = $2 AND id = $3", stamp(now), fleet, id)
		return err
	}
}

// Decided goes with a grant: it says [ErrHeadMoved] unless hash is the head
// accepted last, and [ErrDenied] if anything was denied since the list of this
// number was read, by whichever replica.
func (s denialRows) Decided(fleet, ref, hash string, number int64) Change {
	const query = "SELECT hash, " + newestDenial + " FROM heads WHERE fleet = $1 AND ref = $2 ORDER BY id DESC LIMIT 1"
	return func(ctx context.Context, tx *sql.Tx) error {
		var last Head
		var newest int64
		err := tx.QueryRowContext(ctx, query, fleet, ref).Scan(&last.Hash, &newest)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		if newest > number {
			return ErrDenied
		}
		return stillLast(last, hash)
	}
}
