package rotatecmd

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/sealcmd"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/desk/built"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	rotate "github.com/bulla-dev/bulla/desk/rotation"
	"github.com/bulla-dev/bulla/desk/sealjob"
	"github.com/bulla-dev/bulla/desk/stored"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/desk/values"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/bulla-dev/bulla/sealing"
)

// rotation is one run, on its way. Until it writes, nothing on disk has changed.
type rotation struct {
	options
	shell   *shell.Shell
	repo    *fleetrepo.Repo
	builder *kustomize.Builder
	// index says what each stub becomes, and who reads it.
	index *built.Index
	// tree has what is sealed so far.
	tree   *tree.Tree
	files  map[string][]byte
	report report
	// store has the stubs of references; keep are those that it gets before the files are
	// written, by file.
	store *stored.Store
	keep  map[string][]byte
}

// lost is the lock that no new value gets; there is none without a lost cluster.
func (r *rotation) lost() []sealing.Target {
	if r.options.exposed == "" {
		return nil
	}
	return []sealing.Target{{Kind: sealing.Cluster, Name: r.options.exposed}}
}

// look builds what is placed, to say who reads what.
func (r *rotation) look(ctx context.Context) (err error) {
	r.index, err = built.All(ctx, r.builder, r.repo.Tree, slices.Collect(maps.Values(r.repo.Model.Placements)),
		r.shell.Progress())
	return err
}

// replace makes the fields of a stub anew that its recipes allow, and notes the others.
func (r *rotation) replace(ctx context.Context, file string, fields []string) error {
	data, err := r.tree.ReadFile(file)
	if err != nil {
		return err
	}
	read, err := r.store.Read(ctx, file, data)
	if err != nil {
		return err
	}
	manifest := read.Stub
	recipes, err := stub.Recipes(file, manifest)
	if err != nil {
		return err
	}
	set := values.Set{}
	for _, d := range rotate.Decide(manifest, recipes, fields, r.options.exposed) {
		block := manifest.Spec.Blocks[d.Block]
		if d.Why != "" {
			r.leave(file, manifest, block, d.Why)
			continue
		}
		if err := r.make(file, block, recipes, set); err != nil {
			return err
		}
	}
	if len(set) == 0 {
		return nil
	}
	return r.seal(ctx, read, set)
}

func (r *rotation) make(file string, block api.Block, recipes values.Recipes, set values.Set) error {
	source := &values.Source{}
	for _, field := range block.Fields {
		key := keyOf(field)
		value, _, err := recipes[key].Make()
		if err == nil {
			err = source.Value(set, key, value)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		// A branch may have made the recipe shorter, for a value that is to be guessed.
		sealcmd.WarnGuessable(r.shell, key, recipes[key])
	}
	return nil
}

// seal seals the new values for whom the old ones were, but for the lost cluster, and
// opens them again with a key that is thrown away.
func (r *rotation) seal(ctx context.Context, read *stored.File, set values.Set) error {
	where := sealjob.Where{File: read.Path, Old: read.Data, Text: read.Text, Stub: read.Stub}
	repo := *r.repo
	repo.Tree = r.tree
	job := &sealjob.Job{
		Fleet: sealjob.Fleet{Repo: &repo, Builder: r.builder, Warn: r.shell.Warnf, Note: r.shell.Notef,
			Progress: r.shell.Progress()},
		What: sealjob.What{Values: set}, Whom: sealjob.Whom{Never: r.lost()}, Where: where,
		// As it was: a generated value looks like nothing, and pairs stand as they stood.
		How: sealjob.How{AsIs: true, Apart: true, Rehearse: true},
	}
	out, err := job.Run(ctx)
	if err != nil {
		return err
	}
	if err := r.checkLost(where.File, out); err != nil {
		return err
	}
	data, keep, err := read.Next(r.repo.Model.Fleet.Spec.ID, out.Data)
	if err != nil {
		return err
	}
	if r.tree, err = r.tree.With(where.File, data); err != nil {
		return err
	}
	if r.files[where.File] = data; keep != nil {
		r.keep[where.File] = keep
	}
	done := replaced{File: where.File, Objects: out.Objects(), becomes: out.Becomes(), Key: out.Key,
		ReadBy: rotate.Readers(r.index, where.File, where.Stub)}
	for _, sealed := range out.Sealed {
		done.Values = append(done.Values, sealedValues{Fields: sealed.Fields, Targets: sealed.Targets})
	}
	r.report.Replaced = append(r.report.Replaced, done)
	return nil
}

// checkLost holds what was sealed against what was promised: whoever loses a cluster
// must not have to read the locks.
func (r *rotation) checkLost(file string, out *sealjob.Outcome) error {
	for _, sealed := range out.Sealed {
		for _, target := range sealed.Targets {
			if r.options.exposed != "" && target == string(sealing.Cluster)+"/"+r.options.exposed {
				return fault.New("nothing was written; this is a fault of bulla, please report it",
					"%s: %s would be locked to the lost cluster %s", file, strings.Join(sealed.Fields, ", "), r.options.exposed)
			}
		}
	}
	return nil
}

// leave notes a block for people.
func (r *rotation) leave(file string, manifest *api.SealedManifest, block api.Block, why string) {
	r.report.People = append(r.report.People,
		people{File: file, Fields: block.Fields, Why: why, ReadBy: rotate.Readers(r.index, file, manifest)})
}

func keyOf(field string) string { return strings.TrimPrefix(field, "/data/") }
