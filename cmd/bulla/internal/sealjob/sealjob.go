// Package sealjob seals values into one stub file.
//
// The order is the point. First the file's placements are built, with a stand-in
// that holds no value, to learn which object the stub becomes; then the values
// are sealed for that object; then the file is written whole. Until the last
// step nothing on disk has changed, and no value is ever part of a build.
package sealjob

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/built"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/fleetrepo"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/stub"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/values"
	"github.com/bulla-dev/bulla/cmd/internal/fault"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/sealing"
)

// Job is what to seal, where and for whom.
type Job struct {
	// Repo is verified: its keys are the pinned root key's.
	Repo    *fleetrepo.Repo
	Builder *kustomize.Builder
	// Warn prints a warning, Note what is good to know; Progress says on a
	// terminal what takes long.
	Warn, Note, Progress func(format string, args ...any)

	// File is the stub's path in the repository.
	File string
	// Old are the file's bytes on disk, nil when there is none.
	Old []byte
	// Text is the stub to edit, nil for a new one. It may differ from Old.
	Text []byte
	// Stub is the parsed file, or a new stub without blocks.
	Stub   *api.SealedManifest
	Values values.Set
	// Also are other files of the repository as they will be.
	Also map[string][]byte
	// Without are keys to take away; Renamed those among them that are there
	// again under another name, with a value that was given.
	Without []string
	Renamed map[string]string

	// For is the placement to seal for; "" looks through all of them.
	For string
	// Targets are those asked for; none means those of the placement, or those
	// that the file has.
	Targets []sealing.Target
	// TwoLock admits targets that are single clusters.
	TwoLock, Together bool
	// Apart leaves a certificate and its key in blocks of their own.
	Apart bool
	// AsIs admits values that look like placeholders of other tools.
	AsIs bool
	// Key is the id of the sealing key asked for; "" is the Active one.
	Key string
}

// Outcome is a sealed file.
type Outcome struct {
	Data []byte
	// Sealed lists each block that was written.
	Sealed []Sealed
	// Gone are the keys that were taken away.
	Gone []string
	// Object is a built object that the blocks are bound to; Uses are all of them,
	// one for each placement and name, as far as placements build the stub.
	Object built.Use
	Uses   []built.Use
	Key    string
}

// Sealed is one block that was written.
type Sealed struct {
	Fields  []string
	Targets []string
}

// Run seals. It writes nothing.
func (j *Job) Run(ctx context.Context) (*Outcome, error) {
	if err := j.checkValues(); err != nil {
		return nil, err
	}
	edit, err := j.plan()
	if err != nil {
		return nil, err
	}
	out := &Outcome{Gone: j.Without}
	var blocks []api.Block
	if len(edit.Changes) > 0 {
		if blocks, err = j.sealAll(ctx, edit, out); err != nil {
			return nil, err
		}
	}
	if out.Data, err = j.write(edit, blocks); err != nil {
		return nil, err
	}
	return out, j.checkWhole(out.Data)
}

// sealAll seals each changed block for the object that the stub becomes.
func (j *Job) sealAll(ctx context.Context, edit *stub.Edit, out *Outcome) ([]api.Block, error) {
	sealer, err := j.sealer()
	if err != nil {
		return nil, err
	}
	uses, err := j.uses(ctx, sealer, edit)
	if err != nil {
		return nil, err
	}
	if out.Object, err = j.object(uses); err != nil {
		return nil, err
	}
	out.Uses = uses.Uses
	if j.Text == nil && out.Object.Name != j.Stub.Metadata.Name {
		j.Stub.Metadata.Namespace = j.written()
	}
	out.Key = sealer.Key.ID
	var blocks []api.Block
	for _, change := range edit.Changes {
		targets, err := j.targets(change, uses)
		if err != nil {
			return nil, err
		}
		block, err := j.seal(sealer, change.Fields, targets, out.Object)
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, block)
		sealed := Sealed{Fields: change.Fields}
		for _, target := range targets {
			sealed.Targets = append(sealed.Targets, target.String())
		}
		out.Sealed = append(out.Sealed, sealed)
	}
	return blocks, nil
}

// sealer picks the key. The whole list is covered by the fleet's signature,
// which was verified.
func (j *Job) sealer() (*sealing.Sealer, error) {
	spec := j.Repo.Model.Fleet.Spec
	key, ok := spec.ActiveKey()
	if j.Key != "" {
		key, ok = spec.Key(j.Key)
	}
	if !ok {
		return nil, fault.New("the fleet's keys stand in fleet.yaml under spec.sealingKeys", "the fleet has no sealing key %q", j.Key)
	}
	if key.Status != api.KeyActive {
		return nil, fault.New("leave --key out to use the Active one", "sealing key %q is %s: it seals no more", key.ID, key.Status)
	}
	sealer, err := sealing.NewSealer(key, spec.RecoveryRecipients)
	if err != nil {
		return nil, fmt.Errorf("use the fleet's keys: %w", err)
	}
	return sealer, nil
}

// standIn is the stub with the fields to be sealed and without their values.
func (j *Job) standIn(sealer *sealing.Sealer, edit *stub.Edit) ([]byte, error) {
	bare := *j.Stub
	bare.Metadata.Namespace = j.written()
	empty := &Job{Repo: j.Repo, File: j.File, Stub: &bare, Values: values.Set{}}
	for key := range j.Values {
		empty.Values[key] = nil
	}
	object := built.Use{Namespace: "stand-in", Name: "stand-in"}
	nobody := []sealing.LockTarget{{Target: sealing.Target{Kind: sealing.Set, Name: "stand-in"}}}
	var blocks []api.Block
	for _, change := range edit.Changes {
		block, err := empty.seal(sealer, change.Fields, nobody, object)
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, block)
	}
	return empty.write(edit, blocks)
}

// seal seals the fields into one block.
func (j *Job) seal(sealer *sealing.Sealer, fields []string, targets []sealing.LockTarget, object built.Use) (api.Block, error) {
	like := *j.Stub
	like.Spec.Blocks = []api.Block{{Fields: fields}}
	c, err := sealing.ContextOf(j.Repo.Model.Fleet.Spec.ID, &like, 0, object.Namespace, object.Name)
	if err != nil {
		return api.Block{}, fmt.Errorf("seal %s: %w", j.File, err)
	}
	texts := map[string]string{}
	for _, field := range fields {
		texts[field] = base64.StdEncoding.EncodeToString(j.Values[strings.TrimPrefix(field, "/data/")])
	}
	block, err := sealer.Seal(c, texts, targets)
	if err != nil {
		return api.Block{}, fmt.Errorf("seal %s: %w", j.File, err)
	}
	return block, nil
}

// write returns the file with the blocks in it. What it returns parses.
func (j *Job) write(edit *stub.Edit, blocks []api.Block) ([]byte, error) {
	if j.Text != nil {
		return stub.Apply(j.File, j.Text, j.Stub, edit, blocks)
	}
	whole := *j.Stub
	whole.Spec.Blocks = blocks
	data, err := stub.Render(&whole)
	if err != nil {
		return nil, err
	}
	_, err = api.ParseSealedManifest(j.File, data)
	return data, err
}
