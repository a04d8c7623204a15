package journal

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/sealing"
)

// checkedTail is how many of the last entries are hashed again at the start.
// Editing an older one is found by `bulla audit verify`, and by every proof that
// crosses it.
const checkedTail = 4096

// Open takes up the fleet's audit log. A log that is not whole, that its
// checkpoint was not signed for, or that another key signed, is refused: to go on
// with it would hide what happened to it.
func Open(ctx context.Context, o Options) (*Journal, error) {
	key, err := o.Token.Signer(ctx, "bulla/"+o.Fleet+"/log")
	if err != nil {
		return nil, fmt.Errorf("open audit log: %w", err)
	}
	j := &Journal{fleet: o.Fleet, rows: o.Store, now: o.Now, log: o.Log, observer: o.Observer}
	if j.signer, err = sealing.NewSigner(audit.Origin(o.Fleet), key); err != nil {
		return nil, fmt.Errorf("open audit log: %w", err)
	}
	public, ok := key.Public().(*ecdsa.PublicKey)
	if !ok {
		return nil, errors.New("open audit log: the token's log key is not ECDSA")
	}
	j.key = sealing.VerifierKey(audit.Origin(o.Fleet), public)
	if j.verifier, err = sealing.NewVerifier(j.key); err != nil {
		return nil, fmt.Errorf("open audit log: %w", err)
	}
	state, err := o.Store.LogState(ctx, o.Fleet)
	if err != nil {
		return nil, fmt.Errorf("open audit log: %w", err)
	}
	opened, err := j.open(state, j.stored(ctx))
	if err != nil {
		return nil, err
	}
	if err := j.checkTail(ctx, opened, checkedTail); err != nil {
		return nil, fmt.Errorf("open audit log: %w", err)
	}
	j.tip.Store(opened)
	j.observer.Grew(opened.Size)
	return j, nil
}

// checkTail hashes the last entries again.
func (j *Journal) checkTail(ctx context.Context, t *tip, entries int64) error {
	const page = 1000
	check := tailCheck{fleet: j.fleet, next: max(0, t.Size-entries), older: j.stored(ctx), seen: map[int64]tlog.Hash{}}
	for check.next < t.Size {
		leaves, _, err := j.rows.FindLeaves(ctx, j.fleet, store.LogFilter{From: check.next, To: t.Size, Limit: page})
		if err != nil {
			return err
		}
		if len(leaves) == 0 {
			return fmt.Errorf("%w: entry %d is missing", store.ErrLog, check.next)
		}
		for _, leaf := range leaves {
			if err := check.leaf(leaf); err != nil {
				return err
			}
		}
	}
	return nil
}

// tailCheck holds leaves to the hashes stored with them.
type tailCheck struct {
	fleet string
	next  int64
	last  time.Time
	older tlog.HashReader
	seen  map[int64]tlog.Hash
}

func (c *tailCheck) leaf(leaf store.Leaf) error {
	if leaf.Index != c.next {
		return fmt.Errorf("%w: entry %d is missing", store.ErrLog, c.next)
	}
	completed, err := tlog.StoredHashes(leaf.Index, leaf.Entry, c)
	if err != nil {
		return err
	}
	if !slices.Equal(completed, leaf.Hashes) {
		return fmt.Errorf("%w: entry %d was changed", store.ErrLog, leaf.Index)
	}
	entry, err := audit.ParseEntry(leaf.Entry)
	switch {
	case err != nil:
		return fmt.Errorf("%w: entry %d: %w", store.ErrLog, leaf.Index, err)
	case entry.Fleet != c.fleet:
		return fmt.Errorf("%w: entry %d is of another fleet", store.ErrLog, leaf.Index)
	case entry.Time.Before(c.last):
		return fmt.Errorf("%w: entry %d is older than the one before it", store.ErrLog, leaf.Index)
	}
	first := tlog.StoredHashIndex(0, leaf.Index)
	for i, hash := range completed {
		c.seen[first+int64(i)] = hash
	}
	c.next, c.last = leaf.Index+1, entry.Time
	return nil
}

// ReadHashes implements [tlog.HashReader].
func (c *tailCheck) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		hash, ok := c.seen[index]
		if !ok {
			older, err := c.older.ReadHashes(indexes[i : i+1])
			if err != nil {
				return nil, err
			}
			hash = older[0]
		}
		found[i] = hash
	}
	return found, nil
}
