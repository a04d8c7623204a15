package plan

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"
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
	came := map[string]map[string][]string{}
	for _, file := range d.changedFiles(p) {
		if of := d.came(file); len(of) > 0 {
			came[file] = of
		}
	}
	files := slices.Sorted(maps.Keys(came))
	lacking, err := h.Versions(ctx, d.base.Revision.Commit, files, func(file string, v Version) {
		again := Return{Stub: file, Commit: v.Commit}
		for payload, fields := range payloadsOf(file, v.Data) {
			if _, is := came[file][payload]; is {
				delete(came[file], payload)
				again.Fields = append(again.Fields, fields...)
			}
		}
		if slices.Sort(again.Fields); len(again.Fields) > 0 {
			p.Returns = append(p.Returns, again)
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

// came are the payloads of a file of the head that the base does not have in it, with
// their fields.
func (d *differ) came(file string) map[string][]string {
	is, err := d.head.Tree.ReadFile(file)
	if err != nil {
		return nil
	}
	came := payloadsOf(file, is)
	if was, err := d.base.Tree.ReadFile(file); err == nil {
		for payload := range payloadsOf(file, was) {
			delete(came, payload)
		}
	}
	return came
}

// payloadsOf are those of a stub, none of a file that is none, by their hash.
func payloadsOf(file string, data []byte) map[string][]string {
	all := map[string][]string{}
	manifest, err := api.ParseSealedManifest(file, data)
	if err != nil {
		return all
	}
	for _, block := range manifest.Spec.Blocks {
		if payload, err := sealing.ParsePayload(block.Payload); err == nil {
			hash := payload.Hash()
			all[hex.EncodeToString(hash[:])] = block.Fields
		}
	}
	return all
}
