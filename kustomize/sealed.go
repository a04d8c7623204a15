package kustomize

import (
	"fmt"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/internal/worker"
)

func dataKey(pointer string) string { return strings.TrimPrefix(pointer, "/data/") }

// unmark takes the mark and the places off a built object and returns the stub
// that it was built from. An object that is not exactly what became of one stub,
// with every sealed value in its place and nowhere else, is refused: applied as
// it is, it would take the live values away, or show where they went.
func (v *view) unmark(u *unstructured.Unstructured) (*Stub, error) {
	annotations := u.GetAnnotations()
	digest, marked := annotations[api.StubAnnotation]
	found := v.places.find(u.Object)
	if !marked && len(found) == 0 {
		return nil, nil
	}
	stub, known := v.stubs[digest]
	switch {
	case marked && !known:
		return nil, &objectError{id: ObjectIDOf(u), problem: fmt.Sprintf("annotation %s names no stub of this build", api.StubAnnotation)}
	case !marked:
		return nil, v.unmarked(u, found)
	case len(found) == 0 && !stub.sameKind(u.Object):
		return nil, &objectError{id: ObjectIDOf(u), problem: fmt.Sprintf("annotation %s is bulla's own", api.StubAnnotation)}
	}
	if err := v.whole(u, stub, found); err != nil {
		return nil, err
	}
	v.built[digest]++
	delete(annotations, api.StubAnnotation)
	if len(annotations) == 0 {
		annotations = nil
	}
	u.SetAnnotations(annotations)
	for _, pointer := range sealedFields(stub.Manifest) {
		unstructured.RemoveNestedField(u.Object, "data", dataKey(pointer))
	}
	if isEmpty(u.Object["data"]) && !stub.saysData() {
		delete(u.Object, "data")
	}
	return stub, nil
}

func (s *Stub) sameKind(object map[string]any) bool {
	template, err := s.template()
	return err == nil && object["apiVersion"] == template["apiVersion"] && object["kind"] == template["kind"]
}

// saysData: a template with "data: {}" is built with it.
func (s *Stub) saysData() bool {
	template, err := s.template()
	_, ok := template["data"]
	return err == nil && ok
}

// unmarked refuses an object that holds places and has lost its mark, or that
// was given another object's.
func (v *view) unmarked(u *unstructured.Unstructured, found []trace) error {
	for _, t := range found {
		if !t.home() || !t.stub.sameKind(u.Object) {
			return v.copied(u, t)
		}
	}
	stub := found[0].stub
	return v.spoiled(u, stub, fmt.Sprintf("the annotation by which bulla knows stub %s is gone: something replaces or removes all annotations; "+
		"hint: add annotations one by one (op: add, path: /metadata/annotations/NAME; or a patch with annotations: {NAME: value})", stub.Path))
}

// whole checks that every sealed value of a stub is in its place, and that no
// other is in this object.
func (v *view) whole(u *unstructured.Unstructured, stub *Stub, found []trace) error {
	home := map[string]bool{}
	for _, t := range found {
		if t.stub != stub || !t.home() {
			return v.copied(u, t)
		}
		home[t.pointer] = true
	}
	for _, pointer := range sealedFields(stub.Manifest) {
		if !home[pointer] {
			return v.spoiled(u, stub, fmt.Sprintf("sealed value %s of stub %s is removed or overwritten; "+
				"hint: what a stub seals is changed with bulla seal, not with a patch or a generator", pointer, stub.Path))
		}
	}
	return nil
}

func (v *view) copied(u *unstructured.Unstructured, t trace) error {
	what, name := "a part of a sealed value", "the Secret"
	if t.stub != nil {
		what, name = fmt.Sprintf("sealed value %s of stub %s", t.pointer, t.stub.Path), "Secret "+t.stub.Manifest.Metadata.Name
	}
	problem := fmt.Sprintf("%s is copied or moved to %s: it is opened in the cluster only, in its own Secret; "+
		"hint: let the workload read %s (envFrom, secretKeyRef or a volume)", what, t.at(), name)
	return v.spoiled(u, t.stub, problem)
}

// spoiled is about an object that came of a stub: the kustomization did it.
func (v *view) spoiled(u *unstructured.Unstructured, stub *Stub, problem string) error {
	file, others := v.culprits(stub)
	if len(others) > 0 {
		problem += "; the build has " + strings.Join(others, ", ")
	}
	id := ObjectIDOf(u)
	id.Name = hashSuffix.ReplaceAllString(id.Name, "")
	return &objectError{id: id, problem: problem, file: file}
}

// hashSuffix is what kustomize appends to generated names: of an object that
// holds a place it is another one each time.
var hashSuffix = regexp.MustCompile(`-[24-9bcdfghkmt]{10}$`)

// account checks that every stub came out as often as it was read. One that a
// patch deletes by name is noted; any other way to lose one is refused.
func (v *view) account(build *Build, deletions []worker.Deletion) error {
	for _, digest := range v.order {
		stub, missing := v.stubs[digest], v.reads[digest]-v.built[digest]
		if missing == 0 {
			continue
		}
		file, ok := deleted(stub, deletions)
		if !ok || missing < 0 {
			return v.lost(stub, missing)
		}
		build.Deleted = append(build.Deleted, Deleted{Stub: stub, File: file})
	}
	return nil
}

func (v *view) lost(stub *Stub, missing int) error {
	file, others := v.culprits(stub)
	problem := fmt.Sprintf("stub %s is read %d times and builds %d objects of its own", stub.Path, v.reads[stub.Digest], v.built[stub.Digest])
	if missing == v.reads[stub.Digest] {
		problem = fmt.Sprintf("stub %s is read and builds no Secret: something replaces it, leaves it out, or reads it as another thing than a resource", stub.Path)
	}
	if len(others) > 0 {
		problem += "; the build has " + strings.Join(others, ", ")
	}
	return &worker.Failure{File: file, Problem: problem + "; hint: list it under resources once; a Secret that is not wanted goes with a patch that says $patch: delete"}
}
