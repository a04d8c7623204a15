// Package foretell says what the controller would send of a build: labelled, and with the
// content digests of secrets where it writes them. Who compares a cluster with a tree
// compares with this, and not with what kustomize printed.
package foretell

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// FieldManager is the name under which the controller applies.
const FieldManager = apply.FieldManager

// Object is one object as it would be sent; of a sealed one, all but its values.
type Object struct {
	ID       kustomize.ObjectID
	Manifest *unstructured.Unstructured
	// Stub and Content are digests, "" of plain objects.
	Stub, Content string
	// Sealed are the keys of its data that are sealed.
	Sealed []string
}

// HoldsValue says of an object, by its content digest, whether the controller takes it for
// one that was sealed: it goes where Git drops it, whatever is said of plain objects.
func HoldsValue(id kustomize.ObjectID, content string) bool { return apply.HoldsValue(id, content) }

// Objects are those of a placement's build, in the fleet of that id.
func Objects(fleet, placement string, built []kustomize.Object) ([]Object, error) {
	owner := apply.Owner{Fleet: fleet, Placement: placement}
	prepared, err := apply.Prepare(owner, built,
		func(stub *kustomize.Stub) (string, error) {
			return reference.ContentDigest(fleet, stub.Manifest, stub.Reference)
		})
	if err != nil {
		return nil, err
	}
	objects := make([]Object, 0, len(prepared))
	for _, o := range prepared {
		objects = append(objects, Object{ID: o.ID, Manifest: o.Manifest, Stub: o.StubDigest(), Content: o.Content,
			Sealed: o.Keys})
	}
	return objects, nil
}
