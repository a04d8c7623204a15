package sealjob

import (
	"context"
	"fmt"
	"slices"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/built"
	"github.com/bulla-dev/bulla/desk/recoverable"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/sealing"
)

// Asked is what is to be sealed, for which object and for whom: all that somebody needs
// who has the values where they must not leave, as a browser has them.
type Asked struct {
	// Object is a built object that the blocks are bound to; Uses are all of them.
	Object built.Use
	Uses   []built.Use
	// Changes are the blocks to seal; Targets are those of each.
	Changes []stub.Change
	Targets [][]sealing.LockTarget

	job    *Job
	edit   *stub.Edit
	sealer *sealing.Sealer
	sheet  sheet
}

// Ask says what is to be sealed, without a value: those of the job are looked at for
// their keys alone. It writes nothing.
func (j *Job) Ask(ctx context.Context) (*Asked, error) {
	edit, err := j.edit()
	if err != nil {
		return nil, err
	}
	j.warnHalf(edit)
	if len(edit.Changes) == 0 {
		return &Asked{job: j, edit: edit, sheet: j.sheet()}, nil
	}
	return j.ask(ctx, edit)
}

func (j *Job) ask(ctx context.Context, edit *stub.Edit) (*Asked, error) {
	sealer, err := j.sealer()
	if err != nil {
		return nil, err
	}
	search := search{Fleet: j.Fleet, where: j.Where, placement: j.Whom.Placement}
	placements, err := search.placements()
	if err != nil {
		return nil, err
	}
	var standIn []byte
	if j.Where.Text == nil && len(placements) > 0 {
		if standIn, err = j.sheet().in(search.written()).standIn(sealer, edit); err != nil {
			return nil, err
		}
	}
	found, err := search.uses(ctx, placements, standIn)
	if err != nil {
		return nil, err
	}
	asked := &Asked{job: j, edit: edit, Changes: edit.Changes, sealer: sealer, sheet: j.sheet(), Uses: found.Uses}
	if asked.Object, err = search.object(found); err != nil {
		return nil, err
	}
	if j.Where.Text == nil && asked.Object.Name != asked.sheet.stub.Metadata.Name {
		asked.sheet = asked.sheet.in(search.written())
	}
	if err := j.warnOthers(ctx, search, asked); err != nil {
		return nil, err
	}
	if j.Where.Text == nil {
		search.noteVariants(found.Uses)
	}
	locks := locking{model: j.Fleet.Repo.Model, whom: j.Whom, where: j.Where}
	for _, change := range edit.Changes {
		targets, err := locks.targets(change, found)
		if err != nil {
			return nil, err
		}
		locks.warnFewer(j.Fleet.Warn, change, targets, found.Uses)
		asked.Targets = append(asked.Targets, targets)
	}
	locks.warnEmpty(j.Fleet.Warn, asked.Targets)
	return asked, nil
}

// Take writes blocks that somebody else sealed, in the order of Changes. They come from
// where nobody here looked, so that each must be what was asked for: these fields, these
// targets by the Active key, for this object and no other, and ciphertext.
func (a *Asked) Take(blocks []api.Block) (*Outcome, error) {
	if len(blocks) != len(a.Changes) {
		return nil, fault.New("load the page anew", "%d blocks came, and %d were asked for", len(blocks), len(a.Changes))
	}
	for i, block := range blocks {
		if err := a.check(i, block); err != nil {
			return nil, fault.New("seal it again; nothing was written", "%s: block %d: %w", a.job.Where.File, i, err)
		}
	}
	out := &Outcome{Gone: a.job.What.Without}
	if err := a.write(blocks, out); err != nil {
		return nil, err
	}
	if a.sealer != nil {
		if err := a.bound(out); err != nil {
			return nil, err
		}
	}
	return out, a.job.checkWhole(out.Data)
}

// check holds one block against what was asked.
func (a *Asked) check(i int, block api.Block) error {
	if !slices.Equal(block.Fields, a.Changes[i].Fields) {
		return fmt.Errorf("it seals other fields")
	}
	if len(block.Locks) != len(a.Targets[i]) {
		return fmt.Errorf("it has %d locks, want %d", len(block.Locks), len(a.Targets[i]))
	}
	for n, lock := range block.Locks {
		if lock.Target != a.Targets[i][n].String() {
			return fmt.Errorf("its lock %d is for another target", n)
		}
		if lock.Key != a.sealer.Key.ID {
			return fmt.Errorf("its lock %d is of another sealing key", n)
		}
		if err := sealing.CheckLock(a.sealer.Key.Suite, lock); err != nil {
			return fmt.Errorf("its lock %d is no ciphertext: %w", n, err)
		}
	}
	// Before it is written into a file, whose errors might quote it.
	payload, err := sealing.ParsePayload(block.Payload)
	if err != nil {
		return fmt.Errorf("it is no ciphertext: %w", err)
	}
	return recoverable.Check(payload, a.sealer.Recovery)
}

// bound wants each new block to be sealed for the object that the stub becomes: the
// payload says so itself.
func (a *Asked) bound(out *Outcome) error {
	file := a.job.Where.File
	manifest, err := api.ParseSealedManifest(file, out.Data)
	if err != nil {
		return err
	}
	for i, block := range manifest.Spec.Blocks {
		if !slices.ContainsFunc(a.Changes, func(c stub.Change) bool { return slices.Equal(c.Fields, block.Fields) }) {
			continue
		}
		c, err := sealing.ContextOf(a.job.Fleet.Repo.Model.Fleet.Spec.ID, manifest, i, a.Object.Namespace, a.Object.Name)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		payload, err := sealing.ParsePayload(block.Payload)
		if err != nil {
			return fault.New("seal it again; nothing was written", "%s: block %d is no ciphertext: %w", file, i, err)
		}
		if payload.ContextDigest() != c.Digest() {
			return fault.New("load the page anew and seal it again; nothing was written",
				"%s: block %d is sealed for another object than %s/%s", file, i, a.Object.Namespace, a.Object.Name)
		}
	}
	return nil
}

// write puts blocks on the sheet.
func (a *Asked) write(blocks []api.Block, out *Outcome) (err error) {
	out.Uses, out.Object = a.Uses, a.Object
	if a.sealer != nil {
		out.Key = a.sealer.Key.ID
	}
	for i, change := range a.Changes {
		sealed := Sealed{Fields: change.Fields}
		for _, target := range a.Targets[i] {
			sealed.Targets = append(sealed.Targets, target.String())
		}
		out.Sealed = append(out.Sealed, sealed)
	}
	out.Data, err = a.sheet.write(a.edit, blocks)
	return err
}
