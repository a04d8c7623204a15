package main

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/atomicfile"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/fleetrepo"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/sealjob"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/values"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/fault"
	"github.com/bulla-dev/bulla/cmd/internal/yamltext"
	"github.com/bulla-dev/bulla/kustomize/printable"
	"github.com/bulla-dev/bulla/sealing"
)

const sealLong = `Seal values into a stub file.

STUB is the path of the file, new or not. Values in an existing stub are
replaced or added; its other values stay as they are, byte for byte, and need
not be known. Without STUB, --for and --name write NAME.yaml into the
placement's folder.

Whom for. Locks go to sets of clusters (--set). Without --set, --for PLACEMENT
takes the sets that the placement targets; an existing stub keeps its own.
--two-lock --cluster NAME locks to one cluster's own key as well: then neither
the key service nor the cluster opens it alone. No set stands beside it: each
lock is enough, and a set's needs no cluster's key. With --for it takes the
clusters that the placement names, and refuses its sets. It needs a recovery
recipient in the fleet.

What as. A value is bound to the object that kustomize builds from the stub:
its namespace and name after namePrefix and overlays. --for PLACEMENT builds it
to find out; without --for, every placement is looked through. --scope namespace
binds the namespace only, --scope fleet neither.

Nothing is asked of a network or a cluster. Keys and recovery recipients that
the pinned root key did not sign are refused.

A value given with --from-literal stays in your shell's history and is seen in
the list of processes; --from-file KEY=- reads standard input and does neither.
Files are sealed as they are, with their last line end; a note says where that
may not be meant.

What an API server would refuse is refused here: a type's missing keys, more
than 1 MiB, JSON that is none. Labels, annotations and immutable of a manifest
come along; marks of other owners (Argo CD, Helm, Flux, kubectl) do not.`

const sealExample = `  # a new secret for what is placed as "payments"
  bulla seal --for payments --name payments-db --from-file password=./password.txt

  # change one value, or add one, in an existing stub
  pass show payments/db | tr -d '\n' | bulla seal apps/payments/payments-db.yaml --from-file password=-

  # a Secret in the clear becomes a stub, in its place
  bulla seal --replace apps/payments/secret.yaml --for payments

  # take a key away; give one another name, with its value again
  bulla seal apps/payments/payments-db.yaml --remove token
  bulla seal apps/payments/payments-db.yaml --rename pass=password --from-file password=-

  # from a Secret manifest
  kubectl create secret generic payments-db --from-literal=user=app --dry-run=client -o yaml |
    bulla seal --for payments -f -

  # user and password change together, under one lock
  bulla seal --for payments --name payments-db --together --from-literal user=app --from-file password=./password.txt

  # openable with the HSM and the key of prod-eu only
  bulla seal apps/payments/payments-db.yaml --two-lock --cluster prod-eu --from-file password=./password.txt`

type sealOptions struct {
	name, namespace, placement, key, scope, manifest, secretType string
	literals, fromFiles, envFiles, sets, clusters                []string
	removals, renames                                            []string
	twoLock, together, apart, dryRun, allowEmpty, asIs, replace  bool
}

