package keyservice

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
	// maxAppend is how many entries one append writes, and maxQueue how many wait.
	// Beyond that callers are turned away at once: they come back with back-off.
	maxAppend = 4096
	maxQueue  = 1 << 15
)

// errUnsigned: the token does not sign the log now.
var errUnsigned = errors.New("the token does not sign the audit log")

var errQueue = errors.New("too many entries wait for the audit log")

// recorder is the audit log as the decisions see it.
type recorder interface {
	// append makes changes and records entries with them. When it returns nil both
	// are on disk under a signed checkpoint. A change that says no (store.ErrToken,
	// store.ErrHeadMoved) is the error, and then nothing is recorded either.
	append(ctx context.Context, entries []audit.Entry, changes ...store.Change) (*receipt, error)
	// leave is append for what releases nothing: when the token cannot sign, the
	// entries are on disk all the same, and the next append signs them. The receipt
	// is nil then.
	leave(ctx context.Context, entries []audit.Entry, changes ...store.Change) (*receipt, error)
	// latest is the newest state of the log, which has at least size entries.
	latest(ctx context.Context, size uint64) (*receipt, error)
	// newest is the newest state that any process wrote.
	newest(ctx context.Context) (*receipt, error)
}

// journal is the audit log of a fleet. Everything that waits while an append is
// under way goes into the next one together: one transaction, one signature by
// the token, one flush of the disk.
type journal struct {
	fleet string
	rows  logStore
	// key is the verifier of signer in its text form.
	key      string
	signer   note.Signer
	verifier note.Verifier
	now      func() time.Time
	log      *slog.Logger
	metrics  *metrics

	// tip is the newest state of the log that this process wrote or checked.
	tip atomic.Pointer[tip]

	mu      sync.Mutex
	queue   []*group
	queued  int // entries in queue
	running bool
}

// group is what one caller wants written, all or nothing.
type group struct {
	entries []audit.Entry
	changes []store.Change

	done    chan struct{}
	receipt *receipt
	err     error
}

// append implements [recorder]. A caller that leaves does not stop it: what was
// decided is recorded.
func (j *journal) append(ctx context.Context, entries []audit.Entry, changes ...store.Change) (*receipt, error) {
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

// leave implements [recorder].
func (j *journal) leave(ctx context.Context, entries []audit.Entry, changes ...store.Change) (*receipt, error) {
	r, err := j.append(ctx, entries, changes...)
	if !errors.Is(err, errUnsigned) {
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

func (j *journal) enqueue(g *group) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.queued+len(g.entries) > maxQueue {
		return errQueue
	}
	j.queue = append(j.queue, g)
	j.queued += len(g.entries)
	if !j.running {
		j.running = true
		go j.run()
	}
	return nil
}

// run writes what waits until nothing does.
func (j *journal) run() {
	for {
		batch := j.next()
		if batch == nil {
			return
		}
		j.write(batch)
		for _, g := range batch {
			close(g.done)
		}
	}
}

// next takes groups in the order they came, at least one.
func (j *journal) next() []*group {
	j.mu.Lock()
	defer j.mu.Unlock()
	n, entries := 0, 0
	for n < len(j.queue) && (n == 0 || entries+len(j.queue[n].entries) <= maxAppend) {
		entries += len(j.queue[n].entries)
		n++
	}
	batch := j.queue[:n:n]
	j.queue = j.queue[n:]
	j.queued -= entries
	if n == 0 {
		j.running, j.queue = false, nil
		return nil
	}
	return batch
}

// write appends a batch and settles its groups.
func (j *journal) write(batch []*group) {
	ctx, cancel := context.WithTimeout(context.Background(), appendTimeout)
	defer cancel()
	start := time.Now()
	changes := make([][]store.Change, len(batch))
	for i, g := range batch {
		changes[i] = g.changes
	}
	var built *draft
	err := j.rows.AppendLog(ctx, j.fleet, changes, func(now *store.Appending) (store.Appended, error) {
		var err error
		built, err = j.draft(now, batch)
		return built.appended(), err
	})
	if err != nil && built != nil && len(built.leaves) > 0 && j.persisted(built.tip) {
		j.log.Warn("an append to the audit log was on disk though it failed", "size", built.tip.Size, "error", err.Error())
		err = nil
	}
	if err != nil {
		j.metrics.appended(time.Since(start), 0, true)
		j.log.Error("append to the audit log failed", "error", err.Error())
		for _, g := range batch {
			g.err = err
		}
		return
	}
	j.metrics.appended(time.Since(start), len(built.leaves), false)
	j.publish(built.tip)
	for i, g := range batch {
		g.receipt, g.err = built.receipts[i], built.refused[i]
	}
}

// persisted says whether a failed append is on disk all the same: its commit was
// executed, and the answer was lost. Others may have appended since.
func (j *journal) persisted(t *tip) bool {
	ctx, cancel := context.WithTimeout(context.Background(), appendTimeout)
	defer cancel()
	now, err := j.rows.LogState(ctx, j.fleet)
	if err != nil || now.Size < t.Size {
		return false
	}
	root, err := treeRoot(t.Size, j.stored(ctx))
	return err == nil && root == t.Root
}

// publish makes a state the newest unless a newer one is.
func (j *journal) publish(next *tip) {
	for {
		now := j.tip.Load()
		if now.Size >= next.Size {
			return
		}
		if j.tip.CompareAndSwap(now, next) {
			j.metrics.logSize.Set(float64(next.Size))
			return
		}
	}
}
