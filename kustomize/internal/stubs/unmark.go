package stubs

import (
	"fmt"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/blame"
	"github.com/bulla-dev/bulla/kustomize/built"
)

// Unmark takes the mark and the places off a built object and returns the stub
// that it was built from. An object that is not exactly what became of one stub,
// with every sealed value in its place and nowhere else, is refused: applied as
// it is, it would take the live values away, or show where they went.
func (l *Ledger) Unmark(u *unstructured.Unstructured, who blame.Suspects) (*built.Stub, error) {
	annotations := u.GetAnnotations()
	digest, marked := annotations[api.StubAnnotation]
	found := l.places.find(u.Object)
	if !marked && len(found) == 0 {
		return nil, nil
	}
	stub, known := l.stubs[digest]
	o := outcome{u, who}
	switch {
	case marked && !known:
		return nil, &built.Refused{ID: built.ObjectIDOf(u),
			Problem: fmt.Sprintf("annotation %s names no stub of this build", api.StubAnnotation)}
	case !marked:
		return nil, o.unmarked(found)
	case len(found) == 0 && !stub.IsOf(u.Object):
		return nil, &built.Refused{ID: built.ObjectIDOf(u),
			Problem: fmt.Sprintf("annotation %s is bulla's own", api.StubAnnotation)}
	}
	if err := o.whole(stub, found); err != nil {
		return nil, err
	}
	l.built[digest]++
	delete(annotations, api.StubAnnotation)
	if len(annotations) == 0 {
		annotations = nil
	}
	u.SetAnnotations(annotations)
	for _, pointer := range stub.Fields() {
		unstructured.RemoveNestedField(u.Object, "data", built.DataKey(pointer))
	}
	if built.IsEmpty(u.Object["data"]) && !stub.SaysData() {
		delete(u.Object, "data")
	}
	return stub, nil
}

// outcome is one built object, and the files that may have spoiled it.
type outcome struct {
	*unstructured.Unstructured
	who blame.Suspects
}

// unmarked refuses an object that holds places and has lost its mark, or that
// was given another object's.
func (o outcome) unmarked(found []trace) error {
	for _, t := range found {
		if !t.home() || !t.stub.IsOf(o.Object) {
			return o.copied(t)
		}
	}
	stub := found[0].stub
	return o.spoiled(stub, fmt.Sprintf("the annotation by which bulla knows stub %s is gone: "+
		"something replaces or removes all annotations; hint: add annotations one by one "+
		"(op: add, path: /metadata/annotations/NAME; or a patch with annotations: {NAME: value})", stub.Path))
}

// whole checks that every sealed value of a stub is in its place, and that no
// other is in this object.
func (o outcome) whole(stub *built.Stub, found []trace) error {
	home := map[string]bool{}
	for _, t := range found {
		if t.stub != stub || !t.home() {
			return o.copied(t)
		}
		home[t.pointer] = true
	}
	for _, pointer := range stub.Fields() {
		if !home[pointer] {
			return o.spoiled(stub, fmt.Sprintf("sealed value %s of stub %s is removed or overwritten; "+
				"hint: what a stub seals is changed with bulla seal, not with a patch or a generator", pointer, stub.Path))
		}
	}
	return nil
}

func (o outcome) copied(t trace) error {
	what, name := "a part of a sealed value", "the Secret"
	if t.stub != nil {
		what = fmt.Sprintf("sealed value %s of stub %s", t.pointer, t.stub.Path)
		name = "Secret " + t.stub.Manifest.Metadata.Name
	}
	problem := fmt.Sprintf("%s is copied or moved to %s: it is opened in the cluster only, in its own Secret; "+
		"hint: let the workload read %s (envFrom, secretKeyRef or a volume)", what, t.at(), name)
	return o.spoiled(t.stub, problem)
}

// spoiled is about an object that came of a stub: the kustomization did it.
func (o outcome) spoiled(stub *built.Stub, problem string) error {
	file, others := o.who.Culprits(stub)
	id := built.ObjectIDOf(o.Unstructured)
	id.Name = hashSuffix.ReplaceAllString(id.Name, "")
	return &built.Refused{ID: id, Problem: problem + alsoBy(others), File: file}
}

// alsoBy names the kustomizations that may have done it.
func alsoBy(files []string) string {
	if len(files) == 0 {
		return ""
	}
	return "; the build has " + strings.Join(files, ", ")
}

// hashSuffix is what kustomize appends to generated names: of an object that
// holds a place it is another one each time.
var hashSuffix = regexp.MustCompile(`-[24-9bcdfghkmt]{10}$`)