func newSeal(a *app) *cobra.Command {
	var o sealOptions
	cmd := &cobra.Command{
		Use: "seal [STUB]", Short: "Seal values into a stub file", Long: sealLong, Example: sealExample,
		Args: command.Args("one stub file", 0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.apart = cmd.Flags().Changed("together") && !o.together
			return a.seal(cmd.Context(), strings.Join(args, ""), o)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.literals, "from-literal", nil, "`KEY=VALUE` to seal; may be repeated (stays in your shell's history)")
	f.StringArrayVar(&o.fromFiles, "from-file", nil, "`KEY=PATH` or PATH to seal, KEY=- for standard input; may be repeated")
	f.StringArrayVar(&o.envFiles, "from-env-file", nil, "`path` of a file of lines KEY=VALUE, - for standard input; may be repeated")
	f.StringArrayVar(&o.removals, "remove", nil, "`key` to take away; may be repeated")
	f.StringArrayVar(&o.renames, "rename", nil, "`OLD=NEW` takes OLD away; the value is given again for NEW; may be repeated")
	f.BoolVar(&o.replace, "replace", false, "STUB is a Secret manifest in the clear: put the stub in its place, and list it in the kustomization")
	f.StringVarP(&o.manifest, "file", "f", "", "`path` of a v1 Secret manifest to seal, - for standard input")
	f.StringVar(&o.placement, "for", "", "`placement` that builds the stub")
	f.StringSliceVar(&o.sets, "set", nil, "cluster `set` to lock to; may be repeated")
	f.StringSliceVar(&o.clusters, "cluster", nil, "`cluster` to lock to, with --two-lock; may be repeated")
	f.BoolVar(&o.twoLock, "two-lock", false, "lock to single clusters with their own keys")
	f.BoolVar(&o.together, "together", false, "seal the values into one block: they change together (NAME.crt and NAME.key are, unless --together=false)")
	f.StringVar(&o.scope, "scope", "", "`scope` of a new stub: strict (default), namespace or fleet")
	f.StringVar(&o.name, "name", "", "`name` of a new stub (default: that of the file or manifest)")
	f.StringVarP(&o.namespace, "namespace", "n", "", "`namespace` of a new stub (default: that of the placement or manifest)")
	f.StringVar(&o.secretType, "type", "", "`type` of a new Secret (default: Opaque, or that of the manifest)")
	f.StringVar(&o.key, "key", "", "`id` of the sealing key that must be used (default: the Active one)")
	f.BoolVar(&o.allowEmpty, "allow-empty", false, "seal empty values too")
	f.BoolVar(&o.asIs, "as-is", false, "seal values that look like placeholders of other tools")
	f.BoolVar(&o.dryRun, "dry-run", false, "print the file instead of writing it")
	a.CompleteFlags(cmd)
	return cmd
}

func (a *app) seal(ctx context.Context, file string, o sealOptions) error {
	// The argument is not quoted: it may be a value in the wrong place.
	if strings.Contains(file, "=") {
		return fault.NewUsage("values are given with --from-literal or --from-file", "the stub's path has a =")
	}
	scope, err := parseScope(o.scope)
	if err != nil {
		return err
	}
	if err := o.checkNames(); err != nil {
		return err
	}
	if o.replace {
		if file == "" || o.manifest != "" {
			return fault.NewUsage("bulla seal --replace apps/shop/secret.yaml", "--replace takes the path of one Secret manifest, and no -f")
		}
		o.manifest = file
	}
	set, manifest, err := o.read(a)
	if err != nil {
		return err
	}
	repo, err := a.OpenVerified()
	if err != nil {
		return err
	}
	job, err := o.job(a, repo, set)
	if err != nil {
		return err
	}
	if job.File, err = o.path(repo, file, manifest); err != nil {
		return err
	}
	if manifest != nil && len(manifest.LeftOut) > 0 {
		job.Note("left out of %s, as marks of another owner: %s", job.File, strings.Join(manifest.LeftOut, ", "))
	}
	if err := o.load(job, scope, manifest); err != nil {
		return err
	}
	if o.replace {
		if err := listStub(job); err != nil {
			return err
		}
	}
	out, err := job.Run(ctx)
	if errors.Is(err, yamltext.ErrShape) {
		return fault.New("write spec.blocks as a plain list, or seal all values into a new file", "%w", err)
	}
	if err != nil {
		return err
	}
	a.Remember(repo)
	return a.writeStub(job, out, o)
}

// job is what the flags ask for.
func (o sealOptions) job(a *app, repo *fleetrepo.Repo, set values.Set) (*sealjob.Job, error) {
	job := &sealjob.Job{
		Repo: repo, Builder: shell.Builder(repo.Root),
		Warn: a.Warnf, Note: a.Notef, Progress: a.Progress(), Values: set, Without: slices.Clone(o.removals), Renamed: map[string]string{},
		For: o.placement, TwoLock: o.twoLock, Together: o.together, Apart: o.apart, Key: o.key, AsIs: o.asIs,
	}
	for _, text := range o.renames {
		old, now, ok := strings.Cut(text, "=")
		if !ok || old == "" || now == "" {
			return nil, fault.NewUsage("write --rename OLD=NEW", "--rename takes two keys")
		}
		job.Renamed[old], job.Without = now, append(job.Without, old)
	}
	for _, key := range job.Without {
		if _, given := set[key]; given {
			return nil, fault.NewUsage("do one of the two", "key %q is given a value and taken away", key)
		}
	}
	for _, name := range o.sets {
		job.Targets = append(job.Targets, sealing.Target{Kind: sealing.Set, Name: name})
	}
	for _, name := range o.clusters {
		job.Targets = append(job.Targets, sealing.Target{Kind: sealing.Cluster, Name: name})
	}
	return job, job.CheckRenamed()
}

func parseScope(text string) (api.Scope, error) {
	switch strings.ToLower(text) {
	case "":
		return "", nil
	case "strict":
		return api.ScopeStrict, nil
	case "namespace":
		return api.ScopeNamespace, nil
	case "fleet":
		return api.ScopeFleet, nil
	}
	return "", fault.NewUsage("write strict, namespace or fleet", "scope %q is unknown", text)
}

// read takes the values from the command line, before anything else is looked
// at: a typo in them is the likeliest mistake.
func (o sealOptions) read(a *app) (values.Set, *values.Manifest, error) {
	source := &values.Source{AllowEmpty: o.allowEmpty, Stdin: a.Stdin}
	set := values.Set{}
	var manifest *values.Manifest
	var err error
	if o.manifest != "" {
		if manifest, err = source.Secret(set, o.manifest); err != nil {
			return nil, nil, err
		}
	}
	if err := source.Literals(set, o.literals); err != nil {
		return nil, nil, err
	}
	if err := source.Files(set, o.fromFiles); err != nil {
		return nil, nil, err
	}
	if err := source.EnvFiles(set, o.envFiles); err != nil {
		return nil, nil, err
	}
	if len(set) == 0 && len(o.removals)+len(o.renames) == 0 {
		return nil, nil, fault.NewUsage("give --from-file, --from-env-file, --from-literal or -f", "there is nothing to seal")
	}
	return set, manifest, set.CheckSize()
}

// path returns where the stub is in the repository.
func (o sealOptions) path(repo *fleetrepo.Repo, file string, manifest *values.Manifest) (string, error) {
	if file == "" {
		name := o.name
		if name == "" && manifest != nil {
			name = manifest.Name
		}
		placement, ok := repo.Model.Placements[o.placement]
		if o.placement == "" || name == "" {
			return "", fault.NewUsage("give the path of the file, or --for PLACEMENT and --name NAME", "nothing says which stub to write")
		}
		if !ok {
			return "", shell.Unknown(repo.Model, api.KindPlacement, o.placement, "`bulla place` makes one")
		}
		return path.Join(placement.Spec.Path, name+".yaml"), nil
	}
	if o.replace && strings.EqualFold(path.Ext(file), ".json") {
		return "", fault.NewUsage("give it another ending (git mv), in the kustomization too if that lists it; what is in it may stay JSON", "a stub's file ends in .yaml, and this one in .json")
	}
	if ext := path.Ext(file); ext != ".yaml" && ext != ".yml" {
		return "", fault.NewUsage("name the stub's file, such as apps/payments/payments-db.yaml", "the stub's path does not end in .yaml")
	}
	rel, err := repo.Rel(file)
	if err != nil {
		return "", err
	}
	switch top, _, below := strings.Cut(rel, "/"); {
	case !below, top == "clusters", top == "clustersets", top == "placements":
		return "", fault.NewUsage("put it beside the application, such as in apps/payments/", "%s is no place for a stub", rel)
	}
	return rel, nil
}

// first returns the first of two texts that is not empty.
func first[T ~string](a, b T) T {
	if a != "" {
		return a
	}
	return b
}

// objects names what the stub becomes: with a scope that several share, each, and
// whose it is.
func objects(out *sealjob.Outcome) string {
	var names, places []string
	for _, use := range out.Uses {
		names = append(names, use.Namespace+"/"+use.Name)
		places = append(places, names[len(names)-1]+" in placement "+use.Placement)
	}
	if slices.Sort(names); len(slices.Compact(names)) < 2 {
		return out.Object.Namespace + "/" + out.Object.Name
	}
	return strings.Join(places, ", ")
}

func (a *app) writeStub(job *sealjob.Job, out *sealjob.Outcome, o sealOptions) error {
	if o.dryRun {
		_, err := printable.Product(a.Stdout).Write(out.Data)
		return err
	}
	var err error
	if target := job.Repo.Abs(job.File); job.Old != nil {
		err = atomicfile.Replace(target, job.Old, out.Data)
	} else {
		err = atomicfile.Create(target, out.Data, 0o644)
	}
	if err != nil {
		return err
	}
	if out.Key == "" {
		a.Printf("%s: sealed nothing anew\n", job.File)
	} else {
		a.Printf("%s: sealed as %s under key %s\n", job.File, objects(out), out.Key)
	}
	for _, sealed := range out.Sealed {
		a.Printf("  %s for %s\n", strings.Join(sealed.Fields, " "), strings.Join(sealed.Targets, ", "))
	}
	for _, key := range out.Gone {
		a.Printf("  /data/%s taken away\n", key)
	}
	if o.replace {
		return a.finishReplace(job)
	}
	return nil
}
