package draft

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/naming"
)

// Moved says that somebody else changed the same meanwhile. Nothing of the draft is lost.
type Moved struct {
	// File is the one that both change; Fields are those values that both change.
	File   string
	Fields []string
	// Commit is the one that the branch is at now.
	Commit string
}

func (m *Moved) Error() string {
	if len(m.Fields) > 0 {
		return fmt.Sprintf("somebody else changed %s of %s since you began", naming.Some(m.Fields), m.File)
	}
	return fmt.Sprintf("somebody else changed %s since you began", m.File)
}

// Current puts a draft onto the newest commit, with what was sealed as it is. The error is
// [Moved] where both change the same, unless mine says that a person saw that, and means
// theirs.
func (d *Desk) Current(ctx context.Context, draft Draft, mine bool) (Draft, error) {
	now, err := d.newest(ctx)
	if err != nil || now.Commit == draft.Base {
		return draft, err
	}
	if !mine {
		before, err := d.Clone.At(draft.Base)
		if err != nil {
			return draft, err
		}
		if moved := draft.moved(ctx, d.on(ctx, before), now); moved != nil {
			return draft, moved
		}
	}
	switch {
	case !draft.Kind.Seals():
		done, err := draft.unsealed(ctx, now)
		if err != nil {
			return draft, err
		}
		draft.Base, draft.Files, draft.Keep = now.Commit, done.files, done.keep
		return d.store.Put(draft, time.Now())
	case draft.Blocks == nil:
		draft.Base = now.Commit
		return d.store.Put(draft, time.Now())
	}
	next, err := d.Take(ctx, draft, draft.Blocks)
	if err != nil && !errors.As(err, new(*StoreError)) {
		return draft, fault.New("seal the values again: what they are for is another now; your choices are kept", "%w", err)
	}
	return next, err
}

// moved says what both change, nil for nothing. Other values of the same secret are no
// matter: blocks stand for themselves.
func (draft Draft) moved(ctx context.Context, before, now base) *Moved {
	for file, data := range draft.Files {
		was, _ := before.Tree.ReadFile(file)
		is, _ := now.Tree.ReadFile(file)
		if string(was) == string(is) {
			continue
		}
		m := &Moved{File: file, Commit: now.Commit}
		// Of a reference whose stub nobody gives it is not known which values both change.
		a, b := before.manifest(ctx, file), now.manifest(ctx, file)
		if data == nil || len(is) == 0 || len(was) == 0 || a == nil || b == nil {
			if draft.Kind == New && file != draft.File && len(was) > 0 && len(is) > 0 {
				continue // a kustomization, to which the line is added again
			}
			return m
		}
		if m.Fields = draft.both(file, a, b); len(m.Fields) > 0 || !draft.Kind.Seals() {
			return m
		}
	}
	return nil
}

// both are the fields of the draft's blocks that differ between two versions of a stub.
func (draft Draft) both(file string, a, b *api.SealedManifest) (fields []string) {
	blocks := draft.Blocks
	if own, err := api.ParseSealedManifest(file, draft.stub(file)); err == nil {
		// Of several files each may have a field of that name.
		blocks = slices.DeleteFunc(slices.Clone(blocks), func(sealed api.Block) bool {
			return !slices.ContainsFunc(own.Spec.Blocks, func(b api.Block) bool { return b.Payload == sealed.Payload })
		})
	}
	for _, block := range blocks {
		for _, field := range block.Fields {
			if payloadOf(a, field) != payloadOf(b, field) {
				fields = append(fields, strings.TrimPrefix(field, "/data/"))
			}
		}
	}
	return fields
}

// stub is what a file of the draft stands for.
func (draft Draft) stub(file string) []byte {
	if kept := draft.Keep[file]; kept != nil {
		return kept
	}
	return draft.Files[file]
}

func payloadOf(m *api.SealedManifest, field string) string {
	for _, block := range m.Spec.Blocks {
		if slices.Contains(block.Fields, field) {
			return block.Payload
		}
	}
	return ""
}
