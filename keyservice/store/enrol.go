package store

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/bulla-dev/bulla/api/hexid"
)

// BeginEnrolment keeps e for the usable token with this hash, in place of what an
// earlier attempt under that name left there: only the newest challenge can be
// answered. e.Cluster is the name that was asked for; "" for the token's own. It
// returns the token's fleet and the name, [ErrJoinToken] or [ErrNameTaken].
func (s enrolmentRows) BeginEnrolment(ctx context.Context, token [32]byte, e Enrolment, now time.Time) (
	Enrolment, error,
) {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		t, err := admit(ctx, tx, token, e.Cluster, hexid.Digest(e.PublicKey), now)
		if err != nil {
			return err
		}
		e.Fleet, e.Cluster, e.Token = t.Fleet, t.name, t.Cluster
		if err := t.hasRoom(ctx, tx, now); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, beginEnrolmentSQL,
			token[:], e.Cluster, e.PublicKey, e.Recipient, e.Challenge[:], stamp(now))
		return err
	})
	if err != nil {
		return Enrolment{}, fmt.Errorf("begin enrolment: %w", err)
	}
	return e, nil
}

// AnswerEnrolment returns the begun enrolment under that name, "" for the token's
// own, whose challenge has this hash. A wrong answer ends the attempt, so that a
// challenge is guessed at once at most. The token is not used yet:
// [DB.CompleteEnrolment] does that.
func (s enrolmentRows) AnswerEnrolment(ctx context.Context, token [32]byte, cluster string, challenge [32]byte,
	now time.Time) (Enrolment, error) {
	var e Enrolment
	right := false
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		var err error
		if e, err = begun(ctx, tx, token, cluster, now); err != nil {
			return err
		}
		if right = subtle.ConstantTimeCompare(e.Challenge[:], challenge[:]) == 1; right {
			return nil
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM enrolments WHERE token = $1 AND cluster = $2", token[:], e.Cluster)
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

func begun(ctx context.Context, tx *sql.Tx, token [32]byte, cluster string, now time.Time) (Enrolment, error) {
	t, err := tokenOf(ctx, tx, token)
	if err != nil {
		return Enrolment{}, err
	}
	if cluster == "" {
		cluster = t.Cluster
	}
	e := Enrolment{Fleet: t.Fleet, Cluster: cluster, Token: t.Cluster}
	var challenge []byte
	err = tx.QueryRowContext(ctx,
		"SELECT public_key, recipient, challenge FROM enrolments WHERE token = $1 AND cluster = $2", token[:], cluster).
		Scan(&e.PublicKey, &e.Recipient, &challenge)
	none := errors.Is(err, sql.ErrNoRows)
	if err != nil && !none {
		return Enrolment{}, err
	}
	// What is wrong with the token comes before: it is what the log is read for.
	_, refused := admit(ctx, tx, token, cluster, hexid.Digest(e.PublicKey), now)
	if refused != nil && !(none && errors.Is(refused, ErrNameTaken)) { // without a key it would be anybody's
		return Enrolment{}, refused
	}
	if none {
		return Enrolment{}, fmt.Errorf("%w: no challenge waits for the one for cluster %q", ErrJoinToken, e.Cluster)
	}
	copy(e.Challenge[:], challenge)
	return e, nil
}

// CompleteEnrolment uses the token and records the certificate, both or neither;
// [ErrJoinToken] or [ErrNameTaken] when another request was first. The rows are asked
// again by what is written: another transaction may have changed them since they were
// read.
func (s enrolmentRows) CompleteEnrolment(token, challenge [32]byte, c Certificate, now time.Time) Change {
	return func(ctx context.Context, tx *sql.Tx) error {
		e, err := begun(ctx, tx, token, c.Cluster, now)
		if err != nil {
			return err
		}
		if subtle.ConstantTimeCompare(e.Challenge[:], challenge[:]) != 1 {
			return ErrJoinToken
		}
		if err := one(tx.ExecContext(ctx, "DELETE FROM enrolments WHERE token = $1 AND cluster = $2 AND challenge = $3",
			token[:], e.Cluster, challenge[:])); err != nil {
			return err
		}
		t, err := admit(ctx, tx, token, e.Cluster, c.Identity, now)
		if err != nil {
			return err
		}
		if !t.again {
			if err := one(tx.ExecContext(ctx, useTokenSQL, stamp(now), token[:])); err != nil {
				return err
			}
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
