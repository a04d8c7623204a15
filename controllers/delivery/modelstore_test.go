package delivery

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

// modelStore keeps the objects of histories as controller-runtime's fake client does, for
// a fraction of its price: what is stored is never changed, and each form of it that
// somebody reads is made once. [TestTheStoreAnswersAsTheFakeClientDoes] holds the two
// against each other. What the histories do not ask for is not here, and panics.
type modelStore struct {
	client.WithWatch
	*modelKnowledge
	mu      sync.RWMutex
	objects map[schema.GroupVersionKind]map[client.ObjectKey]*stored
}

func newModelStore(known *modelKnowledge) *modelStore {
	return &modelStore{modelKnowledge: known, objects: map[schema.GroupVersionKind]map[client.ObjectKey]*stored{}}
}

func (s *modelStore) Scheme() *runtime.Scheme     { return s.scheme }
func (s *modelStore) RESTMapper() meta.RESTMapper { return s.mapper }

func (s *modelStore) GroupVersionKindFor(o runtime.Object) (schema.GroupVersionKind, error) {
	return apiutil.GVKForObject(o, s.scheme)
}

func (s *modelStore) IsObjectNamespaced(o runtime.Object) (bool, error) {
	return apiutil.IsObjectNamespaced(o, s.scheme, s.mapper)
}

// stored is one version of an object, and its forms.
type stored struct {
	object client.Object
	loose  func() map[string]any
	meta   func() *metav1.PartialObjectMetadata
	text   func() []byte
}

func keep(o client.Object) *stored {
	gvk := o.GetObjectKind().GroupVersionKind()
	return &stored{
		object: o,
		loose: sync.OnceValue(func() map[string]any {
			if u, ok := o.(*unstructured.Unstructured); ok {
				return u.Object
			}
			whole, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
			if err != nil {
				panic(err)
			}
			return whole
		}),
		meta: sync.OnceValue(func() *metav1.PartialObjectMetadata {
			m := meta.AsPartialObjectMetadata(o)
			m.SetGroupVersionKind(gvk)
			return m
		}),
		text: sync.OnceValue(func() []byte {
			text, err := json.Marshal(o)
			if err != nil {
				panic(err)
			}
			return text
		}),
	}
}

// into gives the object in the form that is asked for. A typed one says not what it is,
// as with a real client.
func (s *stored) into(o client.Object) {
	switch o := o.(type) {
	case *unstructured.Unstructured:
		o.Object = runtime.DeepCopyJSON(s.loose())
	case *metav1.PartialObjectMetadata:
		*o = metav1.PartialObjectMetadata{}
		s.meta().DeepCopyInto(o)
	default:
		reflect.ValueOf(o).Elem().Set(reflect.ValueOf(s.object.DeepCopyObject()).Elem())
		o.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	}
}

func (s *modelStore) Get(_ context.Context, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	gvk, err := s.GroupVersionKindFor(o)
	if err != nil {
		return err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	live, err := s.find(gvk, key)
	if err != nil {
		return err
	}
	live.into(o)
	return nil
}

func (s *modelStore) find(gvk schema.GroupVersionKind, key client.ObjectKey) (*stored, error) {
	if live := s.objects[gvk][key]; live != nil {
		return live, nil
	}
	return nil, apierrors.NewNotFound(resourceOf(gvk), key.Name)
}

func resourceOf(gvk schema.GroupVersionKind) schema.GroupResource {
	plural, _ := meta.UnsafeGuessKindToResource(gvk)
	return plural.GroupResource()
}

func (s *modelStore) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	gvk, err := s.GroupVersionKindFor(list)
	if err != nil {
		return err
	}
	gvk.Kind = strings.TrimSuffix(gvk.Kind, "List")
	var all client.ListOptions
	all.ApplyOptions(options)
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := s.matching(gvk, &all)
	switch list := list.(type) {
	case *unstructured.UnstructuredList:
		list.Items = items[unstructured.Unstructured](found)
	case *metav1.PartialObjectMetadataList:
		list.Items = items[metav1.PartialObjectMetadata](found)
	case *v1alpha1.DeliveryList:
		list.Items = items[v1alpha1.Delivery](found)
	default:
		return fmt.Errorf("a list of %T is not in the model", list)
	}
	return nil
}

// matching is in the order of names: the dice of a history choose by place.
func (s *modelStore) matching(gvk schema.GroupVersionKind, all *client.ListOptions) []*stored {
	var found []*stored
	for key, live := range s.objects[gvk] {
		if (all.Namespace == "" || all.Namespace == key.Namespace) &&
			(all.LabelSelector == nil || all.LabelSelector.Matches(labels.Set(live.object.GetLabels()))) {
			found = append(found, live)
		}
	}
	slices.SortFunc(found, func(a, b *stored) int {
		return cmp.Or(strings.Compare(a.object.GetNamespace(), b.object.GetNamespace()),
			strings.Compare(a.object.GetName(), b.object.GetName()))
	})
	return found
}

func items[T any, P interface {
	*T
	client.Object
}](found []*stored) []T {
	all := make([]T, len(found))
	for i, one := range found {
		one.into(P(&all[i]))
	}
	return all
}

func (s *modelStore) Create(_ context.Context, o client.Object, options ...client.CreateOption) error {
	var all client.CreateOptions
	all.ApplyOptions(options)
	gvk, err := s.GroupVersionKindFor(o)
	if err != nil {
		return err
	}
	if o.GetResourceVersion() != "" {
		return apierrors.NewBadRequest("resourceVersion can not be set for Create requests")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.objects[gvk][client.ObjectKeyFromObject(o)] != nil {
		return apierrors.NewAlreadyExists(resourceOf(gvk), o.GetName())
	}
	next, err := s.own(gvk, o)
	if err != nil {
		return err
	}
	next.SetDeletionTimestamp(nil)
	next.SetResourceVersion(firstVersion)
	o.SetResourceVersion(firstVersion)
	return s.put(gvk, nil, next, all.FieldManager)
}

func (s *modelStore) Delete(_ context.Context, o client.Object, options ...client.DeleteOption) error {
	var all client.DeleteOptions
	all.ApplyOptions(options)
	gvk, live, unlock, err := s.hold(o)
	if err != nil {
		return err
	}
	defer unlock()
	if p := all.Preconditions; p != nil && (p.UID != nil && *p.UID != live.object.GetUID() ||
		p.ResourceVersion != nil && *p.ResourceVersion != live.object.GetResourceVersion()) {
		return apierrors.NewConflict(resourceOf(gvk), o.GetName(), errors.New("it is another, or another version"))
	}
	if len(live.object.GetFinalizers()) == 0 {
		delete(s.objects[gvk], client.ObjectKeyFromObject(o))
		return nil
	}
	next := live.object.DeepCopyObject().(client.Object)
	now := metav1.Now().Rfc3339Copy()
	next.SetDeletionTimestamp(&now)
	next.SetResourceVersion(after(live))
	return s.put(gvk, live, next, "")
}
