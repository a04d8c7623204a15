package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ErrLedgerFull means that a cluster's part of the ledger would grow past its bound.
// Nothing of the report was taken.
var ErrLedgerFull error = Refusal("the cluster's part of the ledger is full")

const (
	// MaxLedgerSecrets is how many objects of one cluster the ledger keeps: what
	// the cluster says is its own word, and must not fill the disk.
	MaxLedgerSecrets = 10_000
	// forgetAfter is how long the ledger keeps what is gone, or unknown.
	forgetAfter = 90 * 24 * time.Hour
)

// States of a secret, as the protocol numbers them. Configured is never kept.
const (
	ledgerUnknown       = 0
	ledgerDeprovisioned = 4
)

// Member is a cluster that the fleet has, or had.
type Member struct {
	Cluster string
	// Identity is the one that its file named last.
	Identity string
	// Left is when the file was gone; zero while it is there.
	Left time.Time
	// Head and Reported are of the last report; zero before the first.
	Head     string
	Reported time.Time
}

// LedgerSecret is what a cluster said last of one sealed object.
type LedgerSecret struct {
	Cluster, Namespace, Name, Placement, Digest string
	State                                       int32
	Workloads                                   []string
	// Since is when digest and state became these, Reported when the cluster last
	// said so.
	Since, Reported time.Time
	// NeverPlaced: no head placed the digest there, as far as the service looked.
	NeverPlaced bool
}

// LedgerReport is one report of one cluster.
type LedgerReport struct {
	Fleet, Cluster string
	// Identity of the cluster, which was checked against its file.
	Identity string
	Head     string
	At       time.Time
	// Complete, Part and More are as in the protocol's ReportRequest.
	Complete bool
	Part     uint32
	More     bool
	Secrets  []LedgerSecret
	// State is what the cluster said of itself; nil for what it said last.
	State []byte
}

// SyncMembers takes note of who is in the fleet: the identities of the clusters
// that a head has, by name. Who is not among them left at that time. A head that
// is not the last one of its ref any more tells nothing.
func (s ledgerRows) SyncMembers(ctx context.Context, h Head, identities map[string]string, at time.Time) error {
	fleet := h.Fleet
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		last, err := lastHead(tx.QueryRowContext(ctx, lastHeadQuery, fleet, h.Ref))
		if err != nil || last.Hash != h.Hash {
			return err
		}
		known, err := members(ctx, tx, fleet)
		if err != nil {
			return err
		}
		for name, identity := range identities {
			if m, ok := known[name]; ok && m.Identity == identity && m.Left.IsZero() {
				continue
			}
			if err := join(ctx, tx, fleet, name, identity); err != nil {
				return err
			}
		}
		for name, m := range known {
			if _, stays := identities[name]; stays || !m.Left.IsZero() {
				continue
			}
			if _, err := tx.ExecContext(ctx, "UPDATE members SET left_at = $1 WHERE fleet = $2 AND cluster = $3", stamp(at),
				fleet, name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("record members: %w", err)
	}
	return nil
}

// join adds a member. One with a new identity was built anew: what the old one
// said is not its word, so a complete report is wanted.
func join(ctx context.Context, tx *sql.Tx, fleet, cluster, identity string) error {
	_, err := tx.ExecContext(ctx, joinSQL,
		fleet, cluster, identity)
	return err
}

func members(ctx context.Context, q interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}, fleet string) (map[string]Member, error) {
	rows, err := q.QueryContext(ctx, "SELECT cluster, identity, left_at, head, reported FROM members WHERE fleet = $1",
		fleet)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err has what matters
	known := map[string]Member{}
	for rows.Next() {
		var m Member
		var left, reported int64
		if err := rows.Scan(&m.Cluster, &m.Identity, &left, &m.Head, &reported); err != nil {
			return nil, err
		}
		m.Left, m.Reported = unstampSet(left), unstampSet(reported)
		known[m.Cluster] = m
	}
	return known, rows.Err()
}

// Members returns who is or was in the fleet, by name.
func (s ledgerRows) Members(ctx context.Context, fleet string) (map[string]Member, error) {
	known, err := members(ctx, s.db.Reads, fleet)
	if err != nil {
		return nil, fmt.Errorf("read members: %w", err)
	}
	return known, nil
}

// Member returns one of them, or [ErrNotFound].
func (s ledgerRows) Member(ctx context.Context, fleet, cluster string) (Member, error) {
	m := Member{Cluster: cluster}
	var left, reported int64
	err := s.db.Reads.QueryRowContext(ctx, "SELECT identity, left_at, head, reported FROM members WHERE fleet = $1 AND "+
		"cluster = $2", fleet, cluster).
		Scan(&m.Identity, &left, &m.Head, &reported)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return Member{}, fmt.Errorf("read member: %w", err)
	}
	m.Left, m.Reported = unstampSet(left), unstampSet(reported)
	return m, nil
}

