// Package built finds out which objects a stub file becomes.
//
// A lock is bound to the object that kustomize builds, after namePrefix,
// namespace and overlays, not to what the stub file says. So sealing builds
// the placements first, with the code that the key service and the controllers
// use, and looks.
package built

import (
	"cmp"
	"context"
	"slices"
	"sync"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/bulla-dev/bulla/kustomize/workload"
)

// Use is one object that a placement builds from a stub.
type Use struct {
	Placement, Namespace, Name string
	// Variant of the placement, "" for its own.
	Variant string
	// Immutable: a cluster that has the object takes no new value for it.
	Immutable bool
}

// Result of a search for one stub.
type Result struct {
	Uses []Use
	// Failed are the placements that do not build; they may hold more uses.
	Failed map[string]error
}

// Index holds where every stub is used.
type Index struct {
	// Uses by the stub's path, sorted.
	Uses map[string][]Use
	// Readers are the objects that name a Secret, by its namespace/name, sorted:
	// "Deployment payments/api".
	Readers map[string][]string
	// Failed are the placements that do not build; they may hold more uses.
	Failed map[string]error
}

// Find builds placements, each in all its variants, and returns where the stub file at path is used,
// sorted. progress is told how many are built.
func Find(
	ctx context.Context, b *kustomize.Builder, t *tree.Tree, placements []*api.Placement, path string,
	progress func(string, ...any),
) (*Result, error) {
	index, err := All(ctx, b, t, placements, progress)
	if err != nil {
		return nil, err
	}
	return &Result{Uses: index.Uses[path], Failed: index.Failed}, nil
}

// All builds placements, each in all its variants, and returns where each stub is used.
func All(
	ctx context.Context, b *kustomize.Builder, t *tree.Tree, placements []*api.Placement, progress func(string, ...any),
) (*Index, error) {
	result := &Index{Uses: map[string][]Use{}, Readers: map[string][]string{}, Failed: map[string]error{}}
	var mu sync.Mutex
	var group sync.WaitGroup
	var all []*api.Placement
	for _, p := range placements {
		all = append(all, p.InVariants()...)
	}
	built := 0
	for _, p := range all {
		// The builder bounds how many processes run at a time.
		group.Go(func() {
			build, err := b.Build(ctx, t, p)
			mu.Lock()
			defer mu.Unlock()
			built++
			progress("built %d of %s", built, plural.Of(len(all), "placement"))
			if err != nil {
				// Which of several is told must not hang on which was first.
				if old := result.Failed[p.Metadata.Name]; old == nil || err.Error() < old.Error() {
					result.Failed[p.Metadata.Name] = err
				}
				return
			}
			for _, object := range build.Objects {
				result.read(object)
				if object.Stub != nil {
					use := Use{
						Placement: build.Placement, Variant: p.Variant, Namespace: object.GetNamespace(), Name: object.GetName(),
						Immutable: isImmutable(object, p),
					}
					result.Uses[object.Stub.Path] = append(result.Uses[object.Stub.Path], use)
				}
			}
		})
	}
	group.Wait()
	progress("")
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	for _, uses := range result.Uses {
		slices.SortFunc(uses, compare)
	}
	for secret, readers := range result.Readers {
		slices.Sort(readers)
		result.Readers[secret] = slices.Compact(readers)
	}
	return result, nil
}

// read notes the Secrets that an object names.
func (i *Index) read(object kustomize.Object) {
	for _, ref := range workload.Reads(object.Object) {
		if ref.Kind != workload.Secret {
			continue
		}
		secret := cmp.Or(ref.Namespace, object.GetNamespace()) + "/" + ref.Name
		i.Readers[secret] = append(i.Readers[secret],
			object.GetKind()+" "+object.GetNamespace()+"/"+object.GetName())
	}
}

// isImmutable: where Git says force the controller deletes the object, and makes it anew.
func isImmutable(o kustomize.Object, p *api.Placement) bool {
	return o.Object["immutable"] == true && !v1alpha1.MayReplace(o, p.Spec.Force)
}

func compare(a, b Use) int {
	return cmp.Or(cmp.Compare(a.Placement, b.Placement), cmp.Compare(a.Namespace, b.Namespace),
		cmp.Compare(a.Name, b.Name), cmp.Compare(a.Variant, b.Variant))
}

// Title names the placement, and the variant if it is one.
func (u Use) Title() string {
	if u.Variant == "" {
		return "placement " + u.Placement
	}
	return "placement " + u.Placement + ", variant " + u.Variant
}

// Bound returns the parts of an object's id that a scope binds: two uses with
// equal parts open with the same lock.
func (u Use) Bound(scope api.Scope) (namespace, name string) {
	return scope.Binds(u.Namespace, u.Name)
}

// Distinct returns one use for every id that the scope tells apart.
func Distinct(uses []Use, scope api.Scope) []Use {
	var distinct []Use
	for _, u := range uses {
		ns, name := u.Bound(scope)
		if !slices.ContainsFunc(distinct, func(d Use) bool {
			dns, dname := d.Bound(scope)
			return dns == ns && dname == name
		}) {
			distinct = append(distinct, u)
		}
	}
	return distinct
}
