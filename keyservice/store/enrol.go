package store

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// AddJoinToken records a new join token by its hash.
func (s enrolmentRows) AddJoinToken(t JoinToken) Change {
	return func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO tokens (hash, fleet, cluster, created, expires) VALUES ($1, $2, $3, "+
			"$4, $5)",
			t.Hash[:], t.Fleet, t.Cluster, stamp(t.Created), stamp(t.Expires))
		return err
	}
}

// BeginEnrolment keeps e for the unspent, unexpired token with this hash, in
// place of what an earlier attempt left there: only the newest challenge can be
// answered. It returns the token's fleet and cluster, or [ErrJoinToken].
func (s enrolmentRows) BeginEnrolment(ctx context.Context, token [32]byte, e Enrolment, now time.Time) (
	Enrolment, error,
) {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		var err error
		if e.Fleet, e.Cluster, err = usable(ctx, tx, token, now); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, beginEnrolmentSQL,
			token[:], e.PublicKey, e.Recipient, e.Challenge[:], stamp(now))
		return err
	})
	if err != nil {
		return Enrolment{}, fmt.Errorf("begin enrolment: %w", err)
	}
	return e, nil
}

// usable is where a token's single use and its lifetime are held. Which of them it
// fails is in the error's text, for who runs the service; nobody else is told.
func usable(ctx context.Context, tx *sql.Tx, token [32]byte, now time.Time) (fleet, cluster string, err error) {
	var expires int64
	var spent sql.NullInt64
	err = tx.QueryRowContext(ctx, "SELECT fleet, cluster, expires, spent FROM tokens WHERE hash = $1", token[:]).
		Scan(&fleet, &cluster, &expires, &spent)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		err = fmt.Errorf("%w: this service never made it, or lost the database that it was in; it may be another fleet's",
			ErrJoinToken)
	case err != nil:
	case spent.Valid:
		err = fmt.Errorf("%w: the one for cluster %q was used at %s", ErrJoinToken, cluster,
			unstamp(spent.Int64).Format(time.RFC3339))
	case expires <= stamp(now):
		err = fmt.Errorf("%w: the one for cluster %q expired at %s", ErrJoinToken, cluster, unstamp(expires).Format(time.RFC3339))
	}
	return fleet, cluster, err
}

// AnswerEnrolment returns the begun enrolment whose challenge has this hash. A
// wrong answer ends the attempt, so that a challenge is guessed at once at most.
// The token is not spent yet: [DB.CompleteEnrolment] does that.
func (s enrolmentRows) AnswerEnrolment(ctx context.Context, token, challenge [32]byte, now time.Time) (
	Enrolment, error,
) {
	var e Enrolment
	right := false
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		var err error
		if e, err = begun(ctx, tx, token, now); err != nil {
			return err
		}
		if right = subtle.ConstantTimeCompare(e.Challenge[:], challenge[:]) == 1; right {
			return nil
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM enrolments WHERE token = $1", token[:])
		return err
	})
	if err == nil && !right {
		err = fmt.Errorf("%w: the challenge was not answered by the one for cluster %q", ErrJoinToken, e.Cluster)
	}
	if err != nil {
		return Enrolment{}, fmt.Errorf("answer enrolment: %w", err)
	}
	return e, nil
}

func begun(ctx context.Context, tx *sql.Tx, token [32]byte, now time.Time) (Enrolment, error) {
	var e Enrolment
	var err error
	if e.Fleet, e.Cluster, err = usable(ctx, tx, token, now); err != nil {
		return Enrolment{}, err
	}
	var challenge []byte
	err = tx.QueryRowContext(ctx, "SELECT public_key, recipient, challenge FROM enrolments WHERE token = $1", token[:]).
		Scan(&e.PublicKey, &e.Recipient, &challenge)
	if errors.Is(err, sql.ErrNoRows) {
		return Enrolment{}, fmt.Errorf("%w: no challenge waits for the one for cluster %q", ErrJoinToken, e.Cluster)
	}
	copy(e.Challenge[:], challenge)
	return e, err
}

// CompleteEnrolment spends the token and records the certificate, both or
// neither; [ErrJoinToken] when another request was first. The rows are asked again
// by what is written: another transaction may have changed them since they were
// read.
func (s enrolmentRows) CompleteEnrolment(token, challenge [32]byte, c Certificate, now time.Time) Change {
	return func(ctx context.Context, tx *sql.Tx) error {
		e, err := begun(ctx, tx, token, now)
		if err != nil {
			return err
		}
		if subtle.ConstantTimeCompare(e.Challenge[:], challenge[:]) != 1 {
			return ErrJoinToken
		}
		if err := one(tx.ExecContext(ctx, "DELETE FROM enrolments WHERE token = $1 AND challenge = $2", token[:],
			challenge[:])); err != nil {
			return err
		}
		if err := one(tx.ExecContext(ctx, "UPDATE tokens SET spent = $1 WHERE hash = $2 AND spent IS NULL", stamp(now),
			token[:])); err != nil {
			return err
		}
		return addCertificate(ctx, tx, c)
	}
}

// one is [ErrJoinToken] when a statement found no row to change.
func one(done sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := done.RowsAffected()
	if err == nil && n == 0 {
		err = ErrJoinToken
	}
	return err
}
