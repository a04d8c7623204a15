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
	"maps"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/fleetrepo"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/identity"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/stub"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/values"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/sealing"
)

// Job is what to seal, where and for whom.
type Job struct {
	// Repo is verified: its keys are the pinned root key's.
	Repo    *fleetrepo.Repo
	Builder *kustomize.Builder
	// Warn prints a warning; Progress says on a terminal what takes long.
	Warn, Progress func(format string, args ...any)

	// File is the stub's path in the repository.
	File string
	// Old are the file's bytes, nil for a new one.
	Old []byte
	// Stub is the parsed file, or a new stub without blocks.
	Stub   *v1alpha1.SealedManifest
	Values values.Set

	// For is the placement to seal for; "" looks through all of them.
	For string
	// Targets are those asked for; none means those of the placement, or those
	// that the file has.
	Targets []sealing.Target
	// TwoLock admits targets that are single clusters.
	TwoLock, Together bool
	// Key is the id of the sealing key asked for; "" is the Active one.
	Key string
}

// Outcome is a sealed file.
type Outcome struct {
	Data []byte
	// Sealed lists each block that was written.
	Sealed []Sealed
	// Object is the built object that the blocks are bound to.
	Object identity.Use
	Key    string
}

// Sealed is one block that was written.
type Sealed struct {
	Fields  []string
	Targets []string
}

// Run seals. It writes nothing.
func (j *Job) Run(ctx context.Context) (*Outcome, error) {
	sealer, err := j.sealer()
	if err != nil {
		return nil, err
	}
	changes, err := j.plan()
	if err != nil {
		return nil, err
	}
	uses, err := j.uses(ctx, sealer, changes)
	if err != nil {
		return nil, err
	}
	object, err := j.object(uses)
	if err != nil {
		return nil, err
	}
	if j.Old == nil && object.Name != j.Stub.Metadata.Name {
		j.Stub.Metadata.Namespace = j.written()
	}
	out := &Outcome{Object: object, Key: sealer.Key.ID}
	var blocks []v1alpha1.Block
	for _, change := range changes {
		targets, err := j.targets(change, uses)
		if err != nil {
			return nil, err
		}
		block, err := j.seal(sealer, change.Fields, targets, object)
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
	out.Data, err = j.write(changes, blocks)
	return out, err
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
	if key.Status != v1alpha1.KeyActive {
		return nil, fault.New("leave --key out to use the Active one", "sealing key %q is %s: it seals no more", key.ID, key.Status)
	}
	sealer, err := sealing.NewSealer(key, spec.RecoveryRecipients)
	if err != nil {
		return nil, fmt.Errorf("use the fleet's keys: %w", err)
	}
	return sealer, nil
}

func (j *Job) plan() ([]stub.Change, error) {
	public, err := stub.PublicData(j.Stub)
	if err != nil {
		return nil, err
	}
	var pointers []string
	for key := range j.Values {
		if public[key] {
			return nil, fault.New("take it out of spec.template.data first", "%s: key %q stands in the clear in the template", j.File, key)
		}
		pointers = append(pointers, "/data/"+key)
	}
	changes, err := stub.Plan(j.Stub.Spec.Blocks, pointers, j.Together)
	if err != nil {
		return nil, fault.New("values sealed together change together: give them all", "%s: %w", j.File, err)
	}
	return changes, nil
}

// uses builds the placements and returns what the stub becomes in them.
func (j *Job) uses(ctx context.Context, sealer *sealing.Sealer, changes []stub.Change) (*identity.Result, error) {
	placements := slices.Collect(maps.Values(j.Repo.Model.Placements))
	if j.For != "" {
		p, ok := j.Repo.Model.Placements[j.For]
		if !ok {
			return nil, fault.New("`bulla place` makes one; `bulla validate` says if its file is wrong", "placement %q is not in the fleet", j.For)
		}
		placements = []*v1alpha1.Placement{p}
	}
	tree := j.Repo.Tree
	if j.Old == nil && len(placements) > 0 {
		standIn, err := j.standIn(sealer, changes)
		if err != nil {
			return nil, err
		}
		if tree, err = tree.With(j.File, standIn); err != nil {
			return nil, err
		}
	}
	result, err := identity.Find(ctx, j.Builder, tree, placements, j.File, j.Progress)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(result.Failed)) {
		if j.For != "" {
			return nil, fault.New("correct it, then seal", "%w", result.Failed[name])
		}
		j.Warn("%v", result.Failed[name])
	}
	return result, nil
}

