package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/fleetrepo"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/sealjob"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/stub"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/values"
	"github.com/bulla-dev/bulla/cmd/internal/files"
	"github.com/bulla-dev/bulla/cmd/internal/yamltext"
	"github.com/bulla-dev/bulla/kustomize"
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
the key service nor the cluster opens it alone. That needs a recovery recipient
in the fleet.

What as. A value is bound to the object that kustomize builds from the stub:
its namespace and name after namePrefix and overlays. --for PLACEMENT builds it
to find out; without --for, every placement is looked through. --scope namespace
binds the namespace only, --scope fleet neither.

Nothing is asked of a network or a cluster. Keys and recovery recipients that
the pinned root key did not sign are refused.

A value given with --from-literal stays in your shell's history and is seen in
the list of processes; --from-file KEY=- reads standard input and does neither.
Files are sealed as they are, with their last line end.`

const sealExample = `  # a new secret for what is placed as "payments"
  bulla seal --for payments --name payments-db --from-file password=./password.txt

  # change one value, or add one, in an existing stub
  pass show payments/db | tr -d '\n' | bulla seal apps/payments/payments-db.yaml --from-file password=-

  # from a Secret manifest
  kubectl create secret generic payments-db --from-literal=user=app --dry-run=client -o yaml |
    bulla seal --for payments -f -

  # user and password change together, under one lock
  bulla seal --for payments --name payments-db --together --from-literal user=app --from-file password=./password.txt

  # openable with the HSM and the key of prod-eu only
  bulla seal apps/payments/payments-db.yaml --two-lock --cluster prod-eu --from-file password=./password.txt`

type sealOptions struct {
	name, namespace, placement, key, scope, manifest, secretType string
	literals, fromFiles, sets, clusters                          []string
	twoLock, together, dryRun, allowEmpty                        bool
}

func newSeal(a *app) *cobra.Command {
	var o sealOptions
	cmd := &cobra.Command{
		Use: "seal [STUB]", Short: "Seal values into a stub file", Long: sealLong, Example: sealExample,
		Args: args("one stub file", 0, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.seal(cmd.Context(), strings.Join(args, ""), o) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.literals, "from-literal", nil, "`KEY=VALUE` to seal; may be repeated (stays in your shell's history)")
	f.StringArrayVar(&o.fromFiles, "from-file", nil, "`KEY=PATH` or PATH to seal, KEY=- for standard input; may be repeated")
	f.StringVarP(&o.manifest, "file", "f", "", "`path` of a v1 Secret manifest to seal, - for standard input")
	f.StringVar(&o.placement, "for", "", "`placement` that builds the stub")
	f.StringSliceVar(&o.sets, "set", nil, "cluster `set` to lock to; may be repeated")
	f.StringSliceVar(&o.clusters, "cluster", nil, "`cluster` to lock to, with --two-lock; may be repeated")
	f.BoolVar(&o.twoLock, "two-lock", false, "lock to single clusters with their own keys")
	f.BoolVar(&o.together, "together", false, "seal the values into one block: they change together")
	f.StringVar(&o.scope, "scope", "", "`scope` of a new stub: strict (default), namespace or fleet")
	f.StringVar(&o.name, "name", "", "`name` of a new stub (default: that of the file or manifest)")
	f.StringVarP(&o.namespace, "namespace", "n", "", "`namespace` of a new stub (default: that of the placement or manifest)")
	f.StringVar(&o.secretType, "type", "", "`type` of a new Secret (default: Opaque, or that of the manifest)")
	f.StringVar(&o.key, "key", "", "`id` of the sealing key that must be used (default: the Active one)")
	f.BoolVar(&o.allowEmpty, "allow-empty", false, "seal empty values too")
	f.BoolVar(&o.dryRun, "dry-run", false, "print the file instead of writing it")
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
	set, manifest, err := o.read(a)
	if err != nil {
		return err
	}
	repo, err := a.openVerified()
	if err != nil {
		return err
	}
	job := &sealjob.Job{
		Repo: repo, Builder: kustomize.NewBuilder(kustomize.BuilderOptions{}), Warn: a.warnf, Progress: a.progress(), Values: set,
		For: o.placement, TwoLock: o.twoLock, Together: o.together, Key: o.key,
	}
	if job.File, err = o.path(repo, file, manifest); err != nil {
		return err
	}
	if err := o.load(job, scope, manifest); err != nil {
		return err
	}
	for _, name := range o.sets {
		job.Targets = append(job.Targets, sealing.Target{Kind: sealing.Set, Name: name})
	}
	for _, name := range o.clusters {
		job.Targets = append(job.Targets, sealing.Target{Kind: sealing.Cluster, Name: name})
	}
	out, err := job.Run(ctx)
	if errors.Is(err, yamltext.ErrShape) {
		return fault.New("write spec.blocks as a plain list, or seal all values into a new file", "%w", err)
	}
	if err != nil {
		return err
	}
	a.remember(repo)
	return a.writeStub(job, out, o.dryRun)
}

func parseScope(text string) (v1alpha1.Scope, error) {
	switch strings.ToLower(text) {
	case "":
		return "", nil
	case "strict":
		return v1alpha1.ScopeStrict, nil
	case "namespace":
		return v1alpha1.ScopeNamespace, nil
	case "fleet":
		return v1alpha1.ScopeFleet, nil
	}
	return "", fault.NewUsage("write strict, namespace or fleet", "scope %q is unknown", text)
}

// read takes the values from the command line, before anything else is looked
// at: a typo in them is the likeliest mistake.
func (o sealOptions) read(a *app) (values.Set, *values.Manifest, error) {
	source := &values.Source{AllowEmpty: o.allowEmpty, Stdin: a.stdin}
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
	if len(set) == 0 {
		return nil, nil, fault.NewUsage("give --from-file, --from-literal or -f", "there is nothing to seal")
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
			return "", unknown("placement", o.placement, repo.Model.Placements, "`bulla place` makes one")
		}
		return path.Join(placement.Spec.Path, name+".yaml"), nil
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

// load reads the stub, or begins a new one.
func (o sealOptions) load(job *sealjob.Job, scope v1alpha1.Scope, manifest *values.Manifest) error {
	data, err := os.ReadFile(job.Repo.Abs(job.File))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return o.begin(job, scope, manifest)
	case err != nil:
		return fmt.Errorf("read stub: %w", err)
	}
	if _, kind, ok := v1alpha1.KindOf(data); !ok || kind != v1alpha1.KindSealedManifest {
		// Not parsed further: it may be a Secret in the clear, and errors quote.
		return fault.New("name a new file; a Secret manifest goes in with -f", "%s is there and is not a %s", job.File, v1alpha1.KindSealedManifest)
	}
	if job.Stub, err = v1alpha1.ParseSealedManifest(job.File, data); err != nil {
		return err
	}
	job.Old = data
	return o.fits(job, scope, manifest)
}

// fits refuses what would change more of an existing stub than its values.
func (o sealOptions) fits(job *sealjob.Job, scope v1alpha1.Scope, manifest *values.Manifest) error {
	metadata := job.Stub.Metadata
	name, namespace, kind := o.name, o.namespace, corev1.SecretType(o.secretType)
	if manifest != nil {
		name, namespace, kind = first(name, manifest.Name), first(namespace, manifest.Namespace), first(kind, manifest.Type)
	}
	has, err := stub.Type(job.Stub)
	if err != nil {
		return err
	}
	isScope := first(job.Stub.Spec.Scope, v1alpha1.ScopeStrict)
	switch {
	case name != "" && name != metadata.Name:
		return fault.New("give the right file, or leave --name out", "%s is named %q, not %q", job.File, metadata.Name, name)
	case namespace != "" && namespace != metadata.Namespace && (metadata.Namespace != "" || !o.placedIn(job.Repo, namespace)):
		return fault.New("give the right file, or leave --namespace out", "%s is in namespace %q, not %q", job.File, metadata.Namespace, namespace)
	case kind != "" && kind != first(has, corev1.SecretTypeOpaque):
		return fault.New("a Secret's type cannot change; write a new stub", "%s makes a Secret of type %q, not %q", job.File, has, kind)
	case scope != "" && scope != isScope:
		return fault.New("all values of a stub have one scope; write a new stub", "%s has scope %s, not %s", job.File, isScope, scope)
	}
	return nil
}

// placedIn: a stub that says no namespace gets that of its placement.
func (o sealOptions) placedIn(repo *fleetrepo.Repo, namespace string) bool {
	for name, p := range repo.Model.Placements {
		if (o.placement == "" || o.placement == name) && slices.Contains(p.Spec.AllNamespaces(), namespace) {
			return true
		}
	}
	return false
}

func (o sealOptions) begin(job *sealjob.Job, scope v1alpha1.Scope, manifest *values.Manifest) error {
	base := path.Base(job.File)
	name, namespace, kind := o.name, o.namespace, corev1.SecretType(o.secretType)
	if manifest != nil {
		name, namespace, kind = first(name, manifest.Name), first(namespace, manifest.Namespace), first(kind, manifest.Type)
	}
	if placement, ok := job.Repo.Model.Placements[o.placement]; ok {
		namespace = first(namespace, placement.Spec.TargetNamespace)
	}
	var err error
	job.Stub, err = stub.New(first(name, strings.TrimSuffix(base, path.Ext(base))), namespace,
		first(scope, v1alpha1.ScopeStrict), first(kind, corev1.SecretTypeOpaque), manifest)
	return err
}

// first returns the first of two texts that is not empty.
func first[T ~string](a, b T) T {
	if a != "" {
		return a
	}
	return b
}

func (a *app) writeStub(job *sealjob.Job, out *sealjob.Outcome, dryRun bool) error {
	if dryRun {
		_, err := printable.Product(a.stdout).Write(out.Data)
		return err
	}
	var err error
	if target := job.Repo.Abs(job.File); job.Old != nil {
		err = files.Replace(target, job.Old, out.Data)
	} else {
		err = files.Create(target, out.Data, 0o644)
	}
	if err != nil {
		return err
	}
	a.printf("%s: sealed as %s/%s under key %s\n", job.File, out.Object.Namespace, out.Object.Name, out.Key)
	for _, sealed := range out.Sealed {
		a.printf("  %s for %s\n", strings.Join(sealed.Fields, " "), strings.Join(sealed.Targets, ", "))
	}
	return nil
}
