package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/bulla-dev/bulla/keyservice/store/engine"
)

// DB is one opened database, and the rows in it, by noun. Who uses some of them says
// which, by an interface of a few methods. It is safe for concurrent use.
type DB struct {
	headRows
	standingRows
	logRows
	ledgerRows
	enrolmentRows
	certificateRows
	denialRows
	stubRows

	db *engine.Engine
}

type (
	// headRows are accepted heads, what they placed where, and what may follow them
	// although it does not descend from them. A head has one parent, the head before it.
	headRows struct{ db *engine.Engine }
	// standingRows are how the last head stands: the newest verified look at it, and the
	// tip that is refused beside it. Nothing in them ever grows younger, but by a look.
	standingRows struct{ db *engine.Engine }
	// logRows are the audit log, and what waits for its next append. Leaves are added
	// at the end, and never changed.
	logRows struct{ db *engine.Engine }
	// ledgerRows are what clusters say became of their secrets, and who is in the fleet.
	// A report changes rows of its own cluster only.
	ledgerRows struct{ db *engine.Engine }
	// enrolmentRows are join tokens, and enrolments that were begun with them. A join
	// token is spent once.
	enrolmentRows struct{ db *engine.Engine }
	// certificateRows are the authority's certificates, those that it issued, and which
	// was renewed from which.
	certificateRows struct{ db *engine.Engine }
	// denialRows are what operators deny. Their number only grows.
	denialRows struct{ db *engine.Engine }
	// stubRows are the stubs that references in Git name, and which of them the accepted
	// head names, or one that was left of late. A stub is never changed.
	stubRows struct{ db *engine.Engine }
)

// Open opens or creates the SQLite file at path, mode 0600, and brings its tables up
// to this version.
func Open(ctx context.Context, path string) (*DB, error) {
	return over(engine.Open(ctx, path, migrations))
}

// OpenPostgres connects to a PostgreSQL database by its URL or key=value string and
// brings its tables up to this version. Errors never carry the string: it may hold a
// password.
func OpenPostgres(ctx context.Context, dsn string) (*DB, error) {
	return over(engine.OpenPostgres(ctx, dsn, migrations))
}

func over(db *engine.Engine, err error) (*DB, error) {
	if err != nil {
		return nil, err
	}
	return &DB{
		headRows{db}, standingRows{db}, logRows{db}, ledgerRows{db}, enrolmentRows{db}, certificateRows{db},
		denialRows{db}, stubRows{db}, db,
	}, nil
}

// Close closes the database.
func (s *DB) Close() error { return s.db.Close() }

// Change is something to be written together with something else: it runs in a
// transaction that the other side commits, possibly more than once. It must not
// keep tx. It says no with a [Refusal].
type Change func(ctx context.Context, tx *sql.Tx) error

// Ready reports whether a transaction commits now, by forgetting enrolments
// whose token expired.
func (s *DB) Ready(ctx context.Context) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM enrolments WHERE token IN (SELECT hash FROM tokens WHERE expires < $1)",
			stamp(time.Now()))
		return err
	})
}

// Do makes changes in one transaction that is on disk when Do returns nil.
func (s *DB) Do(ctx context.Context, changes ...Change) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		for _, change := range changes {
			if err := change(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
}

func stamp(t time.Time) int64 { return t.UnixMicro() }

func unstamp(us int64) time.Time { return time.UnixMicro(us).UTC() }

// stampSet gives 0 for the zero time.
func stampSet(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return stamp(t)
}

// unstampSet takes 0 for the zero time.
func unstampSet(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return unstamp(us)
}
