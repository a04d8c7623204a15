package delivery

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/client-go/applyconfigurations"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	fakediscovery "k8s.io/client-go/discovery/fake"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	clienttesting "k8s.io/client-go/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/fixtures/precondition"
)

// modelServer is an API server in memory, for histories that are too many for a
// real one. To what is kept it adds what a decision rests on: uids, the preconditions of
// applies and deletes, foreground deletion. The world writes through raw, the controller
// through guarded, which asks the oracle before each write.
type modelServer struct {
	raw     client.WithWatch
	guarded client.Client
	kinds   modelDiscovery
	mu      sync.Mutex // objects of one kind are sent side by side
	uids    int
	// ours are the objects that the controller made and nobody made anew, by uid.
	ours map[types.UID]bool
	// applies and deletes are asked before a write of the controller is done.
	applies func(gvk schema.GroupVersionKind, live *unstructured.Unstructured)
	deletes func(gvk schema.GroupVersionKind, live *unstructured.Unstructured)
	// taken tells, as a watch does, that an object has another owner's label now.
	taken func(gvk schema.GroupVersionKind, was *unstructured.Unstructured)
}

// modelDiscovery prefers all that it has; client-go's prefers nothing.
type modelDiscovery struct{ *fakediscovery.FakeDiscovery }

func (d modelDiscovery) ServerPreferredResources() ([]*metav1.APIResourceList, error) {
	return d.Resources, nil
}

// modelKinds are the kinds that histories have.
var modelKinds = []schema.GroupVersionKind{
	corev1.SchemeGroupVersion.WithKind("Secret"), corev1.SchemeGroupVersion.WithKind("ConfigMap"),
	corev1.SchemeGroupVersion.WithKind("Pod"), appsv1.SchemeGroupVersion.WithKind("Deployment"),
}

// modelKnowledge is what all servers know of kinds, alike for all histories.
type modelKnowledge struct {
	scheme *runtime.Scheme
	mapper meta.RESTMapper
	kinds  modelDiscovery
	// fields are what applies have to do with.
	fields map[schema.GroupVersionKind]*managedfields.FieldManager
}

var modelKnows = sync.OnceValues(func() (*modelKnowledge, error) {
	scheme := runtime.NewScheme()
	// Few kinds: the fake client looks through all of a scheme at every write.
	scheme.AddKnownTypes(corev1.SchemeGroupVersion, &corev1.Secret{}, &corev1.SecretList{}, &corev1.ConfigMap{},
		&corev1.ConfigMapList{}, &corev1.Pod{}, &corev1.PodList{})
	// Workloads stay as they are written: a typed one comes back with more than was sent.
	workloads := modelKinds[3]
	scheme.AddKnownTypeWithName(workloads, &unstructured.Unstructured{})
	scheme.AddKnownTypeWithName(workloads.GroupVersion().WithKind("DeploymentList"), &unstructured.UnstructuredList{})
	scheme.AddKnownTypes(v1alpha1.GroupVersion, &v1alpha1.Delivery{}, &v1alpha1.DeliveryList{})
	for _, gv := range []schema.GroupVersion{corev1.SchemeGroupVersion, v1alpha1.GroupVersion} {
		metav1.AddToGroupVersion(scheme, gv)
	}
	mapper := meta.NewDefaultRESTMapper(nil)
	known := &modelKnowledge{scheme: scheme, mapper: mapper, kinds: modelDiscovery{&fakediscovery.FakeDiscovery{
		Fake: &clienttesting.Fake{}}}, fields: map[schema.GroupVersionKind]*managedfields.FieldManager{}}
	converter := applyconfigurations.NewTypeConverter(clientgoscheme.Scheme)
	for _, gvk := range modelKinds {
		mapper.Add(gvk, meta.RESTScopeNamespace)
		known.kinds.has(gvk)
		if gvk.Kind == "Pod" {
			continue // nobody applies them
		}
		fields, err := managedfields.NewDefaultFieldManager(converter, scheme, noDefaults{}, scheme, gvk,
			gvk.GroupVersion(), "", nil)
		if err != nil {
			return nil, err
		}
		known.fields[gvk] = fields
	}
	mapper.Add(v1alpha1.GroupVersion.WithKind("Delivery"), meta.RESTScopeNamespace)
	return known, nil
})

// noDefaults: an object stays as it is written.
type noDefaults struct{}

func (noDefaults) Default(runtime.Object) {}

// has serves one more kind.
func (d modelDiscovery) has(gvk schema.GroupVersionKind) {
	gv := gvk.GroupVersion().String()
	i := slices.IndexFunc(d.Resources, func(list *metav1.APIResourceList) bool { return list.GroupVersion == gv })
	if i < 0 {
		i, d.Resources = len(d.Resources), append(d.Resources, &metav1.APIResourceList{GroupVersion: gv})
	}
	plural, _ := meta.UnsafeGuessKindToResource(gvk)
	d.Resources[i].APIResources = append(d.Resources[i].APIResources, metav1.APIResource{
		Name: plural.Resource, Kind: gvk.Kind, Namespaced: true, Verbs: metav1.Verbs{"list", "delete", "get"}})
}