// Report takes a cluster's report, whole or not at all; *wanted is set when the
// ledger lacks what came before it. It touches rows of that cluster only.
func (s ledgerRows) Report(r LedgerReport, wanted *bool) Change {
	return func(ctx context.Context, tx *sql.Tx) error {
		round, complete, err := beginReport(ctx, tx, r)
		if err != nil {
			return fmt.Errorf("record report: %w", err)
		}
		if err := putSecrets(ctx, tx, r, round); err != nil {
			return fmt.Errorf("record report: %w", err)
		}
		if err := putState(ctx, tx, r); err != nil {
			return fmt.Errorf("record report: %w", err)
		}
		if r.Complete && !r.More {
			complete = true
			if err := sweep(ctx, tx, r, round); err != nil {
				return fmt.Errorf("record report: %w", err)
			}
		}
		_, err = tx.ExecContext(ctx, "UPDATE members SET head = $1, reported = $2, round = $3, complete = $4 WHERE fleet "+
			"= $5 AND cluster = $6",
			r.Head, stamp(r.At), round, number(complete), r.Fleet, r.Cluster)
		if err != nil {
			return fmt.Errorf("record report: %w", err)
		}
		*wanted = !complete && !r.Complete
		return nil
	}
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// beginReport gives the round that the report's rows belong to: each complete
// report begins one, and what is of an earlier round at its end was not in it.
func beginReport(ctx context.Context, tx *sql.Tx, r LedgerReport) (round int64, complete bool, err error) {
	const query = "SELECT round, complete FROM members WHERE fleet = $1 AND cluster = $2"
	var whole int64
	err = tx.QueryRowContext(ctx, query, r.Fleet, r.Cluster).Scan(&round, &whole)
	if errors.Is(err, sql.ErrNoRows) { // its head is accepted, and not taken note of yet
		err = join(ctx, tx, r.Fleet, r.Cluster, r.Identity)
	}
	if r.Complete && r.Part == 0 {
		return round + 1, false, err
	}
	return round, whole != 0, err
}

func putSecrets(ctx context.Context, tx *sql.Tx, r LedgerReport, round int64) error {
	if len(r.Secrets) == 0 {
		return nil
	}
	put, err := tx.PrepareContext(ctx, putSecretSQL)
	if err != nil {
		return err
	}
	defer put.Close() //nolint:errcheck // ends with the transaction
	for _, l := range r.Secrets {
		workloads, err := json.Marshal(l.Workloads)
		if err != nil {
			return err
		}
		if _, err := put.ExecContext(ctx, r.Fleet, r.Cluster, l.Namespace, l.Name, l.Placement, l.Digest, l.State,
			string(workloads), stamp(r.At), round); err != nil {
			return err
		}
	}
	var count int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM ledger WHERE fleet = $1 AND cluster = $2", r.Fleet,
		r.Cluster).Scan(&count); err != nil {
		return err
	}
	if count > MaxLedgerSecrets {
		return ErrLedgerFull
	}
	return nil
}

// sweep ends a complete report: what it did not have is unknown, and what is
// gone or unknown for long is forgotten.
func sweep(ctx context.Context, tx *sql.Tx, r LedgerReport, round int64) error {
	_, err := tx.ExecContext(ctx, "UPDATE ledger SET state = $1, since = $2 "+
		"WHERE fleet = $3 AND cluster = $4 AND round < $5 AND state <> $1 AND state <> $6",
		ledgerUnknown, stamp(r.At), r.Fleet, r.Cluster, round, ledgerDeprovisioned)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM ledger WHERE fleet = $1 AND cluster = $2 AND (state = $3 OR state = $4) "+
		"AND since < $5",
		r.Fleet, r.Cluster, ledgerUnknown, ledgerDeprovisioned, stamp(r.At.Add(-forgetAfter)))
	return err
}

// Ledger returns what clusters said of their secrets, by cluster, namespace and
// name; of one cluster only if it is named.
func (s ledgerRows) Ledger(ctx context.Context, fleet, cluster string) ([]LedgerSecret, error) {
	rows, err := s.db.Reads.QueryContext(ctx, ledgerSQL, fleet, cluster)
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err has what matters
	var secrets []LedgerSecret
	for rows.Next() {
		var l LedgerSecret
		var workloads string
		var since, reported, never int64
		if err := rows.Scan(&l.Cluster, &l.Namespace, &l.Name, &l.Placement, &l.Digest, &l.State, &workloads, &since,
			&reported, &never); err != nil {
			return nil, fmt.Errorf("read ledger: %w", err)
		}
		if err := json.Unmarshal([]byte(workloads), &l.Workloads); err != nil {
			return nil, fmt.Errorf("read ledger: %w", err)
		}
		l.Since, l.Reported, l.NeverPlaced = unstamp(since), unstamp(reported), never == 1 && l.Digest != ""
		secrets = append(secrets, l)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	return secrets, nil
}

// PlacedSince returns when each digest was first placed, by cluster and digest,
// as far as the service looked; of one cluster only if it is named.
func (s ledgerRows) PlacedSince(ctx context.Context, fleet, cluster string) (map[[2]string]time.Time, error) {
	rows, err := s.db.Reads.QueryContext(ctx, placedSinceSQL, fleet, cluster)
	if err != nil {
		return nil, fmt.Errorf("read placed digests: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err has what matters
	since := map[[2]string]time.Time{}
	for rows.Next() {
		var name, digest string
		var at int64
		if err := rows.Scan(&name, &digest, &at); err != nil {
			return nil, fmt.Errorf("read placed digests: %w", err)
		}
		since[[2]string{name, digest}] = unstamp(at)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read placed digests: %w", err)
	}
	return since, nil
}
