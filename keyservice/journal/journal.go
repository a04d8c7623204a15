package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/store"
)

const (
	// appendTimeout bounds one append: the store's lock, the token's signature and
	// the commit.
	appendTimeout = 15 * time.Second
	// appendPatience is how long a caller waits for its entries to be on disk: an
	// append under way, and its own.
	appendPatience = 2 * appendTimeout
	// MaxAppend is how many entries one append writes, unless a single caller has
	// more: who has thousands brings them in so many pieces.
	MaxAppend = 4096
	// maxQueue is how many entries wait. Beyond that callers are turned away at
	// once: they come back with back-off.
	maxQueue = 1 << 15
)

var (
	// ErrUnsigned means that the token does not sign the log now: nothing was recorded.
	ErrUnsigned = errors.New("the token does not sign the audit log")
	// ErrQueue means that the store is slower than the callers: nothing was recorded.
	ErrQueue = errors.New("too many entries wait for the audit log")
	// ErrBehind means that the store's log is shorter than one that was seen.
	ErrBehind = errors.New("the audit log in the store is behind what was seen of it: it was cut, or an old copy was " +
		"put in its place")
)

// Journal is the audit log of a fleet, safe for concurrent use. Everything that
// waits while an append is under way goes into the next one together: one
// transaction, one signature by the token, one flush of the disk.
type Journal struct {
	fleet string
	rows  Store
	// key is the verifier of signer in its text form.
	key      string
	signer   note.Signer
	verifier note.Verifier
	now      func() time.Time
	log      *slog.Logger
	observer Observer

	// tip is the newest state of the log that this process wrote or checked.
	tip atomic.Pointer[tip]

	mu      sync.Mutex
	queue   []*group
	queued  int // entries in queue
	running bool
}

// Key is the verifier of the log's checkpoints, in the text form that fleet.yaml
// has it in (golang.org/x/mod/sumdb/note).
func (j *Journal) Key() string { return j.key }

// Size is how many entries the log has, as far as this process knows.
func (j *Journal) Size() int64 { return j.tip.Load().Size }

// Append makes changes and records entries with them; fleet and time of an entry
// are filled in. When it returns nil both are on disk under a signed checkpoint.
// A change that says no (store.ErrJoinToken, store.ErrHeadMoved) is the error, and
// then nothing is recorded either; other errors are ErrUnsigned, ErrQueue,
// ErrBehind, audit.ErrEntry for an entry that is too long or no text, and the
// store's. A caller that leaves does not stop it: what was decided is recorded.
func (j *Journal) Append(ctx context.Context, entries []audit.Entry, changes ...store.Change) (*Receipt, error) {
	if err := checkEntries(entries); err != nil {
		return nil, fmt.Errorf("record decisions: %w", err)
	}
	g := &group{entries: entries, changes: changes, done: make(chan struct{})}
	if err := j.enqueue(g); err != nil {
		return nil, fmt.Errorf("record decisions: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendPatience)
	defer cancel()
	select {
	case <-g.done:
	case <-ctx.Done():
		return nil, fmt.Errorf("record decisions: %w", ctx.Err())
	}
	if g.err != nil {
		return nil, fmt.Errorf("record decisions: %w", g.err)
	}
	return g.receipt, nil
}

// Leave is Append for what releases nothing: when the token cannot sign, the
// entries are on disk all the same, and the next append signs them. The receipt
// is nil then.
func (j *Journal) Leave(ctx context.Context, entries []audit.Entry, changes ...store.Change) (*Receipt, error) {
	r, err := j.Append(ctx, entries, changes...)
	if !errors.Is(err, ErrUnsigned) {
		return r, err
	}
	changes = slices.Clone(changes)
	for _, e := range entries {
		e.Fleet, e.Time = j.fleet, j.now()
		changes = append(changes, j.rows.AddPending(j.fleet, e.Marshal()))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendTimeout)
	defer cancel()
	return nil, j.rows.Do(ctx, changes...)
}
