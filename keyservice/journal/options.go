package journal

import (
	"context"
	"crypto"
	"log/slog"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bulla-dev/bulla/keyservice/store"
)

// Options are the parts of a [Journal]; all are required.
type Options struct {
	Fleet    string
	Token    Token
	Store    Store
	Observer Observer
	Log      *slog.Logger
	// Now is the clock: of entries, not of timeouts.
	Now func() time.Time
}

// Token is who signs the log.
type Token interface {
	// Signer returns the signing key with this label; for the log it is ECDSA.
	// Signatures may be asked for at any time and may fail.
	Signer(ctx context.Context, label string) (crypto.Signer, error)
}

// Store is where the log stands. Its appends exclude each other, of other
// processes too; one that fails has either written nothing, or all and lost the
// answer.
type Store interface {
	LogState(ctx context.Context, fleet string) (store.LogState, error)
	LogHashes(ctx context.Context, fleet string, indexes []int64) ([]tlog.Hash, error)
	AppendLog(ctx context.Context, fleet string, groups [][]store.Change,
		build func(*store.Appending) (store.Appended, error)) error
	FindLeaves(ctx context.Context, fleet string, f store.LogFilter) (leaves []store.Leaf, next int64, err error)
	// AddPending keeps an entry for the next append.
	AddPending(fleet string, entry []byte) store.Change
	// Do makes changes, all or none.
	Do(ctx context.Context, changes ...store.Change) error
}

// Observer is told how the log fares, for metrics. Its methods return at once.
type Observer interface {
	// Appended says how long one append took, and how many entries it wrote: none
	// when it failed.
	Appended(took time.Duration, entries int, failed bool)
	// Grew says how many entries the log has now.
	Grew(size int64)
}
