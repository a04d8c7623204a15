// Package sealjob seals values into one stub file.
//
// The order is the point. First the file's placements are built, with a stand-in
// that holds no value, to learn which object the stub becomes; then the values
// are sealed for that object; then the file is written whole. Until the last
// step nothing on disk has changed, and no value is ever part of a build.
package sealjob

import (
	"context"
	"fmt"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/sealing"
)

// Ready refuses what can be refused before the values are there: keys, names of
// placements, sets and clusters, the sealing key.
func (j *Job) Ready() error {
	if _, err := j.edit(); err != nil {
		return err
	}
	if _, err := j.sealer(); err != nil {
		return err
	}
	if _, err := (search{Fleet: j.Fleet, where: j.Where, placement: j.Whom.Placement}).placements(); err != nil {
		return err
	}
	return locking{model: j.Fleet.Repo.Model, whom: j.Whom, where: j.Where}.checkAsked()
}

// Run seals. It writes nothing.
func (j *Job) Run(ctx context.Context) (*Outcome, error) {
	if err := j.checkValues(); err != nil {
		return nil, err
	}
	edit, err := j.edit()
	if err != nil {
		return nil, err
	}
	j.warnHalf(edit)
	out := &Outcome{Gone: j.What.Without}
	if len(edit.Changes) > 0 {
		err = j.sealAll(ctx, edit, out)
	} else {
		out.Data, err = j.sheet().write(edit, nil)
	}
	if err != nil {
		return nil, err
	}
	if err := j.checkWhole(out.Data); err != nil || !j.How.Replaces {
		return out, err
	}
	return out, j.everywhere(ctx, out)
}

// sealAll seals each changed block for the object that the stub becomes.
func (j *Job) sealAll(ctx context.Context, edit *stub.Edit, out *Outcome) error {
	asked, err := j.ask(ctx, edit)
	if err != nil {
		return err
	}
	var blocks []api.Block
	for i, change := range edit.Changes {
		block, err := asked.sheet.seal(asked.sealer, change.Fields, asked.Targets[i], asked.Object)
		if err != nil {
			return err
		}
		blocks = append(blocks, block)
	}
	if err := asked.write(blocks, out); err != nil || !j.How.Rehearse {
		return err
	}
	return j.rehearse(edit, asked.Targets, out)
}

// sealer picks the key. The whole list is covered by the fleet's signature,
// which was verified.
func (j *Job) sealer() (*sealing.Sealer, error) {
	spec := j.Fleet.Repo.Model.Fleet.Spec
	key, ok := spec.ActiveKey()
	if j.How.Key != "" {
		key, ok = spec.Key(j.How.Key)
	}
	if !ok {
		return nil, fault.New("the fleet's keys stand in fleet.yaml under spec.sealingKeys",
			"the fleet has no sealing key %q", j.How.Key)
	}
	if key.Status != api.KeyActive {
		return nil, fault.New("leave --sealing-key out to use the Active one",
			"sealing key %q is %s: it seals no more", key.ID, key.Status)
	}
	sealer, err := sealing.NewSealer(key, spec.RecoveryRecipients)
	if err != nil {
		return nil, fmt.Errorf("use the fleet's keys: %w", err)
	}
	return sealer, nil
}

// sheet is the stub's file, and the values that go on it.
func (j *Job) sheet() sheet {
	return sheet{
		fleet: j.Fleet.Repo.Model.Fleet.Spec.ID,
		file:  j.Where.File, text: j.Where.Text, stub: *j.Where.Stub,
		values: j.What.Values, renamed: j.What.Renamed,
	}
}
