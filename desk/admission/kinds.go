package admission

import (
	"reflect"
	"strings"
	"sync"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"

	"github.com/bulla-dev/bulla/api/closest"
)

// kinds are Kubernetes' own of the groups that applications are made of, each in
// the version that stays. client-go's scheme has all there are, for 14 MiB more of
// a program that developers download.
var kinds = sync.OnceValue(func() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		admissionregistrationv1.AddToScheme, appsv1.AddToScheme, autoscalingv1.AddToScheme, autoscalingv2.AddToScheme,
		batchv1.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme, rbacv1.AddToScheme,
		schedulingv1.AddToScheme, storagev1.AddToScheme,
	} {
		utilruntime.Must(add(scheme))
	}
	return scheme
})

// newOf returns an empty object of a kind, nil for kinds that are not known here.
// near is a kind that may have been meant.
func newOf(object map[string]any) (typed runtime.Object, near string) {
	gv, err := schema.ParseGroupVersion(text(object["apiVersion"]))
	if err != nil || !kinds().IsVersionRegistered(gv) {
		return nil, ""
	}
	kind := text(object["kind"])
	if typed, err = kinds().New(gv.WithKind(kind)); err == nil {
		return typed, ""
	}
	var names []string
	for name := range kinds().KnownTypes(gv) {
		names = append(names, name)
	}
	return nil, closest.Name(kind, names)
}

// nearField is a field that may have been meant by the last name of a path into a
// typed object.
func nearField(typed runtime.Object, path []string) string {
	at := reflect.TypeOf(typed)
	for _, name := range path[:len(path)-1] {
		if at = into(at, name); at == nil {
			return ""
		}
	}
	if at = bare(at); at.Kind() != reflect.Struct {
		return ""
	}
	var names []string
	for name := range fieldsOf(at) {
		names = append(names, name)
	}
	return closest.Name(path[len(path)-1], names)
}

// into is the type of what stands under a name, nil where there is none.
func into(t reflect.Type, name string) reflect.Type {
	switch t = bare(t); t.Kind() {
	case reflect.Slice, reflect.Map:
		return t.Elem()
	case reflect.Struct:
		return fieldsOf(t)[name]
	}
	return nil
}

func bare(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// fieldsOf are a struct's fields by the names that JSON has for them.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			fields[name] = f.Type
		}
	}
	return fields
}
