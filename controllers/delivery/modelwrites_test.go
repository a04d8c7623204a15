package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"

	jsonpatch "github.com/evanphx/json-patch/v5"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

// firstVersion is the resource version of an object that was just made. Each write counts
// one further, as the fake client counts.
const firstVersion = "1"

func after(live *stored) string {
	n, err := strconv.ParseUint(live.object.GetResourceVersion(), 10, 64)
	if err != nil {
		panic(err)
	}
	return strconv.FormatUint(n+1, 10)
}

// own is a copy of an object in the form in which its kind is stored.
func (s *modelStore) own(gvk schema.GroupVersionKind, o client.Object) (client.Object, error) {
	next, err := s.empty(gvk)
	if err != nil {
		return nil, err
	}
	given, loose := o.(*unstructured.Unstructured)
	if _, stays := next.(*unstructured.Unstructured); !loose || stays {
		next = o.DeepCopyObject().(client.Object)
	} else if err := runtime.DefaultUnstructuredConverter.FromUnstructured(given.Object, next); err != nil {
		return nil, err
	}
	next.GetObjectKind().SetGroupVersionKind(gvk)
	return next, nil
}

func (s *modelStore) empty(gvk schema.GroupVersionKind) (client.Object, error) {
	o, err := s.scheme.New(gvk)
	if err != nil {
		return nil, err
	}
	o.GetObjectKind().SetGroupVersionKind(gvk)
	return o.(client.Object), nil
}

// put stores next, after live or as the first, with the fields that its writer has now.
// The fields of Deliveries and of pods are of no interest to anybody.
func (s *modelStore) put(gvk schema.GroupVersionKind, live *stored, next client.Object, manager string) error {
	if fields := s.fields[gvk]; fields != nil {
		before, err := s.empty(gvk)
		if err != nil {
			return err
		}
		if live != nil {
			before = live.object.DeepCopyObject().(client.Object)
		}
		managed, err := fields.Update(before, next, manager)
		if err != nil {
			return err
		}
		if next, err = s.own(gvk, managed.(client.Object)); err != nil {
			return err
		}
	}
	s.set(gvk, next)
	return nil
}

func (s *modelStore) set(gvk schema.GroupVersionKind, o client.Object) {
	if s.objects[gvk] == nil {
		s.objects[gvk] = map[client.ObjectKey]*stored{}
	}
	s.objects[gvk][client.ObjectKeyFromObject(o)] = keep(o)
}

// replace puts next in the place of live, which next must be a version of: a version that
// somebody wrote over is refused. What goes and is held by nobody any more is gone.
func (s *modelStore) replace(gvk schema.GroupVersionKind, live *stored, next client.Object, manager string) error {
	if next.GetResourceVersion() != live.object.GetResourceVersion() {
		return apierrors.NewConflict(resourceOf(gvk), next.GetName(), errors.New("object was modified"))
	}
	if (next.GetDeletionTimestamp() == nil) != (live.object.GetDeletionTimestamp() == nil) {
		return fmt.Errorf("error: Unable to edit %s: metadata.deletionTimestamp field is immutable", next.GetName())
	}
	next.SetResourceVersion(after(live))
	if next.GetDeletionTimestamp() != nil && len(next.GetFinalizers()) == 0 {
		delete(s.objects[gvk], client.ObjectKeyFromObject(next))
		return nil
	}
	return s.put(gvk, live, next, manager)
}

// part is what one writer of a Delivery may change: its status, or all but that.
func part(was, next client.Object, status bool) {
	before, ok := was.(*v1alpha1.Delivery)
	if !ok {
		return
	}
	d := next.(*v1alpha1.Delivery)
	if !status {
		before.Status.DeepCopyInto(&d.Status)
		return
	}
	written, version := d.Status, d.ResourceVersion
	before.DeepCopyInto(d)
	d.Status, d.ResourceVersion = written, version
}

// hold gives what lives, of which nobody else writes until unlock.
func (s *modelStore) hold(o client.Object) (gvk schema.GroupVersionKind, live *stored, unlock func(), err error) {
	if gvk, err = s.GroupVersionKindFor(o); err != nil {
		return gvk, nil, nil, err
	}
	s.mu.Lock()
	if live, err = s.find(gvk, client.ObjectKeyFromObject(o)); err != nil {
		s.mu.Unlock()
		return gvk, nil, nil, err
	}
	return gvk, live, s.mu.Unlock, nil
}

func (s *modelStore) Update(_ context.Context, o client.Object, options ...client.UpdateOption) error {
	var all client.UpdateOptions
	all.ApplyOptions(options)
	gvk, live, unlock, err := s.hold(o)
	if err != nil {
		return err
	}
	defer unlock()
	next, err := s.own(gvk, o)
	if err != nil {
		return err
	}
	if next.GetManagedFields() == nil {
		next.SetManagedFields(live.object.GetManagedFields())
	}
	part(live.object, next, false)
	if err := s.replace(gvk, live, next, all.FieldManager); err != nil {
		return err
	}
	o.SetResourceVersion(after(live))
	return nil
}

