// Package built has what a build gives: objects, what they are called in a cluster,
// and the stubs that they came of.
package built

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// Build is what one placement builds. It is shared and read-only: deep-copy an
// object before changing it.
type Build struct {
	Placement string
	// Digest is "sha256:…" over every built object and stub digest: equal means
	// nothing to do.
	Digest string
	// Shared is the digest before the values of one cluster went in; "" where none did.
	Shared string
	// Objects are in the order of kustomize's output. There may be none.
	Objects []Object
	// Deleted are the stubs that the folder reads and a patch deletes.
	Deleted []Deleted
	// Files are those that were read, sorted; LeftOut those of a folder without
	// kustomization that hold no object.
	Files, LeftOut []string
}

// Object is one built object, with the id it has in the cluster.
type Object struct {
	*unstructured.Unstructured
	// Stub is nil for objects without sealed values.
	Stub *Stub
}

// ID says which object of a cluster it is.
func (o Object) ID() ObjectID { return ObjectIDOf(o.Unstructured) }

// Stub is the stub file that an object was built from, or the reference to one.
type Stub struct {
	// Digest is of the file's bytes in Git: it authorises.
	Digest string
	// Path of the file in the tree.
	Path string
	// Manifest is the stub. Of a reference it has what the reference says and no block:
	// those are in a key service's store, and a build asks no store.
	Manifest *api.SealedManifest
	// Reference is nil for a stub that is in the tree itself.
	Reference *api.SealedReference
}

// Deleted is a stub that a patch takes out of a build, openly, with
// `$patch: delete`.
type Deleted struct {
	Stub *Stub
	// File says so.
	File string
}

// ObjectID says which object of a cluster is meant, whatever its version.
type ObjectID struct {
	Group, Kind, Namespace, Name string
}

// ObjectIDOf returns an object's id.
func ObjectIDOf(u *unstructured.Unstructured) ObjectID {
	gvk := u.GroupVersionKind()
	return ObjectID{Group: gvk.Group, Kind: gvk.Kind, Namespace: u.GetNamespace(), Name: u.GetName()}
}

// String is namespace_name_group_kind, as in Flux's inventory.
func (id ObjectID) String() string {
	return fmt.Sprintf("%s_%s_%s_%s", id.Namespace, id.Name, id.Group, id.Kind)
}
