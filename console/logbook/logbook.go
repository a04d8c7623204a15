// Package logbook is what pages tell of the audit log. Every entry is proven to be in the
// log that the fleet's log key signed, and every answer is held against the one before:
// of a log that does not hold nothing is shown.
package logbook

import (
	"context"
	"errors"
	"sync"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/manual"
	"github.com/bulla-dev/bulla/desk/auditlog"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// Books are the logs that a console reads. It is safe for concurrent use.
type Books struct {
	verify   func(*api.Fleet) (rootKey string, err error)
	remember func(fleet string) client.Checkpoints

	mu    sync.Mutex
	books map[string]*book
}

// book is the log of one fleet.
type book struct {
	seen client.Checkpoints
	// turn is held while it is asked: two answers at once are proven against one state, and
	// neither shows that it grew into the other.
	turn chan struct{}
}

// New reads the logs of fleets that verify. remember keeps what was seen last of a fleet's
// log; nil keeps it as long as the process lives.
func New(verify func(*api.Fleet) (string, error), remember func(fleet string) client.Checkpoints) *Books {
	if remember == nil {
		remember = func(string) client.Checkpoints { return &memory{} }
	}
	return &Books{verify: verify, remember: remember, books: map[string]*book{}}
}

func (b *Books) of(fleet string) *book {
	b.mu.Lock()
	defer b.mu.Unlock()
	one, ok := b.books[fleet]
	if !ok {
		one = &book{seen: b.remember(fleet), turn: make(chan struct{}, 1)}
		b.books[fleet] = one
	}
	return one
}

// Log is the verified log of a fleet, asked in the name of one person.
type Log struct {
	admin auditlog.Admin
	log   *client.Log
	turn  chan struct{}
}

// Of is the log of a fleet that verifies under its pinned root key: the log's key is in
// fleet.yaml, and whoever could put another one there could show another log.
func (b *Books) Of(admin auditlog.Admin, fleet *api.Fleet) (*Log, error) {
	if _, err := b.verify(fleet); err != nil {
		return nil, err
	}
	if _, err := audit.FleetVerifier(&fleet.Spec); err != nil {
		return nil, fault.NewTrust("an operator adds it: "+manual.At+"operations/keys.md", "%w", err)
	}
	one, key := b.of(fleet.Spec.ID), fleet.Spec.LogKey
	return &Log{admin: admin, log: client.NewLog(func() string { return key }, one.seen), turn: one.turn}, nil
}

// Source reads all of it, as the command line does.
func (l *Log) Source() auditlog.Source {
	return &auditlog.Service{Admin: l, Log: l.log, Progress: func(string, ...any) {}}
}

// ReadAudit implements [auditlog.Admin], one question at a time.
func (l *Log) ReadAudit(
	ctx context.Context, log *client.Log, in *keyservicev1.ListAuditRequest,
) (*client.AuditPage, error) {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return l.admin.ReadAudit(ctx, log, in)
}

func (l *Log) page(ctx context.Context, in *keyservicev1.ListAuditRequest) (*client.AuditPage, error) {
	page, err := l.ReadAudit(ctx, l.log, in)
	if err != nil {
		return nil, auditlog.Refused(err)
	}
	return page, nil
}

// Broken says that an error is about the log itself: it was rewritten, or what was seen of
// it before is damaged. It is told before anything else.
func Broken(err error) bool {
	return errors.As(err, new(*client.LogError)) || errors.As(err, new(*client.MemoryError))
}

// memory keeps the state seen last as long as the process lives.
type memory struct {
	mu     sync.Mutex
	signed []byte
}

// Last implements [client.Checkpoints].
func (m *memory) Last(context.Context) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.signed, nil
}

// Remember implements [client.Checkpoints].
func (m *memory) Remember(_ context.Context, signed []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.signed = signed
	return nil
}
