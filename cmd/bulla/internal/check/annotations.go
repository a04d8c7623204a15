package check

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/kustomize"
)

// annotationValues are the annotations of objects in Git that the controller
// obeys, with what it takes. A value that it does not know would be obeyed by
// nobody, and seen by nobody until it is needed.
var annotationValues = map[string][]string{
	v1alpha1.PruneAnnotation:    {"disabled", v1alpha1.PruneForce, "enabled"},
	v1alpha1.ForceAnnotation:    {"enabled", "disabled"},
	v1alpha1.TakeOverAnnotation: {"true", "false"},
}

// neverReplaced would take the objects of others along.
var neverReplaced = []string{"Namespace", "CustomResourceDefinition.apiextensions.k8s.io"}

// annotations checks what an object says to the controller.
func (c objects) annotations(build *kustomize.Build, o kustomize.Object) {
	said := o.GetAnnotations()
	for _, key := range slices.Sorted(maps.Keys(said)) {
		if problem := annotationProblem(o, key, said[key]); problem != "" {
			file, line := c.spells(build, o, key)
			c.add(Finding{Note: v1alpha1.FluxOnly(key), File: file, Line: line, Field: "annotation " + key,
				Problem: describe(o.ID()) + ": " + problem})
		}
	}
}

// spells names the file that has the annotation: the stub, the one file of the
// build that spells it, or nobody's but the placement's.
func (c objects) spells(build *kustomize.Build, o kustomize.Object, key string) (file string, line int) {
	if o.Stub != nil {
		return o.Stub.Path, 0
	}
	for _, name := range build.Files {
		data, err := c.tree.ReadFile(name)
		at := bytes.Index(data, []byte(key))
		if err != nil || at < 0 {
			continue
		}
		if file != "" {
			return c.placementFile(build.Placement), 0
		}
		file, line = name, 1+bytes.Count(data[:at], []byte("\n"))
	}
	if file == "" {
		return c.placementFile(build.Placement), 0
	}
	return file, line
}

func annotationProblem(o kustomize.Object, key, value string) string {
	values, known := annotationValues[key]
	switch {
	case v1alpha1.FluxOnly(key):
		return "Flux reads it, bulla does not"
	case !strings.HasPrefix(key, api.Group+"/") || key == api.StubAnnotation:
		return ""
	case !known:
		return fmt.Sprintf("nothing reads it; there are %s", strings.Join(slices.Sorted(maps.Keys(annotationValues)), ", "))
	case !slices.Contains(values, value):
		return fmt.Sprintf("%q is none of %s", value, strings.Join(values, ", "))
	case key == v1alpha1.ForceAnnotation && value == "enabled" &&
		slices.Contains(neverReplaced, o.GroupVersionKind().GroupKind().String()):
		return "it is never replaced: what others have in it would go with it"
	}
	return ""
}
