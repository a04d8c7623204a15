package draft

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/sealer"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/desk/sealjob"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/desk/values"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/sealing"
)

// work is a choice at one commit.
type work struct {
	*sealjob.Job

	place place
	asked *sealjob.Asked
	said  []string
}

// at asks what a choice seals at a commit: one work for each file.
func (c Choice) at(ctx context.Context, b *kustomize.Builder, s base) (works, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if c.Kind == Lost {
		return c.Many.lost(ctx, b, s)
	}
	w, err := c.one(ctx, b, s)
	return works{w}, err
}

// one is the work of a choice of one file.
func (c Choice) one(ctx context.Context, b *kustomize.Builder, s base) (*work, error) {
	where, err := c.where(ctx, s)
	if err != nil {
		return nil, err
	}
	keys := c.Keys
	if c.Kind != New && c.Kind != Change {
		if keys, err = c.keys(where.Where); err != nil {
			return nil, err
		}
	}
	whom := sealjob.Whom{Targets: c.Targets}
	switch c.Kind {
	case New:
		whom.Placement = c.Placement
	case Add:
		whom.Targets, whom.More = nil, c.Targets
	}
	whom.TwoLock = slices.ContainsFunc(c.Targets, func(t sealing.Target) bool { return t.Kind == sealing.Cluster })
	return ask(ctx, b, s, where, sealjob.Job{What: valuesOf(keys), Whom: whom,
		How: sealjob.How{Apart: c.Kind == Rotate}})
}

// ask fills a job in, and asks it what is to be sealed.
func ask(ctx context.Context, b *kustomize.Builder, s base, where place, job sealjob.Job) (*work, error) {
	job.Where = where.Where
	w := &work{Job: &job, place: where}
	say := func(format string, args ...any) { w.said = append(w.said, fault.New("", format, args...).Error()) }
	quiet := func(string, ...any) {}
	repo := &fleetrepo.Repo{Tree: s.Tree.Draft(), Model: s.Model}
	w.Fleet = sealjob.Fleet{Repo: repo, Builder: b, Warn: say, Note: quiet, Progress: quiet}
	err := w.Ready()
	if err == nil {
		w.asked, err = w.Ask(ctx)
	}
	return w, err
}

// valuesOf names values that stay in the browser.
func valuesOf(keys []string) sealjob.What {
	set := values.Set{}
	for _, key := range keys {
		set[key] = []byte{}
	}
	return sealjob.What{Values: set}
}

// where is the stub's file at a commit: as it is there, or begun.
func (c Choice) where(ctx context.Context, s base) (place, error) {
	if c.Kind == New {
		where, err := c.begin(s)
		return place{Where: where}, err
	}
	return s.at(ctx, c.File)
}

func (c Choice) begin(s base) (where sealjob.Where, err error) {
	p := s.Model.Placements[c.Placement]
	if p == nil {
		return where, fault.New("choose one that is there", "there is no application %.60q", c.Placement)
	}
	where.File = path.Join(p.Spec.Path, c.Name+".yaml")
	if s.Tree.Exists(where.File) {
		return where, &FieldError{"name", fault.New("choose another name, or change the secret that is there",
			"%s is there already", where.File)}
	}
	if where.Also, err = sealjob.Listed(s.Model, s.Tree, where.File); err != nil {
		return where, err
	}
	where.Stub, err = stub.New(c.Name, p.Spec.TargetNamespace, api.ScopeStrict, c.Shape.Type(), nil)
	return where, err
}

// keys are those that have to be given again.
func (c Choice) keys(where sealjob.Where) (keys []string, err error) {
	if c.Kind == Rotate {
		recipes, err := stub.Recipes(where.File, where.Stub)
		for key := range recipes {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		if err == nil && len(keys) == 0 {
			err = fault.New("change the value instead: somebody has to give it",
				"%s has no value that was generated", where.File)
		}
		return keys, err
	}
	if c.Kind == Single {
		return where.Keys(), nil
	}
	for _, target := range c.Targets {
		lacking, err := where.Lacking(target)
		if err != nil {
			return nil, err
		}
		keys = append(keys, lacking...)
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

// jobs are what a browser seals. One job has one list of targets.
func (w *work) jobs(c Choice) (jobs []sealer.Job, err error) {
	recipes := c.Recipes
	if c.Kind == Rotate || c.Kind == Lost {
		if recipes, err = stub.Recipes(w.Where.File, w.Where.Stub); err != nil {
			return nil, err
		}
	}
	for i, change := range w.asked.Changes {
		job := sealer.Job{Scope: w.Where.Stub.Spec.Scope, Namespace: w.asked.Object.Namespace, Name: w.asked.Object.Name,
			AllowEmpty: c.Shape == Env, Shape: string(c.Shape), Generate: map[string]string{}}
		var keys []string
		for _, field := range change.Fields {
			key := strings.TrimPrefix(field, "/data/")
			keys = append(keys, key)
			if recipe, ok := recipes[key]; ok {
				job.Generate[key] = recipe.String()
			}
		}
		job.Blocks = [][]string{keys}
		job.Variables = variables(keys, slices.Concat(w.Where.Stub.Spec.DeliverAs, c.Deliver)...)
		for _, t := range w.asked.Targets[i] {
			job.Targets = append(job.Targets, target(w.Fleet.Repo.Model, t.Target))
		}
		if n := len(jobs); n > 0 && slices.Equal(jobs[n-1].Targets, job.Targets) {
			jobs[n-1].Blocks = append(jobs[n-1].Blocks, keys)
			jobs[n-1].Variables = append(jobs[n-1].Variables, job.Variables...)
			for key, recipe := range job.Generate {
				jobs[n-1].Generate[key] = recipe
			}
			continue
		}
		jobs = append(jobs, job)
	}
	return jobs, nil
}

func target(m *model.Model, t sealing.Target) sealer.Target {
	if t.Kind == sealing.Set {
		return sealer.Target{Set: t.Name}
	}
	c := m.Clusters[t.Name]
	return sealer.Target{Cluster: t.Name, Recipient: c.Spec.Recipient, VouchedBy: c.Spec.VouchedBy}
}
