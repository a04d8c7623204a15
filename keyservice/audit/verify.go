package audit

import (
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// maxFindings is how many findings of one export are told.
const maxFindings = 50

// Finding is something that an honest log does not have.
type Finding struct {
	// First and Last are the entries that it is about, by index; Last is -1 when it
	// is about none.
	First, Last int64
	Text        string
}

func (f Finding) String() string { return f.Text }

// Verified is what an export shows.
type Verified struct {
	// Leaves are the hashes of its entries.
	Leaves []tlog.Hash
	// Checkpoints are those in it that the log's key signed, in order.
	Checkpoints []Checkpoint
	// Findings is empty when every entry is in the log that the last checkpoint
	// was signed over, and nothing else is.
	Findings []Finding
}

// VerifyExport reads an export and holds it to the checkpoints in it, under the
// log's key. What is wrong with the log is in Findings; the error is of the
// reading alone. Each is called for every entry that can be read, before it is
// known whether it was changed; it may be nil.
func VerifyExport(r io.Reader, origin string, verifier note.Verifier, each func(index int64, e Entry),
) (*Verified, error) {
	v := &verification{origin: origin, verifier: verifier, each: each, out: &Verified{}}
	err := Scan(r, v.line)
	if errors.Is(err, ErrExport) {
		v.find(v.next, v.next, "%v: the file was cut or edited", err)
		err = nil
	} else if err == nil && !v.closed {
		v.find(v.next, -1, "no checkpoint follows entry %d: the end was cut off, or the export was not finished", v.next-1)
	}
	return v.out, err
}

type verification struct {
	origin   string
	verifier note.Verifier
	each     func(int64, Entry)
	out      *Verified

	next int64 // the index that is due
	last time.Time
	// actual is the tree over the entries, claimed over the hashes beside them.
	actual, claimed Tree
	broken          bool  // an index was missing or out of order: no root fits any more
	anchored        int64 // up to here the last checkpoint bears everything out
	closed          bool  // the last line was a checkpoint
}

func (v *verification) find(first, last int64, format string, args ...any) {
	if len(v.out.Findings) < maxFindings {
		v.out.Findings = append(v.out.Findings, Finding{First: first, Last: last, Text: fmt.Sprintf(format, args...)})
	}
}

func (v *verification) line(l Line) error {
	if v.closed = l.Checkpoint != nil; v.closed {
		v.checkpoint(l.Checkpoint)
	} else {
		v.entry(l)
	}
	return nil
}

func (v *verification) entry(l Line) {
	switch {
	case l.Index > v.next:
		v.find(v.next, l.Index-1, "%s missing before entry %d", span(v.next, l.Index-1, "is", "are"), l.Index)
		v.broken = true
	case l.Index < v.next:
		v.find(l.Index, l.Index, "entry %d stands after entry %d: out of order, or twice", l.Index, v.next-1)
		v.broken = true
	}
	v.next = l.Index + 1
	hash := tlog.RecordHash(l.Entry)
	if hash != l.Hash {
		v.find(l.Index, l.Index, "entry %d was changed: it does not have the hash that stands beside it", l.Index)
	}
	v.actual.Add(hash)
	v.claimed.Add(l.Hash)
	v.out.Leaves = append(v.out.Leaves, hash)
	e, err := ParseEntry(l.Entry)
	if err != nil {
		v.find(l.Index, l.Index, "entry %d: %v", l.Index, err)
		return
	}
	if Origin(e.Fleet) != v.origin {
		v.find(l.Index, l.Index, "entry %d is of fleet %.40q", l.Index, e.Fleet)
	}
	if e.Time.Before(v.last) {
		v.find(l.Index, l.Index, "entry %d is of %s, before the one that it follows", l.Index, e.Time.Format(timeForm))
	}
	v.last = e.Time
	if v.each != nil {
		v.each(l.Index, e)
	}
}

func (v *verification) checkpoint(signed []byte) {
	c, err := OpenCheckpoint(signed, v.origin, v.verifier)
	if err != nil {
		v.find(v.next, -1, "the checkpoint after entry %d: %v", v.next-1, err)
		return
	}
	v.out.Checkpoints = append(v.out.Checkpoints, c)
	switch {
	case c.Size > v.next:
		v.find(v.next, c.Size-1, "%s missing: the checkpoint after entry %d was signed over %d entries",
			span(v.next, c.Size-1, "is", "are"), v.next-1, c.Size)
	case c.Size < v.next:
		v.find(c.Size, v.next-1, "%s not in the log of %d entries that the checkpoint after them was signed over",
			span(c.Size, v.next-1, "is", "are"), c.Size)
	case v.broken: // told already
	case v.actual.Root() == c.Root:
		v.anchored = c.Size
	case v.claimed.Root() != c.Root:
		v.find(v.anchored, c.Size-1, "%s not those that the checkpoint of %d entries was signed over: changed, dropped, "+
			"put in or of a fork",
			span(v.anchored, c.Size-1, "is", "are"), c.Size)
	}
}

// span names entries with the verb that fits.
func span(first, last int64, one, more string) string {
	if first == last {
		return fmt.Sprintf("entry %d %s", first, one)
	}
	return fmt.Sprintf("entries %d to %d %s", first, last, more)
}

// CompareExports checks that two exports are of one log: wherever the entries of
// one reach, they are those that the other's checkpoints were signed over.
func CompareExports(a, b *Verified) []Finding {
	return append(b.heldTo(a), a.heldTo(b)...)
}

// heldTo checks the entries of v against the checkpoints of other.
func (v *Verified) heldTo(other *Verified) []Finding {
	roots := map[int64][]tlog.Hash{}
	for _, c := range other.Checkpoints {
		roots[c.Size] = append(roots[c.Size], c.Root)
	}
	var tree Tree
	for size := int64(0); ; size++ {
		for _, root := range roots[size] {
			if tree.Root() != root {
				return []Finding{v.fork(other, size)}
			}
		}
		if size == int64(len(v.Leaves)) {
			return nil
		}
		tree.Add(v.Leaves[size])
	}
}

// fork tells from which entry on two logs differ; when the other has no entries
// that is not known.
func (v *Verified) fork(other *Verified, size int64) Finding {
	for i := range min(size, int64(len(other.Leaves))) {
		if v.Leaves[i] != other.Leaves[i] {
			return Finding{First: i, Last: i,
				Text: fmt.Sprintf("fork: the logs differ from entry %d on, and both were signed", i)}
		}
	}
	return Finding{First: 0, Last: size - 1, Text: fmt.Sprintf("fork: two logs of %d entries were signed", size)}
}