func (s *modelStore) Patch(_ context.Context, o client.Object, p client.Patch, options ...client.PatchOption) error {
	var all client.PatchOptions
	all.ApplyOptions(options)
	return s.patch(o, p, all.FieldManager, false)
}

func (s *modelStore) patch(o client.Object, p client.Patch, manager string, status bool) error {
	gvk, live, unlock, err := s.hold(o)
	if err != nil {
		return err
	}
	defer unlock()
	data, err := p.Data(o)
	if err != nil {
		return err
	}
	next, err := written(live, o, data, status)
	if next == nil && err == nil {
		next, err = s.patched(gvk, live, data, p.Type())
	}
	if err != nil {
		return err
	}
	part(live.object, next, status)
	if err := s.replace(gvk, live, next, manager); err != nil {
		return err
	}
	if live, err = s.find(gvk, client.ObjectKeyFromObject(o)); err != nil {
		return err
	}
	live.into(o)
	return nil
}

// patched is what a patch makes of live.
func (s *modelStore) patched(gvk schema.GroupVersionKind, live *stored, data []byte, how types.PatchType,
) (client.Object, error) {
	next, err := s.empty(gvk)
	if err != nil {
		return nil, err
	}
	text := live.text()
	switch how {
	case types.MergePatchType:
		text, err = jsonpatch.MergePatch(text, data)
	case types.JSONPatchType:
		var patch jsonpatch.Patch
		if patch, err = jsonpatch.DecodePatch(data); err == nil {
			text, err = patch.Apply(text)
		}
	default:
		return nil, fmt.Errorf("a patch of the type %s is not in the model", how)
	}
	if err != nil {
		return nil, err
	}
	return next, json.Unmarshal(text, next)
}

// written is the short way for a Delivery's status. A patch that names the version which
// stands was made of that version, and gives what its writer holds; nil for another one.
func written(live *stored, o client.Object, data []byte, status bool) (client.Object, error) {
	d, ok := o.(*v1alpha1.Delivery)
	var asks metav1.PartialObjectMetadata
	if !ok || !status || json.Unmarshal(data, &asks) != nil || asks.ResourceVersion != live.object.GetResourceVersion() {
		return nil, nil
	}
	text, err := json.Marshal(d.Status)
	if err != nil {
		return nil, err
	}
	next := live.object.DeepCopyObject().(*v1alpha1.Delivery)
	next.Status = v1alpha1.DeliveryStatus{}
	return next, json.Unmarshal(text, &next.Status)
}

// Apply is server-side apply, by Kubernetes' own library.
func (s *modelStore) Apply(_ context.Context, o runtime.ApplyConfiguration, options ...client.ApplyOption) error {
	var all client.ApplyOptions
	all.ApplyOptions(options)
	sent, err := looseOf(o)
	if err != nil {
		return err
	}
	gvk, key := sent.GroupVersionKind(), client.ObjectKeyFromObject(sent)
	s.mu.Lock()
	defer s.mu.Unlock()
	live, _ := s.find(gvk, key)
	before, err := s.empty(gvk)
	if err != nil {
		return err
	}
	sent.SetResourceVersion(firstVersion)
	if live != nil {
		before = live.object.DeepCopyObject().(client.Object)
		sent.SetResourceVersion(after(live))
	}
	made, err := s.fields[gvk].Apply(before, sent, all.FieldManager, all.Force != nil && *all.Force)
	if err != nil {
		return err
	}
	next, err := s.own(gvk, made.(client.Object))
	if err != nil {
		return err
	}
	s.set(gvk, next)
	stands := &unstructured.Unstructured{}
	s.objects[gvk][key].into(stands)
	return answer(o, stands)
}

// looseOf is a copy of what an apply sends.
func looseOf(o runtime.ApplyConfiguration) (*unstructured.Unstructured, error) {
	if u, ok := o.(interface{ UnstructuredContent() map[string]any }); ok {
		return &unstructured.Unstructured{Object: runtime.DeepCopyJSON(u.UnstructuredContent())}, nil
	}
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	u := &unstructured.Unstructured{}
	return u, u.UnmarshalJSON(text)
}

// answer is what stands after an apply, in the form in which it was sent.
func answer(o runtime.ApplyConfiguration, stands *unstructured.Unstructured) error {
	if u, ok := o.(interface{ SetUnstructuredContent(map[string]any) }); ok {
		u.SetUnstructuredContent(stands.Object)
		return nil
	}
	text, err := stands.MarshalJSON()
	if err != nil {
		return err
	}
	reflect.ValueOf(o).Elem().SetZero()
	return json.Unmarshal(text, o)
}

func (s *modelStore) Status() client.SubResourceWriter { return s.SubResource("status") }

func (s *modelStore) SubResource(name string) client.SubResourceClient {
	if name != "status" {
		panic("the model has no " + name)
	}
	return modelStatus{store: s}
}

// modelStatus writes a status alone.
type modelStatus struct {
	client.SubResourceClient
	store *modelStore
}

func (s modelStatus) Patch(_ context.Context, o client.Object, p client.Patch,
	options ...client.SubResourcePatchOption) error {
	var all client.SubResourcePatchOptions
	all.ApplyOptions(options)
	return s.store.patch(o, p, all.FieldManager, true)
}
