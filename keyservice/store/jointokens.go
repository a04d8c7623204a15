package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// begunFor is how long an enrolment under a pattern's name is kept for its answer. A
// machine answers within seconds, and begins anew where it did not.
const begunFor = 15 * time.Minute

// AddJoinToken records a new join token by its hash.
func (s enrolmentRows) AddJoinToken(t JoinToken) Change {
	return func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx,
			"INSERT INTO tokens (hash, fleet, cluster, created, expires, uses) VALUES ($1, $2, $3, $4, $5, $6)",
			t.Hash[:], t.Fleet, t.Cluster, stamp(t.Created), stamp(t.Expires), max(1, t.Uses))
		return err
	}
}

// JoinTokens returns the fleet's tokens that did not expire, oldest first: those that
// are used up or revoked among them.
func (s enrolmentRows) JoinTokens(ctx context.Context, fleet string, now time.Time) ([]JoinToken, error) {
	rows, err := s.db.Reads.QueryContext(ctx, joinTokensSQL, fleet, stamp(now))
	if err != nil {
		return nil, fmt.Errorf("read join tokens: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err has what matters
	var tokens []JoinToken
	for rows.Next() {
		t, err := scanToken(rows)
		if err != nil {
			return nil, fmt.Errorf("read join tokens: %w", err)
		}
		tokens = append(tokens, t)
	}
	return tokens, rows.Err()
}

func scanToken(row interface{ Scan(...any) error }) (JoinToken, error) {
	var t JoinToken
	var hash []byte
	var created, expires int64
	var revoked sql.NullInt64
	err := row.Scan(&hash, &t.Fleet, &t.Cluster, &created, &expires, &t.Uses, &t.Used, &revoked)
	copy(t.Hash[:], hash)
	t.Created, t.Expires = unstamp(created), unstamp(expires)
	if revoked.Valid {
		t.Revoked = unstamp(revoked.Int64)
	}
	return t, err
}

// RevokeJoinToken ends a token before its time. What enrolled with it stays enrolled.
// It says [ErrNotFound] for one that is not there, or was revoked before.
func (s enrolmentRows) RevokeJoinToken(hash [32]byte, now time.Time) Change {
	return func(ctx context.Context, tx *sql.Tx) error {
		err := one(tx.ExecContext(ctx, "UPDATE tokens SET revoked = $1 WHERE hash = $2 AND revoked IS NULL",
			stamp(now), hash[:]))
		if errors.Is(err, ErrJoinToken) {
			return ErrNotFound
		}
		return err
	}
}

// admitted is a token that serves for a name.
type admitted struct {
	JoinToken

	name string
	// spent is when it was used up.
	spent sql.NullInt64
	// again is set for a machine that has the name already: its answer was lost, or
	// its certificate expired. That is no further use.
	again bool
}

// admit is where a token's uses, its lifetime and its names are held. Which of them it
// fails is in the error's text, for who runs the service; nobody else is told.
func admit(ctx context.Context, tx *sql.Tx, hash [32]byte, name, identity string, now time.Time) (*admitted, error) {
	t, err := tokenOf(ctx, tx, hash)
	if err != nil {
		return nil, err
	}
	names := protocol.Pattern(t.Cluster)
	if t.name = name; name == "" {
		t.name = t.Cluster
	}
	switch {
	case !t.Revoked.IsZero():
		return nil, fmt.Errorf("%w: the one for cluster %q was revoked at %s", ErrJoinToken, t.Cluster,
			t.Revoked.Format(time.RFC3339))
	case t.Expires.Compare(now) <= 0:
		return nil, fmt.Errorf("%w: the one for cluster %q expired at %s", ErrJoinToken, t.Cluster,
			t.Expires.Format(time.RFC3339))
	case !names.Admits(t.name):
		return nil, fmt.Errorf("%w: the one for cluster %q is not for %.80q", ErrJoinToken, t.Cluster, t.name)
	}
	if err := t.holdName(ctx, tx, identity); err != nil {
		return nil, err
	}
	if t.spent.Valid && !t.again {
		return nil, fmt.Errorf("%w: the one for cluster %q was used at %s, the last of %d", ErrJoinToken, t.Cluster,
			unstamp(t.spent.Int64).Format(time.RFC3339), t.Uses)
	}
	return t, nil
}

// holdName gives a name of a pattern to one key alone, whatever token it enrolled
// with: where two machines have one name, nobody can tell which of them is meant. A
// token for one name is an operator's word for that name, and gives it to another key.
func (t *admitted) holdName(ctx context.Context, tx *sql.Tx, identity string) error {
	if protocol.Pattern(t.Cluster).IsOne() {
		return nil
	}
	var all, own int
	if err := tx.QueryRowContext(ctx, nameHeldSQL, t.Fleet, t.name, identity).Scan(&all, &own); err != nil {
		return err
	}
	if all > 0 && own < all {
		return fmt.Errorf("%w: cluster %q, by the join token for %q, with another key", ErrNameTaken, t.name, t.Cluster)
	}
	t.again = own > 0
	return nil
}

// hasRoom bounds what who holds a token can have begun.
func (t *admitted) hasRoom(ctx context.Context, tx *sql.Tx, now time.Time) error {
	if protocol.Pattern(t.Cluster).IsOne() {
		return nil
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM enrolments WHERE token = $1 AND begun < $2", t.Hash[:],
		stamp(now.Add(-begunFor))); err != nil {
		return err
	}
	var others int
	if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM enrolments WHERE token = $1 AND cluster <> $2",
		t.Hash[:], t.name).Scan(&others); err != nil {
		return err
	}
	if others >= t.Uses {
		return fmt.Errorf("%w: with the one for cluster %q more enrolments are begun than its %d uses", ErrJoinToken,
			t.Cluster, t.Uses)
	}
	return nil
}

func tokenOf(ctx context.Context, tx *sql.Tx, hash [32]byte) (*admitted, error) {
	t := &admitted{}
	row := tx.QueryRowContext(ctx,
		"SELECT hash, fleet, cluster, created, expires, uses, used, revoked, spent FROM tokens WHERE hash = $1", hash[:])
	var err error
	t.JoinToken, err = scanToken(scanMore{row, &t.spent})
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("%w: this service never made it, or lost the database that it was in; it may be another fleet's",
			ErrJoinToken)
	}
	return t, err
}

// scanMore scans one column more than is asked for.
type scanMore struct {
	row  *sql.Row
	more any
}

func (s scanMore) Scan(into ...any) error { return s.row.Scan(append(into, s.more)...) }
