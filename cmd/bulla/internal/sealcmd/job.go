package sealcmd

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/delivercmd"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/desk/naming"
	"github.com/bulla-dev/bulla/desk/sealjob"
	"github.com/bulla-dev/bulla/desk/stored"
	"github.com/bulla-dev/bulla/desk/values"
	"github.com/bulla-dev/bulla/sealing"
)

// options are the flags, by what they are about.
type options struct {
	verb    verb
	what    what
	whom    whom
	more    []sealing.Target
	object  object
	how     sealjob.How
	wires   delivercmd.Flags
	replace bool
	dryRun  bool
}

// work is a job, and where what it makes goes.
type work struct {
	*sealjob.Job

	store *stored.Store
	// read is the file as it was read, nil for a new one.
	read *stored.File
	// was are the files that change beside it, as they were read.
	was map[string][]byte
}

// job is what the flags ask for, of the stub at a path that may be "". The values
// are read before anything else is looked at: a typo in them is the likeliest mistake.
func (o *options) job(ctx context.Context, s *shell.Shell, stub string) (_ *work, err error) {
	// The argument is not quoted: it may be a value in the wrong place.
	if strings.Contains(stub, "=") {
		return nil, fault.NewUsage("values are given with --from-literal or --from-file", "the stub's path has a =")
	}
	asked, err := o.object.asked()
	if err != nil {
		return nil, err
	}
	if asked.kind == "" {
		asked.kind = o.what.shape.kind()
	}
	if o.replace {
		if stub == "" || o.what.manifest != "" {
			return nil, fault.NewUsage("bulla seal --replace apps/shop/secret.yaml",
				"--replace takes the path of one Secret manifest, and no -f")
		}
		o.what.manifest = s.Named(stub)
	}
	if err := o.what.make(s); err != nil {
		return nil, err
	}
	o.what.pending = append(o.what.pending, o.what.shape.pending()...)
	set, manifest, err := o.what.read(s.Stdin)
	if err != nil {
		return nil, err
	}
	repo, err := s.OpenVerified()
	if err != nil {
		return nil, err
	}
	fleet := sealjob.Fleet{
		Repo: repo, Builder: shell.Builder(repo.Root),
		Warn: s.Warnf, Note: s.Notef, Progress: s.Progress(),
	}
	what, err := o.what.of(set)
	if err != nil {
		return nil, err
	}
	file, err := o.path(repo, stub, manifest)
	if err != nil {
		return nil, err
	}
	if manifest != nil && len(manifest.LeftOut) > 0 {
		fleet.Note("left out of %s, as marks of another owner: %s", file, strings.Join(manifest.LeftOut, ", "))
	}
	opening := &opening{
		fleet: fleet, what: what, placement: o.whom.placement,
		asked: asked.with(manifest), manifest: manifest, anew: o.replace, verb: o.verb,
		store: s.Store(repo.Model.Fleet.Spec.ID),
	}
	defer func() {
		if err != nil {
			opening.store.Close()
		}
	}()
	where, err := opening.open(ctx, file)
	if err != nil {
		return nil, err
	}
	if err := overwrites(what, where); err != nil {
		return nil, err
	}
	if err := o.what.giveAgain(where, set); err != nil {
		return nil, err
	}
	how := o.how
	how.Replaces = o.replace
	whom := o.whom.of()
	whom.More = o.more
	job := &sealjob.Job{Fleet: fleet, What: what, Whom: whom, Where: where, How: how}
	return &work{Job: job, store: opening.store, read: opening.read, was: opening.was}, nil
}

// overwrites refuses a new name that has a value already: nobody could bring it back.
func overwrites(what sealjob.What, where sealjob.Where) error {
	for old, now := range what.Renamed {
		if slices.Contains(where.Keys(), now) && !slices.Contains(what.Without, now) {
			return fault.New("take it out first, with bulla unset, or give another name",
				"%s: %s cannot be named %s: there is a value of that name", where.File, old, now)
		}
	}
	return nil
}

// path returns where the stub is in the repository.
func (o options) path(repo *fleetrepo.Repo, file string, manifest *values.Manifest) (string, error) {
	if file == "" {
		return o.placed(repo, manifest)
	}
	if o.replace && strings.EqualFold(path.Ext(file), ".json") {
		return "", fault.NewUsage("give it another ending (git mv), in the kustomization too if that lists it; "+
			"what is in it may stay JSON", "a stub's file ends in .yaml, and this one in .json")
	}
	if ext := path.Ext(file); ext != ".yaml" && ext != ".yml" {
		return "", fault.NewUsage("name the stub's file, such as apps/payments/payments-db.yaml",
			"the stub's path does not end in .yaml")
	}
	rel, err := repo.Rel(file)
	if err != nil {
		return "", err
	}
	switch top, _, below := strings.Cut(rel, "/"); {
	case !below, top == "clusters", top == "clustersets", top == "placements":
		return "", fault.NewUsage("put it beside the application, such as in apps/payments/",
			"%s is no place for a stub", rel)
	}
	return rel, nil
}

// placed is the path of a stub without one: its name, in the placement's folder.
func (o options) placed(repo *fleetrepo.Repo, manifest *values.Manifest) (string, error) {
	name := o.object.name
	if name == "" && manifest != nil {
		name = manifest.Name
	}
	placement, ok := repo.Model.Placements[o.whom.placement]
	if o.whom.placement == "" || name == "" {
		return "", fault.NewUsage("give the path of the file, or --for PLACEMENT and --name NAME",
			"nothing says which stub to write")
	}
	if !ok {
		return "", naming.Unknown(repo.Model, api.KindPlacement, o.whom.placement, "`bulla place` makes one")
	}
	return path.Join(placement.Spec.Path, name+".yaml"), nil
}
