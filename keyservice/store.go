package keyservice

import (
	"context"
	"time"

	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/clerk"
	"github.com/bulla-dev/bulla/keyservice/denials"
	"github.com/bulla-dev/bulla/keyservice/enrolment"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/keyservice/journal"
	"github.com/bulla-dev/bulla/keyservice/ledger"
	"github.com/bulla-dev/bulla/keyservice/rollout"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/keyservice/stubs"
	"github.com/bulla-dev/bulla/keyservice/unseal"
)

// Store is what the service keeps; [*store.DB] is the one there is. Each room says what
// it asks of it. A method that returns nil has made its change durable: the service
// answers on the strength of it. A method that fails has changed nothing.
type Store interface {
	heads.Rows
	journal.Store
	authority.Store
	clerk.Rows
	enrolment.Store
	unseal.Store
	ledger.Store
	rollout.Store
	denials.Store
	stubs.Store
	lineageStore
	// Enrolled are the clusters that have a certificate now.
	Enrolled(ctx context.Context, fleet string, now time.Time) ([]string, error)
	// Ready reports whether rows can be written now.
	Ready(ctx context.Context) error
}

var _ Store = (*store.DB)(nil)