func newModelServer(t *testing.T) *modelServer {
	t.Helper()
	known, err := modelKnows()
	if err != nil {
		t.Fatal(err)
	}
	return newModelServerOn(known, newModelStore(known))
}

func newModelServerOn(known *modelKnowledge, raw client.WithWatch) *modelServer {
	s := &modelServer{ours: map[types.UID]bool{}, kinds: known.kinds, raw: raw}
	s.guarded = interceptor.NewClient(raw, interceptor.Funcs{Apply: s.apply, Delete: s.delete, Patch: s.patch})
	return s
}

// live reads an object past the controller; nil when it is not there.
func (s *modelServer) live(ctx context.Context, gvk schema.GroupVersionKind, key client.ObjectKey,
) (*unstructured.Unstructured, error) {
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(gvk)
	err := s.raw.Get(ctx, key, live)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return live, err
}

// newUID is not random, so that a history says the same twice.
func (s *modelServer) newUID() types.UID {
	s.uids++
	return types.UID(fmt.Sprintf("uid-%d", s.uids))
}

func (s *modelServer) apply(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration,
	options ...client.ApplyOption) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := precondition.Of(o)
	gvk, key := asked.Kind, asked.NamespacedName
	live, err := s.live(ctx, gvk, key)
	if err != nil {
		return err
	}
	if err := asked.Check(live); err != nil {
		return err
	}
	s.applies(gvk, live)
	if err := c.Apply(ctx, o, options...); err != nil {
		return err
	}
	was := live
	if live, err = s.live(ctx, gvk, key); err != nil {
		return err
	}
	if was != nil {
		// What was going may be gone by this write.
		if live != nil && was.GetLabels()[v1alpha1.OwnerLabel] != live.GetLabels()[v1alpha1.OwnerLabel] {
			s.taken(gvk, was)
		}
		return nil
	}
	live.SetUID(s.newUID())
	if err := s.raw.Update(ctx, live); err != nil {
		return err
	}
	s.ours[live.GetUID()] = true
	if secret, ok := o.(*corev1ac.SecretApplyConfiguration); ok {
		secret.WithUID(live.GetUID()).WithResourceVersion(live.GetResourceVersion())
		return nil
	}
	o.(client.Object).SetUID(live.GetUID())
	o.(client.Object).SetResourceVersion(live.GetResourceVersion())
	return nil
}

// patch is how the controller writes beside an apply; a dry run writes nothing.
func (s *modelServer) patch(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch,
	options ...client.PatchOption) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all client.PatchOptions
	all.ApplyOptions(options)
	gvk := o.GetObjectKind().GroupVersionKind()
	live, err := s.live(ctx, gvk, client.ObjectKeyFromObject(o))
	if err != nil {
		return err
	}
	if len(all.DryRun) > 0 {
		if sent, ok := o.(*unstructured.Unstructured); ok && live != nil {
			merge(live.Object, sent.Object)
			sent.Object = live.Object
		}
		return nil
	}
	s.applies(gvk, live)
	return c.Patch(ctx, o, p, options...)
}

// merge puts part into whole.
func merge(whole, part map[string]any) {
	for key, value := range part {
		inner, ok1 := value.(map[string]any)
		outer, ok2 := whole[key].(map[string]any)
		if ok1 && ok2 {
			merge(outer, inner)
			continue
		}
		whole[key] = value
	}
}

func (s *modelServer) delete(ctx context.Context, c client.WithWatch, o client.Object,
	options ...client.DeleteOption) error {
	gvk := o.GetObjectKind().GroupVersionKind()
	if _, ok := o.(*v1alpha1.Delivery); ok {
		return c.Delete(ctx, o, options...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	live, err := s.live(ctx, gvk, client.ObjectKeyFromObject(o))
	if err != nil {
		return err
	}
	if live == nil {
		return apierrors.NewNotFound(schema.GroupResource{Resource: gvk.Kind}, o.GetName())
	}
	var all client.DeleteOptions
	all.ApplyOptions(options)
	if p := all.Preconditions; p != nil && (p.UID != nil && *p.UID != live.GetUID() ||
		p.ResourceVersion != nil && *p.ResourceVersion != live.GetResourceVersion()) {
		return apierrors.NewConflict(schema.GroupResource{Resource: gvk.Kind}, o.GetName(), fmt.Errorf("it changed"))
	}
	s.deletes(gvk, live)
	if how := all.PropagationPolicy; how != nil && *how == metav1.DeletePropagationForeground {
		live.SetFinalizers(append(live.GetFinalizers(), metav1.FinalizerDeleteDependents))
		if err := s.raw.Update(ctx, live); err != nil {
			return err
		}
	}
	return s.raw.Delete(ctx, live)
}

// make puts an object there as somebody else does.
func (s *modelServer) make(ctx context.Context, o client.Object) error {
	o.SetUID(s.newUID())
	return s.raw.Create(ctx, o, client.FieldOwner("somebody"))
}
