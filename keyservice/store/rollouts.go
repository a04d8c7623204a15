package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Wave is how far a release of a placement came in one wave.
type Wave struct {
	// Of names the wave.
	Of string
	// Since is when the wave was found Ready first, and was ever since, as far as
	// anybody asked; zero while it is not.
	Since time.Time
	// Passed is when the wave had been Ready for its pause, or was promoted; zero before.
	Passed time.Time
	// Until is when a promotion ends; zero for a wave that passed by itself, for good.
	Until time.Time
}

// HasPassed says whether the wave counts as passed at a time.
func (w Wave) HasPassed(now time.Time) bool {
	return !w.Passed.IsZero() && (w.Until.IsZero() || now.Before(w.Until))
}

// Waves returns what is kept of a release, by wave.
func (s ledgerRows) Waves(ctx context.Context, fleet, placement, release string) (map[string]Wave, error) {
	rows, err := s.db.Reads.QueryContext(ctx,
		"SELECT wave, since, passed, until FROM rollouts WHERE fleet = $1 AND placement = $2 AND release = $3",
		fleet, placement, release)
	if err != nil {
		return nil, fmt.Errorf("read waves: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err has what matters
	waves := map[string]Wave{}
	for rows.Next() {
		var w Wave
		var since, passed, until int64
		if err := rows.Scan(&w.Of, &since, &passed, &until); err != nil {
			return nil, fmt.Errorf("read waves: %w", err)
		}
		w.Since, w.Passed, w.Until = unstampSet(since), unstampSet(passed), unstampSet(until)
		waves[w.Of] = w
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read waves: %w", err)
	}
	return waves, nil
}

// PutWave keeps how far a release came in a wave. That it passed by itself is never taken
// back, and a promotion only by a later word: who writes may not have heard of it.
func (s ledgerRows) PutWave(fleet, placement, release string, w Wave) Change {
	return func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, putWaveSQL, fleet, placement, release, w.Of,
			stampSet(w.Since), stampSet(w.Passed), stampSet(w.Until))
		return err
	}
}

// Pause is an operator's word that nothing of a placement starts anew until a time.
type Pause struct {
	Placement string
	// Reason is for people, Person who said it.
	Reason, Person string
	Since, Until   time.Time
}

// Pauses returns those that count at a time, by placement.
func (s ledgerRows) Pauses(ctx context.Context, fleet string, now time.Time) (map[string]Pause, error) {
	rows, err := s.db.Reads.QueryContext(ctx, "SELECT placement, reason, person, since, until FROM rollout_pauses "+
		"WHERE fleet = $1 AND until > $2", fleet, stamp(now))
	if err != nil {
		return nil, fmt.Errorf("read pauses of rollouts: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err has what matters
	pauses := map[string]Pause{}
	for rows.Next() {
		var p Pause
		var since, until int64
		if err := rows.Scan(&p.Placement, &p.Reason, &p.Person, &since, &until); err != nil {
			return nil, fmt.Errorf("read pauses of rollouts: %w", err)
		}
		p.Since, p.Until = unstamp(since), unstamp(until)
		pauses[p.Placement] = p
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read pauses of rollouts: %w", err)
	}
	return pauses, nil
}

// PutPause keeps a pause in place of the placement's one before. One that ends as it
// begins ends that.
func (s ledgerRows) PutPause(fleet string, p Pause) Change {
	return func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM rollout_pauses WHERE fleet = $1 AND (placement = $2 OR until <= $3)",
			fleet, p.Placement, stamp(p.Since)); err != nil || !p.Until.After(p.Since) {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO rollout_pauses (fleet, placement, reason, person, since, until) "+
			"VALUES ($1, $2, $3, $4, $5, $6)", fleet, p.Placement, p.Reason, p.Person, stamp(p.Since), stamp(p.Until))
		return err
	}
}

// ForgetWaves drops the rows of other releases of a placement whose waves neither passed
// nor stood since.
func (s ledgerRows) ForgetWaves(fleet, placement, release string, since time.Time) Change {
	return func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM rollouts WHERE fleet = $1 AND placement = $2 AND release <> $3 "+
			"AND since < $4 AND passed < $4", fleet, placement, release, stamp(since))
		return err
	}
}
