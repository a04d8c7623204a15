package checkcmd

import (
	"context"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/charts"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/kube"
	"github.com/bulla-dev/bulla/desk/naming"
)

var definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1",
	Resource: "customresourcedefinitions"}

// definitions holds those of the cluster to those of this bulla, and says whether it is
// worth to look on. Helm installs a chart's definitions once, and an upgrade that leaves
// them as they were has the API server drop the fields that are new.
func (a *run) definitions(ctx context.Context, cluster *kube.Cluster, named bool) bool {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	wanted, err := charts.CRDs()
	if err != nil {
		a.is(Failed, "definitions", err)
		return false
	}
	var missing, older []string
	for _, want := range wanted {
		have, err := cluster.Dynamic().Resource(definitions).Get(ctx, want.GetName(), metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			missing = append(missing, want.GetName())
		case apierrors.IsForbidden(err):
			a.notAsked("definitions", "ask for the right to get customresourcedefinitions", "%v", err)
			return true
		case err != nil:
			a.is(Failed, "definitions", fault.New("can `kubectl` reach the cluster?", "read %s: %w", want.GetName(), err))
			return false
		default:
			older = append(older, lacking(want, have)...)
		}
	}
	switch {
	case len(missing) == len(wanted) && !named:
		a.notAsked("definitions", "--context names the cluster that is meant", "%s has no bulla", cluster.Where)
		return false
	case len(missing) > 0:
		a.failed("definitions", "helm install or upgrade the chart bulla-controller", "%s has no %s", cluster.Where,
			strings.Join(missing, ", "))
		return false
	case len(older) > 0:
		a.failed("definitions", "helm upgrade the chart bulla-controller, with crds.install",
			"they are older than this bulla, and lack %s", naming.Some(older))
	default:
		a.ok("definitions", "%s, as this bulla has them", plural.Of(len(wanted), "kind"))
	}
	return true
}

// lacking are the fields that the cluster's definition does not have.
func lacking(want, have *unstructured.Unstructured) (fields []string) {
	for _, version := range versionsOf(want) {
		name, _, _ := unstructured.NestedString(version, "name")
		i := slices.IndexFunc(versionsOf(have), func(v map[string]any) bool { return v["name"] == name })
		if i < 0 {
			return []string{want.GetName() + " " + name}
		}
		theirs, _, _ := unstructured.NestedMap(versionsOf(have)[i], "schema", "openAPIV3Schema")
		ours, _, _ := unstructured.NestedMap(version, "schema", "openAPIV3Schema")
		kind, _, _ := unstructured.NestedString(want.Object, "spec", "names", "kind")
		fields = append(fields, lackingIn(kind, ours, theirs)...)
	}
	slices.Sort(fields)
	return fields
}

func versionsOf(crd *unstructured.Unstructured) (versions []map[string]any) {
	all, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	for _, one := range all {
		if version, ok := one.(map[string]any); ok {
			versions = append(versions, version)
		}
	}
	return versions
}

func lackingIn(at string, ours, theirs map[string]any) (fields []string) {
	properties, _ := ours["properties"].(map[string]any)
	have, _ := theirs["properties"].(map[string]any)
	for name, property := range properties {
		want, _ := property.(map[string]any)
		has, ok := have[name].(map[string]any)
		if !ok {
			fields = append(fields, at+"."+name)
			continue
		}
		fields = append(fields, lackingIn(at+"."+name, want, has)...)
	}
	for _, inside := range []string{"items", "additionalProperties"} {
		want, ok := ours[inside].(map[string]any)
		has, _ := theirs[inside].(map[string]any)
		if ok {
			fields = append(fields, lackingIn(at, want, has)...)
		}
	}
	return fields
}
