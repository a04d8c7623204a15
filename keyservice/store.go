package keyservice

import (
	"context"
	"time"

	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/keyservice/journal"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// Store is what the service keeps; [*store.DB] is the one there is. A
// method that returns nil has made its change durable: the service answers on
// the strength of it. A method that fails has changed nothing.
type Store interface {
	heads.Rows
	logStore
	enrolStore
	authorityStore
	lineageStore
	ledgerStore
	denialStore
	// Ready reports whether rows can be written now.
	Ready(ctx context.Context) error
}

// logStore is the audit log.
type logStore interface {
	journal.Store
	// HasPending reports whether an entry waits for the next append.
	HasPending(ctx context.Context, fleet string) (bool, error)
}

// enrolStore spends a token at most once, however many requests race. Its
// methods fail with store.ErrToken when token or challenge do not serve.
type enrolStore interface {
	BeginEnrolment(ctx context.Context, token [32]byte, e store.Enrolment, now time.Time) (store.Enrolment, error)
	AnswerEnrolment(ctx context.Context, token, challenge [32]byte, now time.Time) (store.Enrolment, error)
	CompleteEnrolment(token, challenge [32]byte, c store.Certificate, now time.Time) store.Change
}

// authorityStore is the authority's, and the certificates that it issued.
type authorityStore interface {
	authority.Store
	AddCertificate(c store.Certificate) store.Change
	Enrolled(ctx context.Context, fleet string, now time.Time) ([]string, error)
}

// ledgerStore is what clusters say became of their secrets.
type ledgerStore interface {
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

// denialStore is what operators denied.
type denialStore interface {
	// Denials returns what is denied at a time, and the number of the list.
	Denials(ctx context.Context, fleet string, now time.Time) ([]store.Denial, int64, error)
	// AddDenial says store.ErrDenialsFull beyond the bound.
	AddDenial(d store.Denial, id *int64) store.Change
	// LiftDenial says store.ErrNotFound when there is none of that id.
	LiftDenial(fleet string, id int64, now time.Time, lifted *store.Denial) store.Change
	// Decided says store.ErrHeadMoved as AtHead does, and store.ErrDenied when
	// something was denied since the list of that number.
	Decided(fleet, ref, hash string, number int64) store.Change
}

var _ Store = (*store.DB)(nil)
