package journal

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// draft is an append that is ready to be committed: signed, and not yet to be
// shown to anybody.
type draft struct {
	tip    *tip
	leaves []store.Leaf
	// For each group: what its caller gets, or why its changes were not made.
	receipts []*Receipt
	refused  []error
}

func (d *draft) appended() store.Appended {
	if d == nil {
		return store.Appended{}
	}
	return store.Appended{Leaves: d.leaves,
		LogState: store.LogState{Size: d.tip.Size, Checkpoint: d.tip.signed, Last: d.tip.last}}
}

// draft builds the tree over what the log has and what the batch adds, and has
// the token sign it.
func (j *Journal) draft(now *store.Appending, batch []*group) (*draft, error) {
	base, err := j.base(now)
	if err != nil {
		return nil, err
	}
	w := &drafting{base: base, fleet: j.fleet, at: laterOf(base.last, j.now()), known: newHashes(base)}
	for _, entry := range now.Pending {
		if err := w.addPending(entry); err != nil {
			return nil, err
		}
	}
	d := &draft{refused: now.Refused, receipts: make([]*Receipt, len(batch))}
	for i, g := range batch {
		if d.refused[i] != nil {
			continue
		}
		d.receipts[i] = &Receipt{journal: j, first: base.Size + int64(len(w.leaves)), hashes: w.known}
		for _, e := range g.entries {
			if err := w.add(e); err != nil {
				return nil, err
			}
			d.receipts[i].entries = append(d.receipts[i].entries, w.leaves[len(w.leaves)-1].Entry)
		}
	}
	d.leaves, d.tip = w.leaves, base
	if len(w.leaves) > 0 {
		if d.tip, err = j.seal(w); err != nil {
			return nil, err
		}
	}
	for _, r := range d.receipts {
		if r != nil {
			r.tip = d.tip
		}
	}
	return d, nil
}

// seal signs the tree with the new leaves.
func (j *Journal) seal(w *drafting) (*tip, error) {
	size := w.base.Size + int64(len(w.leaves))
	next := &tip{last: w.at}
	root, err := next.take(size, w.known)
	if err != nil {
		return nil, err
	}
	next.Checkpoint = audit.Checkpoint{Origin: audit.Origin(j.fleet), Size: size, Root: root}
	if next.signed, err = audit.SignCheckpoint(next.Checkpoint, j.signer); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsigned, err)
	}
	if err := j.opensAsItself(next); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsigned, err)
	}
	return next, nil
}

// opensAsItself reads the note back before anything rests on it: a token that
// signs wrongly would leave entries that no cluster accepts, and a log that does
// not open again.
func (j *Journal) opensAsItself(t *tip) error {
	opened, err := audit.OpenCheckpoint(t.signed, audit.Origin(j.fleet), j.verifier)
	if err == nil && opened != t.Checkpoint {
		err = errors.New("it is another checkpoint")
	}
	if err != nil {
		return fmt.Errorf("read back the checkpoint of %d entries: %w", t.Size, err)
	}
	return nil
}

// drafting collects leaves.
type drafting struct {
	base   *tip
	fleet  string
	at     time.Time
	known  *hashes
	leaves []store.Leaf
}

// checkEntries refuses what cannot be recorded before it stands in a batch with
// others: what comes from Git may be of any length, and a database takes no NUL.
func checkEntries(entries []audit.Entry) error {
	// drafting adds fleet and time, and addPending a few words.
	const added, escaped = 512, 6
	for _, e := range entries {
		free := len(e.Object) + len(e.Placement)
		for _, text := range slices.Concat(e.Targets, e.Keys, e.Also) {
			free += len(text)
		}
		if escaped*free > audit.MaxEntry/2 && len(e.Marshal()) > audit.MaxEntry-added {
			return fmt.Errorf("%w: more than %d bytes", audit.ErrEntry, audit.MaxEntry-added)
		}
		for _, object := range append([]string{e.Object}, e.Also...) {
			if strings.ContainsRune(object, 0) || !utf8.ValidString(object) {
				return fmt.Errorf("%w: object %.100q", audit.ErrEntry, object)
			}
		}
	}
	return nil
}

// add makes the entry the next leaf. Every entry of one append has its time.
func (w *drafting) add(e audit.Entry) error {
	e.Fleet, e.Time = w.fleet, w.at
	data := e.Marshal()
	if len(data) > audit.MaxEntry {
		return fmt.Errorf("%w: %d bytes, at most %d", audit.ErrEntry, len(data), audit.MaxEntry)
	}
	index := w.base.Size + int64(len(w.leaves))
	completed, err := tlog.StoredHashes(index, data, w.known)
	if err != nil {
		return err
	}
	w.known.fresh = append(w.known.fresh, completed...)
	w.leaves = append(w.leaves, store.Leaf{
		Index: index, Time: e.Time, Entry: data, Hashes: completed,
		Kind: string(e.Kind), Outcome: e.Outcome, Cluster: e.Cluster, Person: e.Person, Digest: e.Digest, Object: e.Object,
		Also: alsoObjects(e),
	})
	return nil
}

// alsoObjects are the objects of an entry beyond the first.
func alsoObjects(e audit.Entry) (objects []string) {
	for _, b := range e.Built()[min(1, len(e.Built())):] {
		objects = append(objects, b.Object)
	}
	return objects
}

// laterOf keeps the log's time from going back: a clock that was set back stands
// still there until it has caught up.
func laterOf(last, now time.Time) time.Time {
	now = now.UTC().Truncate(time.Microsecond)
	if now.Before(last) {
		return last
	}
	return now
}

// base is the state that an append follows on. Another process may have written
// since: its checkpoint is checked, and that it follows on ours.
func (j *Journal) base(now *store.Appending) (*tip, error) {
	known := j.tip.Load()
	if known.Size == now.Size && bytes.Equal(known.signed, now.Checkpoint) {
		return known, nil
	}
	return j.follow(known, now.LogState, now.Hashes)
}
