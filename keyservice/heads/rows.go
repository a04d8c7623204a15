package heads

import (
	"context"
	"time"

	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/sealing"
)

// Rows are what is kept of heads. A method that returns nil has made its change
// durable; one that fails has changed nothing.
type Rows interface {
	StandingRows
	// LastHead returns the head accepted last, or store.ErrNotFound.
	LastHead(ctx context.Context, fleet, ref string) (store.Head, error)
	// KnownFleet returns the zero value before the first head of any ref.
	KnownFleet(ctx context.Context, fleet string) (sealing.Known, error)
	// WasBefore reports whether hash was accepted before head was.
	WasBefore(ctx context.Context, fleet, ref, hash, head string) (bool, error)
	// AddHead says store.ErrHeadMoved unless its parent is the last one.
	AddHead(h store.Head) store.Change
	// NameStubs says which stubs of the store the head names that is accepted with it.
	NameStubs(fleet, ref string, digests []string, now time.Time) store.Change
	// ChangeStubs says it by what the head before it did not name, or did.
	ChangeStubs(fleet, ref string, named, left []string, now time.Time) store.Change
	// AtHead says store.ErrHeadMoved unless hash is the last head.
	AtHead(fleet, ref, hash string) store.Change
	// OpenRewrite returns store.ErrNotFound when nothing unused was accepted in
	// the place of what follows from.
	OpenRewrite(ctx context.Context, fleet, ref, from string) (store.Rewrite, error)
	// TakenRewrite returns the word by which from was left last, or store.ErrNotFound.
	TakenRewrite(ctx context.Context, fleet, ref, from string) (store.Rewrite, error)
	// AddRewrite says store.ErrHeadMoved unless its From is the last head.
	AddRewrite(r store.Rewrite) store.Change
	// SpendRewrite says store.ErrHeadMoved unless r is the newest unused one.
	SpendRewrite(r store.Rewrite, now time.Time) store.Change
	// AddPlaced notes that a head placed digests on a cluster; WasPlaced reports
	// whether any head did.
	AddPlaced(ctx context.Context, fleet, cluster, head string, digests []string) error
	WasPlaced(ctx context.Context, fleet, cluster, digest string) (bool, error)
}

// StandingRows are what is kept of how the head stands, for a restart, and for other
// replicas.
type StandingRows interface {
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
