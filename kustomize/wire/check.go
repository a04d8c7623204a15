package wire

import (
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/workload"
)

// Check looks for every wire in what kustomize made, as JSON has it. A patch may have
// taken one out, or written over it; an overlay may have left the Secret out, or built
// the workload where the Secret is not. Then the stub says one thing and the cluster
// would run another.
func (w *Wiring) Check(objects []map[string]any) []*Problem {
	var problems []*Problem
	for number, one := range w.wires {
		if problem := one.check(number, objects); problem != nil {
			problems = append(problems, problem)
		}
	}
	return problems
}

func (w *wired) check(number int, objects []map[string]any) *Problem {
	var secrets, marked, alike []map[string]any
	for _, object := range objects {
		switch {
		case annotation(object, api.StubAnnotation) == w.stub.Digest:
			secrets = append(secrets, object)
		case slices.Contains(strings.Fields(annotation(object, Mark)), strconv.Itoa(number)):
			marked = append(marked, object)
		case object["kind"] == w.delivery.Workload.Kind:
			alike = append(alike, object)
		}
	}
	if len(secrets) == 0 {
		return w.problem(w.stub.Name, "Secret %s is taken out of this build, and %s is to read it; hint: take the entry "+
			"out with it, or keep the Secret",
			w.stub.Name, w.workload())
	}
	for _, object := range marked {
		if problem := w.in(object, secrets); problem != nil {
			return problem
		}
	}
	// Who replaces all annotations takes the mark along.
	if len(marked) > 0 || slices.ContainsFunc(alike, func(o map[string]any) bool { return w.in(o, secrets) == nil }) {
		return nil
	}
	return w.problem(w.delivery.Workload.Name, "%s is wired and not in what is built; hint: take the entry out where "+
		"the workload is taken out", w.workload())
}

// in looks for the wire in one object: in each container that has it, with the
// Secret as it is called there.
func (w *wired) in(object map[string]any, secrets []map[string]any) *Problem {
	var names []string
	for _, secret := range secrets {
		if Meet(textAt(object, "metadata", "namespace"), textAt(secret, "metadata", "namespace")) {
			names = append(names, textAt(secret, "metadata", "name"))
		}
	}
	if len(names) == 0 {
		return w.problem("", "%s is built in namespace %q, and Secret %s in another; hint: a pod reads Secrets of its own "+
			"namespace only",
			built(object), textAt(object, "metadata", "namespace"), w.stub.Name)
	}
	var last *Problem
	for _, name := range names {
		if last = w.reads(object, name); last == nil {
			return nil
		}
	}
	return last
}

func (w *wired) reads(object map[string]any, secret string) *Problem {
	found := false
	for _, t := range workload.Templates(object) {
		spec := mapAt(object, append(slices.Clone(t.Path), "spec")...)
		for _, list := range []string{"containers", "initContainers"} {
			for _, item := range listAt(spec, list) {
				c, _ := item.(map[string]any)
				if name, _ := c["name"].(string); !slices.Contains(w.containers, name) {
					continue
				}
				found = true
				if problem := w.holds(object, spec, c, secret); problem != nil {
					return problem
				}
			}
		}
	}
	if !found {
		return w.problem("containers", "%s has none of the wired containers any more (%s): something behind the wiring "+
			"takes them out",
			built(object), strings.Join(w.containers, ", "))
	}
	return nil
}

// holds compares one container with what was written.
func (w *wired) holds(object, spec, c map[string]any, secret string) *Problem {
	switch {
	case w.delivery.Volume != nil:
		if !sole(listAt(spec, "volumes"), "name", w.volume, w.volumeOf(secret)) {
			return w.changed(object, c, w.volume, "volume "+w.volume, secret)
		}
		folder := w.delivery.Volume.MountPath
		if !sole(listAt(c, "volumeMounts"), "mountPath", folder, w.mountOf()) {
			return w.changed(object, c, folder, "the mount at "+folder, secret)
		}
		for _, mount := range listAt(c, "volumeMounts") {
			if other := path.Clean(textAt(mount, "mountPath")); other != folder && (api.Within(other,
				folder) || api.Within(folder, other)) {
				return w.problem(other, "container %q of %s gets a mount at %s too, and one of the two is inside of the other; "+
					"hint: choose another mountPath",
					c["name"], built(object), other)
			}
		}
	case w.delivery.Env.Keys != nil:
		for _, variable := range w.envOf(secret) {
			name := textAt(variable, "name")
			if !sole(listAt(c, "env"), "name", name, variable) {
				return w.changed(object, c, name, "variable "+name, secret)
			}
		}
	default:
		return w.holdsAll(object, c, secret)
	}
	return nil
}

func (w *wired) holdsAll(object, c map[string]any, secret string) *Problem {
	want := plain(w.fromOf(secret))
	if !slices.ContainsFunc(listAt(c, "envFrom"), func(from any) bool { return reflect.DeepEqual(from, want) }) {
		return w.changed(object, c, "envFrom", "envFrom", secret)
	}
	names := w.names()
	for _, variable := range listAt(c, "env") {
		for _, name := range names {
			if textAt(variable, "name") == name {
				return w.changed(object, c, name, "variable "+name, secret)
			}
		}
	}
	return nil
}

func (w *wired) changed(object, c map[string]any, word, what, secret string) *Problem {
	return w.problem(word, "%s of container %q of %s is not what this entry wires to Secret %s: something behind it "+
		"changes, adds or removes it; "+
		"hint: change it in the stub (bulla deliver), or add to the list instead of replacing it", what, c["name"],
		built(object), secret)
}

// sole reports whether one item alone has that value under a key, and is what is
// wanted.
func sole(list []any, key, value string, want any) bool {
	var found []any
	for _, item := range list {
		if textAt(item, key) == value {
			found = append(found, item)
		}
	}
	return len(found) == 1 && reflect.DeepEqual(found[0], plain(want))
}
