package draft

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/console/sealer"
	"github.com/bulla-dev/bulla/desk/stored"
	"github.com/bulla-dev/bulla/kustomize"
)

// Desk makes drafts of one clone.
type Desk struct {
	Clone   *clone.Clone
	Builder *kustomize.Builder
	// Service keeps the stubs of references, in the name of who asks; nil has none.
	Service func(context.Context) (stored.Service, error)

	store Store
}

// NewDesk makes one, whose drafts take so many bytes at most; 0 is [Memory].
func NewDesk(c *clone.Clone, memory int64) *Desk {
	return &Desk{Clone: c, Builder: c.Builder(), store: Store{Memory: memory}}
}

// Begin keeps a choice of a person as of the newest commit. What needs no value is whole
// at once.
func (d *Desk) Begin(ctx context.Context, owner string, c Choice) (Draft, error) {
	s, err := d.newest(ctx)
	if err != nil {
		return Draft{}, err
	}
	draft := Draft{Owner: owner, Choice: c, Base: s.Commit}
	if !c.Kind.Seals() {
		done, err := c.unsealed(ctx, s)
		if err != nil {
			return draft, err
		}
		draft.Files, draft.Keep = done.files, done.keep
	} else if len(c.Keys) > 0 || c.Kind != New && c.Kind != Change {
		all, err := c.at(ctx, d.Builder, s)
		if err != nil {
			return draft, err
		}
		if c.Kind == Add || c.Kind == Single {
			draft.Keys = slices.Sorted(maps.Keys(all[0].What.Values))
		}
	} else if err := c.Check(); err != nil {
		return draft, err
	}
	return d.store.Put(draft, time.Now())
}

// Get is a person's draft.
func (d *Desk) Get(id, owner string) (Draft, error) { return d.store.Get(id, owner, time.Now()) }

// Drop forgets one.
func (d *Desk) Drop(id, owner string) { d.store.Drop(id, owner) }

// Asking is what a browser is to seal.
type Asking struct {
	Jobs []sealer.Job `json:"jobs"`
	// Said are warnings of what was chosen.
	Said []string `json:"said"`
}

// Ask says what is to be sealed. keys are those of a .env file, which the browser read;
// nil where they were chosen before.
func (d *Desk) Ask(ctx context.Context, draft Draft, keys []string) (*Asking, error) {
	if keys != nil {
		if draft.Choice.Kind != New || draft.Shape != Env {
			return nil, fault.New("load the page anew", "the names of the values were chosen already")
		}
		draft.Keys = keys
	}
	s, err := d.newest(ctx)
	if err != nil {
		return nil, err
	}
	all, err := draft.at(ctx, d.Builder, s)
	if err != nil {
		return nil, err
	}
	asking, err := all.asking(draft.Choice)
	if err != nil {
		return nil, err
	}
	if len(asking.Jobs) == 0 {
		return nil, fault.New("give a value", "there is nothing to seal")
	}
	draft.Base, draft.Blocks, draft.Files, draft.Keep = s.Commit, nil, nil, nil
	_, err = d.store.Put(draft, time.Now())
	return asking, err
}

// Take writes what the browser sealed.
func (d *Desk) Take(ctx context.Context, draft Draft, blocks []api.Block) (Draft, error) {
	s, err := d.newest(ctx)
	if err != nil {
		return draft, err
	}
	all, err := draft.at(ctx, d.Builder, s)
	if err != nil {
		return draft, err
	}
	done, err := all.take(draft.Choice, blocks)
	if err != nil {
		return draft, fmt.Errorf("take what was sealed: %w", err)
	}
	draft.Base, draft.Blocks, draft.Files, draft.Keep = s.Commit, blocks, done.files, done.keep
	return d.store.Put(draft, time.Now())
}
