package heads

import (
	"context"
	"log/slog"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/journal"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/follow"
)

// Options of [New]: a list of parts, each set once.
type Options struct {
	Fleet      string
	Repository config.Repository
	Rule       *follow.Rule
	Builder    *kustomize.Builder
	Rows       Rows
	// Token is told the sealing keys of each accepted head.
	Token   Pinner
	Journal Journal
	// Denied records refusals.
	Denied func(context.Context, ...audit.Entry) error
	// Accepted is called with each new head.
	Accepted func(*Head)
	Observer Observer
	// LookEvery is the least time between looks that requests cause; 0 is a second.
	LookEvery time.Duration
	Log       *slog.Logger
	Now       func() time.Time
}

// Pinner sets the sealing keys that may be used, replacing those before.
type Pinner interface {
	Pin(ctx context.Context, keys []api.SealingKey) error
}

// Journal is where accepted heads are recorded, with the changes of their rows.
type Journal interface {
	Leave(ctx context.Context, entries []audit.Entry, changes ...store.Change) (*journal.Receipt, error)
}

// Observer is told what metrics show.
type Observer interface {
	// Looked is told how a look at the remote ended.
	Looked(err error)
	// Fetching is told of each fetch.
	Fetching()
	// AcceptedHead is told when the head in use was accepted, VerifiedLook when it was
	// last seen to be the newest.
	AcceptedHead(at time.Time)
	VerifiedLook(at time.Time)
	// TipRefused is told since when the tip is refused, the zero time when it is not.
	TipRefused(since time.Time)
}
