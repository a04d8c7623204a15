package ledger

import (
	"context"
	"time"

	"github.com/bulla-dev/bulla/keyservice/denials"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// Store is what clusters say became of their secrets.
type Store interface {
	denials.Reader
	SyncMembers(ctx context.Context, h store.Head, identities map[string]string, at time.Time) error
	Members(ctx context.Context, fleet string) (map[string]store.Member, error)
	// Member returns store.ErrNotFound for who never was in the fleet.
	Member(ctx context.Context, fleet, cluster string) (store.Member, error)
	// Report fails with store.ErrLedgerFull beyond the bound of a cluster.
	Report(r store.LedgerReport, wanted *bool) store.Change
	Ledger(ctx context.Context, fleet, cluster string) ([]store.LedgerSecret, error)
	// States is what clusters said of themselves last, by name.
	States(ctx context.Context, fleet, cluster string) (map[string][]byte, error)
	// HeadTimes is when heads were accepted, by hash.
	HeadTimes(ctx context.Context, fleet, ref string, hashes []string) (map[string]time.Time, error)
	PlacedSince(ctx context.Context, fleet, cluster string) (map[[2]string]time.Time, error)
	// Do makes changes by themselves.
	Do(ctx context.Context, changes ...store.Change) error
}
