// Package substitute puts a cluster's values where built objects say ${NAME}.
//
// It comes after the build, so that a build is shared by all clusters of a variant,
// and changes texts alone: which objects there are, what they are called and which
// stubs stand for them are the same on every cluster that shares the build. So what
// may be opened where never hangs on a value, and the key service needs none.
package substitute

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/built"
)

// maxGrown is the greatest sum of what values add to one build, in bytes: one of a
// few characters may stand in a text as often as it fits there.
const maxGrown = 16 << 20

// Values are what names stand for in a placement on one cluster.
type Values struct {
	values map[string]string
	// whose says where each name is given, for errors.
	given   string
	cluster string
}

// Of are the values of a placement on a cluster; nil where it substitutes nothing.
// What the variant and the placement say goes before the cluster's own values, and
// those before its labels: who reviews the placement sees what is settled there.
func Of(p *api.Placement, c *api.Cluster) *Values {
	if !p.Substitutes() || c == nil {
		return nil
	}
	v := &Values{values: map[string]string{}, cluster: c.Metadata.Name}
	for name, value := range c.Metadata.Labels {
		if api.IsSubstituteName(name) {
			v.values[name] = value
		}
	}
	maps.Copy(v.values, c.Spec.Values)
	maps.Copy(v.values, p.Spec.Substitute)
	v.given = p.Title()
	return v
}

// Key is equal for equal values.
func (v *Values) Key() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(v.values)) {
		fmt.Fprintf(&b, "%s %q\n", name, v.values[name])
	}
	return b.String()
}

// Into gives the objects with the values in them. Those that change are copies; if
// none does, changed is false. The error joins a [built.Refused] for each object.
func (v *Values) Into(objects []built.Object) (out []built.Object, changed bool, refused []*built.Refused) {
	out = slices.Clone(objects)
	grown := 0
	for i, o := range objects {
		if left(o) || !mentions(o.Object) {
			continue
		}
		w := &walk{values: v, sealed: o.Stub != nil, grown: &grown}
		object, _ := w.value(o.Object, nil).(map[string]any)
		switch {
		case grown > maxGrown:
			w.problem = fmt.Sprintf("values add more than %d MiB to the build", maxGrown>>20)
			fallthrough
		case w.problem != "":
			refused = append(refused, &built.Refused{ID: o.ID(), Problem: w.problem, Key: w.key})
			continue
		}
		copied := *o.Unstructured
		copied.Object = object
		out[i], changed = built.Object{Unstructured: &copied, Stub: o.Stub}, true
	}
	return out, changed, refused
}

// left: a CustomResourceDefinition describes what others may write, ${NAME} among it,
// and says what its kind is called.
func left(o built.Object) bool {
	return o.GroupVersionKind().GroupKind().String() == "CustomResourceDefinition.apiextensions.k8s.io"
}

// mentions says whether there is anything to do, so that what is not changed is not
// copied.
func mentions(value any) bool {
	switch value := value.(type) {
	case map[string]any:
		for key, item := range value {
			if strings.Contains(key, "${") || mentions(item) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(value, mentions)
	case string:
		return strings.Contains(value, "${")
	}
	return false
}
