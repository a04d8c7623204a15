package plan

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/bulla-dev/bulla/sealing"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// History is what a comparison asks of other commits than the two.
type History interface {
	// Follows reports whether a commit comes after another one.
	Follows(commit, other string) bool
	// Side reads a commit.
	Side(commit string) (*Side, error)
	// Versions hands over what files were in a commit and in those before it, the newest
	// first. lacking are the files of which there may be more.
	Versions(ctx context.Context, commit string, files []string, each func(file string, v Version)) (
		lacking map[string]bool, err error)
}

// Version is what a file was, and the newest commit that had it so.
type Version struct {
	Commit string
	Data   []byte
}

// Return is a value that the base has no more and the head has again: one that was
// replaced because somebody knew it, perhaps.
type Return struct {
	Stub   string   `json:"stub"`
	Fields []string `json:"fields"`
	// Commit is the newest that had it.
	Commit string `json:"commit"`
}

// returns looks for what comes in the history of its files.
func (d *differ) returns(ctx context.Context, h History, p *Plan) {
	p.Returns = []Return{}
	if h == nil {
		return
	}
	came := map[string]*arrivals{}
	for _, file := range d.changedFiles(p) {
		if of := d.came(file); len(of.fields) > 0 {
			came[file] = of
		}
	}
	files := slices.Sorted(maps.Keys(came))
	lacking, err := h.Versions(ctx, d.base.Revision.Commit, files, func(file string, v Version) {
		if fields := came[file].in(d.valuesOf(file, v.Data)); len(fields) > 0 {
			p.Returns = append(p.Returns, Return{Stub: file, Fields: fields, Commit: v.Commit})
		}
	})
	slices.SortStableFunc(p.Returns, func(a, b Return) int { return strings.Compare(a.Stub, b.Stub) })
	for _, file := range files {
		if err != nil || lacking[file] {
			p.Notes = append(p.Notes, fmt.Sprintf("not all of the history of %s is here: nobody can tell whether a value of it "+
				"returns", file))
		}
	}
}

// changedFiles are the stubs of grants that come or change.
func (d *differ) changedFiles(p *Plan) (files []string) {
	for _, g := range p.Grants {
		for _, c := range g.Changes {
			if c.Change == Gained || c.Change == Changed {
				files = append(files, c.Stub)
			}
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// values are those of a file: of a stub each payload by its hash, with its fields, and
// all together by the content digest, which is all that a reference has.
type values struct {
	payloads map[string][]string
	content  string
	sealed   reference.Sealed
}

// valuesOf are none for a file that is neither.
func (d *differ) valuesOf(file string, data []byte) values {
	v := values{payloads: map[string][]string{}}
	var err error
	if v.sealed, err = parseSealed(file, data); err != nil {
		return v
	}
	// A stub that has parsed has one.
	v.content, _ = reference.ContentDigest(d.fleet(), v.sealed.Stub, v.sealed.Reference)
	for _, block := range v.sealed.Stub.Spec.Blocks {
		if payload, err := sealing.ParsePayload(block.Payload); err == nil {
			hash := payload.Hash()
			v.payloads[hex.EncodeToString(hash[:])] = block.Fields
		}
	}
	return v
}

// arrivals are the values of a file of the head that the base does not have in it.
type arrivals struct {
	values
	// fields are all that changed, none where the base has the same content; was is the
	// base's content.
	fields []string
	was    string
}

func (d *differ) came(file string) *arrivals {
	is, err := d.head.Tree.ReadFile(file)
	if err != nil {
		return &arrivals{}
	}
	a := &arrivals{values: d.valuesOf(file, is)}
	before := values{}
	if was, err := d.base.Tree.ReadFile(file); err == nil {
		before = d.valuesOf(file, was)
	}
	a.fields, a.was = reference.Changed(d.fleet(), before.sealed, a.sealed), before.content
	a.drop(before)
	return a
}

// drop takes away what the base has.
func (a *arrivals) drop(before values) {
	for payload := range before.payloads {
		delete(a.payloads, payload)
	}
}

// in are the fields whose value an older version of the file had too, each told once.
func (a *arrivals) in(older values) (fields []string) {
	switch older.content {
	case "":
	case a.content:
		fields, a.content = a.fields, ""
		clear(a.payloads)
		return fields
	case a.was:
		a.drop(older) // the base's own values, from before it was a reference
	}
	for payload := range older.payloads {
		if of, is := a.payloads[payload]; is {
			delete(a.payloads, payload)
			fields = append(fields, of...)
		}
	}
	slices.Sort(fields)
	return fields
}

func sealedIn(t *tree.Tree, file string) (reference.Sealed, error) {
	data, err := t.ReadFile(file)
	if err != nil {
		return reference.Sealed{}, err
	}
	return parseSealed(file, data)
}

func parseSealed(file string, data []byte) (reference.Sealed, error) {
	stub, err := built.ParseStub(file, data)
	if err != nil {
		return reference.Sealed{}, err
	}
	return reference.Sealed{Stub: stub.Manifest, Reference: stub.Reference}, nil
}