// written is the namespace that the file of a renamed Secret says: none, where
// the placement gives it. kustomize renames references only between objects of
// one namespace, and workloads say none: they would ask for the old name.
func (j *Job) written() string {
	p, ok := j.Repo.Model.Placements[j.For]
	if ok && j.Stub.Metadata.Namespace == p.Spec.TargetNamespace {
		return ""
	}
	return j.Stub.Metadata.Namespace
}

// standIn is the stub with the fields to be sealed and without their values.
func (j *Job) standIn(sealer *sealing.Sealer, changes []stub.Change) ([]byte, error) {
	bare := *j.Stub
	bare.Metadata.Namespace = j.written()
	empty := &Job{Repo: j.Repo, Stub: &bare, Values: values.Set{}}
	for key := range j.Values {
		empty.Values[key] = nil
	}
	object := identity.Use{Namespace: "stand-in", Name: "stand-in"}
	nobody := []sealing.LockTarget{{Target: sealing.Target{Kind: sealing.Set, Name: "stand-in"}}}
	var blocks []v1alpha1.Block
	for _, change := range changes {
		block, err := empty.seal(sealer, change.Fields, nobody, object)
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, block)
	}
	return empty.write(changes, blocks)
}

// object decides which built object the values are bound to.
func (j *Job) object(found *identity.Result) (identity.Use, error) {
	distinct := identity.Distinct(found.Uses, j.Stub.Spec.Scope)
	switch {
	case len(distinct) == 1:
		return distinct[0], nil
	case len(distinct) > 1:
		var names []string
		for _, use := range distinct {
			names = append(names, fmt.Sprintf("%s/%s in placement %s", use.Namespace, use.Name, use.Placement))
		}
		hint := "seal with --scope namespace or --scope fleet, so that one lock fits them, or keep one stub for each overlay"
		if j.For == "" {
			hint = "choose one with --for PLACEMENT, or " + hint
		}
		return identity.Use{}, fault.New(hint, "%s becomes several objects: %s", j.File, strings.Join(names, ", "))
	case j.For != "":
		return identity.Use{}, fault.New(
			fmt.Sprintf("put the file below %s and list it under resources in the kustomization.yaml there", j.Repo.Model.Placements[j.For].Spec.Path),
			"placement %q does not build %s", j.For, j.File)
	case j.Stub.Metadata.Namespace == "":
		return identity.Use{}, fault.NewUsage("give --for PLACEMENT, or --namespace", "%s: no placement builds it yet, and it has no namespace", j.File)
	}
	j.Warn("no placement builds %s yet: sealed for %s/%s, as the file says; --for PLACEMENT looks at what kustomize makes of it",
		j.File, j.Stub.Metadata.Namespace, j.Stub.Metadata.Name)
	return identity.Use{Namespace: j.Stub.Metadata.Namespace, Name: j.Stub.Metadata.Name}, nil
}

// seal seals the fields into one block.
func (j *Job) seal(sealer *sealing.Sealer, fields []string, targets []sealing.LockTarget, object identity.Use) (v1alpha1.Block, error) {
	like := *j.Stub
	like.Spec.Blocks = []v1alpha1.Block{{Fields: fields}}
	c, err := sealing.ContextOf(j.Repo.Model.Fleet.Spec.ID, &like, 0, object.Namespace, object.Name)
	if err != nil {
		return v1alpha1.Block{}, fmt.Errorf("seal %s: %w", j.File, err)
	}
	texts := map[string]string{}
	for _, field := range fields {
		texts[field] = base64.StdEncoding.EncodeToString(j.Values[strings.TrimPrefix(field, "/data/")])
	}
	block, err := sealer.Seal(c, texts, targets)
	if err != nil {
		return v1alpha1.Block{}, fmt.Errorf("seal %s: %w", j.File, err)
	}
	return block, nil
}

// write returns the file with the blocks in it. What it returns parses.
func (j *Job) write(changes []stub.Change, blocks []v1alpha1.Block) ([]byte, error) {
	if j.Old != nil {
		return stub.Apply(j.File, j.Old, j.Stub, changes, blocks)
	}
	whole := *j.Stub
	whole.Spec.Blocks = blocks
	data, err := stub.Render(&whole)
	if err != nil {
		return nil, err
	}
	_, err = v1alpha1.ParseSealedManifest(j.File, data)
	return data, err
}
