package importcmd

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/importcmd/haul"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/sealcmd"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/desk/branch"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/desk/sealjob"
	"github.com/bulla-dev/bulla/desk/values"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// importing is one import, on its way.
type importing struct {
	options
	shell   *shell.Shell
	repo    *fleetrepo.Repo
	builder *kustomize.Builder
	from    source
	whom    sealjob.Whom
	// git is nil where no branch is made.
	git *branch.Tree
	// tree has what is sealed so far: the next is built with it.
	tree  *tree.Tree
	files map[string][]byte
	came  []came
}

// came is one Secret that was sealed, and opened again.
type came struct {
	file string
	item haul.Item
	out  *sealjob.Outcome
}

// sealAll seals each item. What cannot be sealed stays behind; the others come.
func (i *importing) sealAll(ctx context.Context, h *haul.Haul) error {
	for _, item := range h.Items {
		item.Secret.Namespace = cmp.Or(item.Secret.Namespace, i.namespace)
	}
	twice := i.twice(h)
	for _, item := range h.Items {
		if err := ctx.Err(); err != nil {
			return err
		}
		if where := twice[i.identity(item)]; len(where) > 1 {
			h.Leave(item.From, fmt.Sprintf("%s stands more than once: %s", i.identity(item), strings.Join(where, " and ")),
				"take the ones out that do not count")
			continue
		}
		one, err := i.seal(ctx, item)
		if err != nil {
			h.Leave(item.From, err.Error(), fault.Hint(err))
			continue
		}
		i.came = append(i.came, one)
	}
	return ctx.Err()
}

// identity is the object that a Secret becomes, as far as it says so itself.
func (i *importing) identity(item haul.Item) string {
	namespace := item.Secret.Namespace
	if placement := i.repo.Model.Placements[i.placement]; namespace == "" && placement != nil {
		namespace = placement.Spec.TargetNamespace
	}
	return namespace + "/" + item.Secret.Name
}

func (i *importing) twice(h *haul.Haul) map[string][]string {
	seen := map[string][]string{}
	for _, item := range h.Items {
		seen[i.identity(item)] = append(seen[i.identity(item)], item.From)
	}
	return seen
}

// seal seals one Secret into a new file, and lists it, in memory.
func (i *importing) seal(ctx context.Context, item haul.Item) (came, error) {
	if err := i.checkNames(item); err != nil {
		return came{}, err
	}
	if err := i.checkSubstituted(item); err != nil {
		return came{}, err
	}
	set := values.Set{}
	source := values.Source{AllowEmpty: i.allowEmpty}
	manifest, err := source.Object(set, item.From, item.Secret)
	if err != nil {
		return came{}, err
	}
	if i.takeOver {
		manifest.Annotations = maps.Clone(manifest.Annotations)
		if manifest.Annotations == nil {
			manifest.Annotations = map[string]string{}
		}
		manifest.Annotations[v1alpha1.TakeOverAnnotation] = "true"
	}
	file, err := i.file(item)
	if err != nil {
		return came{}, err
	}
	repo := *i.repo
	repo.Tree = i.tree
	fleet := sealjob.Fleet{
		Repo: &repo, Builder: i.builder, Warn: i.shell.Warnf, Note: i.shell.Notef, Progress: i.shell.Progress(),
	}
	where, err := sealcmd.Given(fleet, file, i.placement, api.ScopeStrict, set, manifest)
	if err != nil {
		return came{}, err
	}
	if where.Also, err = sealjob.Listed(i.repo.Model, i.tree, file); err != nil {
		return came{}, err
	}
	job := &sealjob.Job{
		Fleet: fleet, What: sealjob.What{Values: set}, Whom: i.whom, Where: where,
		How: sealjob.How{AsIs: i.asIs, Rehearse: true},
	}
	out, err := job.Run(ctx)
	if err == nil {
		err = i.checkIdentity(item, out)
	}
	if err != nil {
		return came{}, err
	}
	if len(manifest.LeftOut) > 0 {
		i.shell.Notef("left out of %s, as marks of another owner: %s", file, strings.Join(manifest.LeftOut, ", "))
	}
	return came{file: file, item: item, out: out}, i.keep(file, out.Data, where.Also)
}

// checkNames refuses names that Kubernetes or the placement would refuse, before a
// build says so of a file that nobody wrote.
func (i *importing) checkNames(item haul.Item) error {
	name, namespace := item.Secret.Name, item.Secret.Namespace
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
		return fault.New("name it as Kubernetes wants it: lower-case letters, digits, '-' and '.'",
			"%.60q is no name of a Secret", name)
	}
	if problems := validation.IsDNS1123Label(namespace); namespace != "" && len(problems) > 0 {
		return fault.New("name it as Kubernetes wants it: lower-case letters, digits and '-'",
			"%.60q is no name of a namespace", namespace)
	}
	placement := i.repo.Model.Placements[i.placement]
	if placement != nil && namespace != "" && !slices.Contains(placement.Spec.AllNamespaces(), namespace) {
		return fault.New("give --for a placement of that namespace",
			"it is in namespace %.60q, and placement %s is of %s", namespace, i.placement,
			strings.Join(placement.Spec.AllNamespaces(), ", "))
	}
	return nil
}

// checkIdentity refuses to take over an object by another name: kustomize would make a
// second one beside it.
func (i *importing) checkIdentity(item haul.Item, out *sealjob.Outcome) error {
	if !i.takeOver || item.Secret.Namespace == "" {
		return nil
	}
	if out.Object.Name != item.Secret.Name || out.Object.Namespace != item.Secret.Namespace {
		return fault.New("write it with --dir into a folder whose kustomization renames nothing, or give --take-over=false "+
			"for a new Secret beside it",
			"kustomize makes %s/%s of it, and the live one is %s/%s: it could not be taken over",
			out.Object.Namespace, out.Object.Name, item.Secret.Namespace, item.Secret.Name)
	}
	return nil
}

// file is a path that is free.
func (i *importing) file(item haul.Item) (string, error) {
	file := path.Join(i.folder, item.Secret.Name+".yaml")
	if _, mine := i.files[file]; mine {
		file = path.Join(i.folder, item.Secret.Namespace+"."+item.Secret.Name+".yaml")
	}
	if i.tree.Exists(file) {
		return "", fault.New(
			"`bulla seal "+file+" -f -` changes a stub, and `bulla seal --replace` takes the place of a Secret",
			"%s is there already", file)
	}
	if len(path.Base(file)) > 255 {
		return "", fault.New("seal it with `bulla seal`, into a file of a shorter name", "its name is too long for a file")
	}
	return file, nil
}

// keep puts files into the tree that the next Secret is built with.
func (i *importing) keep(file string, data []byte, also map[string][]byte) error {
	all := maps.Clone(also)
	if all == nil {
		all = map[string][]byte{}
	}
	all[file] = data
	for _, name := range slices.Sorted(maps.Keys(all)) {
		next, err := i.tree.With(name, all[name])
		if err != nil {
			return err
		}
		i.tree, i.files[name] = next, all[name]
	}
	return nil
}
