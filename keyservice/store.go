package keyservice

import (
	"context"
	"time"

	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/journal"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/sealing"
)

// Store is what the service keeps; [*store.DB] is the one there is. A
// method that returns nil has made its change durable: the service answers on
// the strength of it. A method that fails has changed nothing.
type Store interface {
	headStore
	placedStore
	logStore
	enrolStore
	authorityStore
	lineageStore
	ledgerStore
	denialStore
	// Ready reports whether rows can be written now.
	Ready(ctx context.Context) error
}

type headStore interface {
	// LastHead returns the head accepted last, or store.ErrNotFound.
	LastHead(ctx context.Context, fleet, ref string) (store.Head, error)
	// KnownFleet returns the zero value before the first head of any ref.
	KnownFleet(ctx context.Context, fleet string) (sealing.Known, error)
	// WasBefore reports whether hash was accepted before head was.
	WasBefore(ctx context.Context, fleet, ref, hash, head string) (bool, error)
	// AddHead says store.ErrHeadMoved unless its parent is the last one.
	AddHead(h store.Head) store.Change
	// AtHead says store.ErrHeadMoved unless hash is the last head.
	AtHead(fleet, ref, hash string) store.Change
	// OpenRewrite returns store.ErrNotFound when nothing unused was accepted in
	// the place of what follows from.
	OpenRewrite(ctx context.Context, fleet, ref, from string) (store.Rewrite, error)
	// AddRewrite says store.ErrHeadMoved unless its From is the last head.
	AddRewrite(r store.Rewrite) store.Change
	// SpendRewrite says store.ErrHeadMoved unless r is the newest unused one.
	SpendRewrite(r store.Rewrite, now time.Time) store.Change
	// LastLook returns the look recorded last, or store.ErrNotFound.
	LastLook(ctx context.Context, fleet, ref string) (store.Look, error)
	// AddLook says store.ErrHeadMoved unless the look is at the last head.
	AddLook(ctx context.Context, l store.Look) (number int64, err error)
	// AgeLook makes a look older, never younger, and says as AddLook.
	AgeLook(ctx context.Context, l store.Look) error
	// LastRefusal returns what was refused last, or store.ErrNotFound.
	LastRefusal(ctx context.Context, fleet, ref string) (store.RefusedTip, error)
	// KeepRefusal never makes one younger, and says as AddLook.
	KeepRefusal(ctx context.Context, r store.RefusedTip) error
	EndRefusal(ctx context.Context, fleet, ref, head string) error
}

type placedStore interface {
	AddPlaced(ctx context.Context, fleet, cluster, head string, digests []string) error
	WasPlaced(ctx context.Context, fleet, cluster, digest string) (bool, error)
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
