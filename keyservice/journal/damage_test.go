package journal

import (
	"database/sql"
	"errors"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/sealing"
)

// exec changes the database behind the store's back.
func (b *bench) exec(statements ...string) {
	b.t.Helper()
	db, err := sql.Open("sqlite", b.path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range append([]string{"PRAGMA busy_timeout = 10000"}, statements...) {
		if _, err := db.ExecContext(b.t.Context(), statement); err != nil {
			b.t.Fatalf("%s: %v", statement, err)
		}
	}
}

// setCheckpoint puts a checkpoint of the caller's making into the row.
func (b *bench) setCheckpoint(signed []byte) {
	b.t.Helper()
	db, err := sql.Open("sqlite", b.path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(b.t.Context(), "UPDATE logs SET checkpoint = $1", signed); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) sign(key *logKey, c audit.Checkpoint) []byte {
	b.t.Helper()
	signer, err := sealing.NewSigner(audit.Origin(testFleet), key)
	if err != nil {
		b.t.Fatal(err)
	}
	signed, err := audit.SignCheckpoint(c, signer)
	if err != nil {
		b.t.Fatal(err)
	}
	return signed
}

// rehash makes the stored hashes of every leaf fit the entries, as somebody would
// who edits one and knows the format.
func (b *bench) rehash() {
	b.t.Helper()
	leaves, _, err := b.rows.FindLeaves(b.t.Context(), testFleet, store.LogFilter{Limit: 1 << 20})
	if err != nil {
		b.t.Fatal(err)
	}
	db, err := sql.Open("sqlite", b.path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer db.Close()
	b.hashAnew(leaves, func(leaf int, completed []tlog.Hash) {
		var joined []byte
		for _, h := range completed {
			joined = append(joined, h[:]...)
		}
		if _, err := db.ExecContext(b.t.Context(), "UPDATE leaves SET hashes = $1 WHERE idx = $2", joined, leaf); err != nil {
			b.t.Fatal(err)
		}
	})
}

// TestALogThatWasTamperedWithIsNotOpened, one way each.
func TestALogThatWasTamperedWithIsNotOpened(t *testing.T) {
	edit := "UPDATE leaves SET entry = CAST(replace(CAST(entry AS TEXT), 'Granted', 'NotHere') AS BLOB) WHERE idx = 30"
	cases := map[string]struct {
		damage func(b *bench)
		want   string
	}{
		"the last entry is missing": {func(b *bench) { b.exec("DELETE FROM leaves WHERE idx = 40") }, "it ends after 40"},
		"the last entries are missing, and the row says so": {func(b *bench) {
			b.exec("DELETE FROM leaves WHERE idx >= 30", "UPDATE logs SET size = 30")
		}, "not those that its checkpoint was signed for"},
		"the row was set back": {func(b *bench) { b.exec("UPDATE logs SET size = 30") },
			"it ends after 41"},
		"an entry in between is missing": {func(b *bench) { b.exec("DELETE FROM leaves WHERE idx = 20") },
			"entry 20"},
		"an entry was changed": {func(b *bench) { b.exec(edit) }, "entry 30 was changed"},
		"an entry was changed, and its hashes with it": {func(b *bench) { b.exec(edit); b.rehash() },
			"not those that its checkpoint was signed for"},
		"two entries changed places": {func(b *bench) {
			b.exec("UPDATE leaves SET idx = 99 WHERE idx = 10", "UPDATE leaves SET idx = 10 WHERE idx = 11",
				"UPDATE leaves SET idx = 11 WHERE idx = 99")
		}, "entry 10 was changed"},
		"a hash was cut": {func(b *bench) {
			b.exec("UPDATE leaves SET hashes = substr(hashes, 1, 7) WHERE idx = 12")
		}, "bytes of hashes"},
		"the checkpoint is gone": {func(b *bench) { b.exec("UPDATE logs SET checkpoint = x''") },
			"checkpoint is not this fleet's and token's"},
		"the row of the log is gone": {func(b *bench) {
			b.exec("PRAGMA foreign_keys = OFF", "DELETE FROM logs")
		}, "no log"},
		"the checkpoint is by another key": {func(b *bench) {
			b.setCheckpoint(b.sign(newLogKey(b.t), b.j.tip.Load().Checkpoint))
		}, "checkpoint is not this fleet's and token's"},
		"the checkpoint is of a fork": {func(b *bench) {
			c := b.j.tip.Load().Checkpoint
			c.Root = tlog.Hash{1}
			b.setCheckpoint(b.sign(b.key, c))
		}, "not those that its checkpoint was signed for"},
		"the checkpoint is of another fleet's log": {func(b *bench) {
			c := b.j.tip.Load().Checkpoint
			c.Origin = audit.Origin(strings.Repeat("f", 32))
			signer, err := sealing.NewSigner(audit.Origin(testFleet), b.key)
			if err != nil {
				b.t.Fatal(err)
			}
			signed, err := audit.SignCheckpoint(c, signer)
			if err != nil {
				b.t.Fatal(err)
			}
			b.setCheckpoint(signed)
		}, "checkpoint is not this fleet's and token's"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			for n := range 41 {
				b.add(b.j, numbered(n, 1))
			}
			c.damage(b)
			_, err := b.open(b.rows)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("opened with %v, want an error with %q", err, c.want)
			}
		})
	}
}

// TestALogThatIsReplacedUnderTheServiceIsNotContinued: a fork signed by the same
// token, or an old copy put back, while the service runs.
func TestALogThatIsReplacedUnderTheServiceIsNotContinued(t *testing.T) {
	b := newBench(t)
	b.add(b.j, numbered(0, 10))
	old := b.j.tip.Load()
	b.add(b.j, numbered(10, 10))
	// The same token signs another continuation of the first ten entries.
	b.exec("DELETE FROM leaves WHERE idx >= 10", "UPDATE logs SET size = 10")
	b.setCheckpoint(old.signed)
	if _, err := b.j.Append(t.Context(), numbered(90, 1)); !errors.Is(err, ErrBehind) {
		t.Errorf("an old copy was put back: %v, want ErrBehind", err)
	}
	if _, err := b.j.Newest(t.Context()); !errors.Is(err, ErrBehind) {
		t.Errorf("an old copy was put back: %v, want ErrBehind", err)
	}
	fork := b.mustOpen(b.rows)
	b.add(fork, numbered(50, 30))
	if _, err := b.j.Append(t.Context(), numbered(90, 1)); !errors.Is(err, audit.ErrConsistency) {
		t.Errorf("a fork is in its place: %v, want ErrConsistency", err)
	}
	if _, err := b.j.Newest(t.Context()); !errors.Is(err, audit.ErrConsistency) {
		t.Errorf("a fork is in its place: %v, want ErrConsistency", err)
	}
	if got := b.j.tip.Load(); got.Size != 20 {
		t.Errorf("the service follows it: %d entries", got.Size)
	}
}
