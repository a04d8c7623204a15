// Package statement is a file that shows from the audit log alone what became of a
// secret on a cluster: granted, delivered, removed, reported absent. It holds entries of
// the log with the proofs that they are in it, under checkpoints that the HSM signed,
// and claims nothing beside: what it shows is worked out anew by whoever reads it.
//
// What the log cannot show is told: a report is the cluster's own word, and that nothing
// else happened is the key service's, unless an export of the whole log bears it out.
package statement

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
)

// Version is what a statement says first.
const Version = "bulla.dev/deprovision/v1"

// Max bounds a statement in bytes.
const Max = 64 << 20

// ErrStatement means that bytes are not a statement, or that it is not borne out by the
// audit log.
var ErrStatement = errors.New("not borne out by the audit log")

// Statement is the file.
type Statement struct {
	Statement string `json:"statement"`
	Fleet     string `json:"fleet"`
	Cluster   string `json:"cluster"`
	// Object is namespace/name; or Placement is set, for all that it was granted there.
	Object    string `json:"object,omitempty"`
	Placement string `json:"placement,omitempty"`
	Parts     []Part `json:"parts"`
}

// Part is what was read of the log at one of its sizes.
type Part struct {
	// Checkpoint is the signed note.
	Checkpoint string `json:"checkpoint"`
	// Consistency shows that the log of the part before is the beginning of this one's.
	Consistency [][]byte `json:"consistency,omitempty"`
	Entries     []Proven `json:"entries"`
}

// Proven is an entry that is shown to be in the log.
type Proven struct {
	Index int64           `json:"index"`
	Entry json.RawMessage `json:"entry"`
	Proof [][]byte        `json:"proof,omitempty"`
}

// New is a statement without entries.
func New(fleet, cluster, object, placement string) *Statement {
	return &Statement{Statement: Version, Fleet: fleet, Cluster: cluster, Object: object, Placement: placement}
}

// Add takes of a page what keep wants. Pages come in the order in which they were read.
func (s *Statement) Add(page *client.AuditPage, keep func(audit.Entry) bool) error {
	var kept []Proven
	for _, e := range page.Entries {
		if keep(e.Entry) {
			kept = append(kept, Proven{Index: e.Index, Entry: e.Leaf, Proof: e.Proof})
		}
	}
	n := len(s.Parts)
	if n > 0 && s.Parts[n-1].Checkpoint == string(page.Signed) {
		s.Parts[n-1].Entries = append(s.Parts[n-1].Entries, kept...)
		return nil
	}
	s.Parts = append(s.Parts, Part{Checkpoint: string(page.Signed), Entries: kept})
	if n > 0 {
		s.Parts[n].Consistency = page.Consistency
		if size, err := sizeOf(s.Parts[n-1].Checkpoint); err != nil || size != page.Before {
			return errors.New("another program read the audit log at the same time: try again")
		}
	}
	return nil
}

func sizeOf(signed string) (size int64, err error) {
	_, rest, _ := bytes.Cut([]byte(signed), []byte("\n"))
	_, err = fmt.Fscan(bytes.NewReader(rest), &size)
	return size, err
}

// Marshal is the file's text.
func (s *Statement) Marshal() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false) // entries stay byte for byte: the log has their hashes
	err := encoder.Encode(s)
	return out.Bytes(), err
}

// Is says whether a text begins as a statement does.
func Is(text []byte) bool {
	return bytes.HasPrefix(bytes.Join(bytes.Fields(text[:min(len(text), 256)]), nil), []byte(`{"statement":`))
}

// Read reads a statement. Nothing is verified.
func Read(text []byte) (*Statement, error) {
	s := &Statement{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(s); err != nil {
		return nil, fmt.Errorf("read statement: %w", err)
	}
	if s.Statement != Version || decoder.More() {
		return nil, fmt.Errorf("read statement: it is not one %s", Version)
	}
	if s.Cluster == "" || (s.Object == "") == (s.Placement == "") {
		return nil, errors.New("read statement: it names no cluster, or not one object or placement")
	}
	return s, nil
}

// Entry is an entry that was verified.
type Entry struct {
	Index int64
	Leaf  []byte
	audit.Entry
}

// Verify holds every entry to the log that the key signed, and gives them in the log's
// order, with the last state of the log that they were held to.
func (s *Statement) Verify(verifier note.Verifier) ([]Entry, audit.Checkpoint, error) {
	var last audit.Checkpoint
	origin := audit.Origin(s.Fleet)
	if verifier.Name() != origin {
		return nil, last, fmt.Errorf("%w: it is of %s, and the key of %s", ErrStatement, origin, verifier.Name())
	}
	var entries []Entry
	for i, part := range s.Parts {
		c, err := audit.OpenCheckpoint([]byte(part.Checkpoint), origin, verifier)
		if err != nil {
			return nil, last, fmt.Errorf("%w: %w", ErrStatement, err)
		}
		if i > 0 {
			if err := audit.CheckConsistency(last, c, part.Consistency); err != nil {
				return nil, last, fmt.Errorf("%w: %w", ErrStatement, err)
			}
		}
		last = c
		for _, p := range part.Entries {
			e, err := p.verify(c, s.Fleet)
			if err != nil {
				return nil, last, fmt.Errorf("%w: %w", ErrStatement, err)
			}
			entries = append(entries, e)
		}
	}
	if len(s.Parts) == 0 {
		return nil, last, fmt.Errorf("%w: it has no checkpoint", ErrStatement)
	}
	slices.SortStableFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Index, b.Index) })
	return slices.CompactFunc(entries, func(a, b Entry) bool { return a.Index == b.Index }), last, nil
}

func (p Proven) verify(c audit.Checkpoint, fleet string) (Entry, error) {
	var leaf bytes.Buffer // a program may have laid the file out anew
	if err := json.Compact(&leaf, p.Entry); err != nil {
		return Entry{}, fmt.Errorf("entry %d: %w", p.Index, err)
	}
	if err := audit.CheckInclusion(c, p.Index, leaf.Bytes(), p.Proof); err != nil {
		return Entry{}, err
	}
	e, err := audit.ParseEntry(leaf.Bytes())
	if err != nil {
		return Entry{}, fmt.Errorf("entry %d: %w", p.Index, err)
	}
	if e.Fleet != fleet {
		return Entry{}, fmt.Errorf("entry %d is of fleet %.40q", p.Index, e.Fleet)
	}
	return Entry{p.Index, leaf.Bytes(), e}, nil
}
