// Package apply makes objects of a build stand in a cluster, by server-side
// apply, and takes them away again.
//
// Promises:
//
//   - An object that lives and is not provably ours is never touched, unless Git
//     says that it may be taken over: see [ConflictError].
//   - A sealed object is sent as a typed Secret, and nothing that the API
//     server says about it leaves this package: see [mask.APIError].
//   - A delete carries the uid and the resource version that were checked.
package apply

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/bulla-dev/bulla/api/canonical"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/workload"
)

// FieldManager is the name under which bulla applies.
const FieldManager = "bulla-controller"

// Owner says for whom objects are applied.
type Owner struct {
	// Fleet is the fleet's id, Placement the placement's name.
	Fleet, Placement string
}

// Labels are the owner labels.
func (o Owner) Labels() map[string]string {
	return map[string]string{v1alpha1.OwnerLabel: o.Placement, v1alpha1.FleetLabel: o.Fleet}
}

// Object is a built object as it is to stand: labelled, and with the content
// digests of the secrets that it uses in its pod template.
type Object struct {
	ID ID
	// Manifest is everything about the object that is public: all of a plain
	// object, the template of a sealed one.
	Manifest *unstructured.Unstructured
	// Hash is of Manifest: equal and undrifted objects are not sent again.
	Hash string
	// Spec is the hash of the spec of what ends by itself, "" for anything else.
	Spec string
	// Built is the object as built.
	Built kustomize.Object
	// Content is the content digest, "" for plain objects.
	Content string
	// Keys are the keys under data of a sealed object, template's and sealed.
	Keys []string
	// Reads is what the object and its pods name.
	Reads []workload.Ref
	// Force is the placement's: see [v1alpha1.MayReplace].
	Force bool
}

// ID says which object is meant.
type ID = inventory.ID

// Sealed reports whether the object has sealed values.
func (o Object) Sealed() bool { return o.Built.Stub != nil }

// StubDigest is "" for plain objects.
func (o Object) StubDigest() string {
	if o.Built.Stub == nil {
		return ""
	}
	return o.Built.Stub.Digest
}

// Prune is what Git says of the object's removal.
func (o Object) Prune() string { return v1alpha1.Said(o.Manifest, v1alpha1.PruneAnnotation) }

// Digester gives the content digest of a stub.
type Digester func(*kustomize.Stub) (string, error)

// Prepare gives a build's objects as they are to stand. It changes none of
// built.
func Prepare(owner Owner, built []kustomize.Object, contentOf Digester) ([]Object, error) {
	objects := make([]Object, 0, len(built))
	contents := map[ID]string{}
	for _, b := range built {
		o := Object{ID: b.ID(), Built: b, Manifest: b.DeepCopy()}
		if err := own(o.Manifest, owner); err != nil {
			return nil, fmt.Errorf("label %s: %w", inventory.Describe(o.ID), err)
		}
		if o.Sealed() {
			content, err := contentOf(b.Stub)
			if err != nil {
				return nil, fmt.Errorf("digest content of %s: %w", inventory.Describe(o.ID), err)
			}
			o.Content, contents[o.ID] = content, content
			o.Keys = sealedKeys(b)
			if err := annotate(o.Manifest, v1alpha1.ContentAnnotation, content); err != nil {
				return nil, fmt.Errorf("annotate %s: %w", inventory.Describe(o.ID), err)
			}
		}
		objects = append(objects, o)
	}
	for i := range objects {
		annotateTemplates(objects[i].Manifest, contents)
		objects[i].Reads = workload.Reads(objects[i].Manifest.Object)
		hash, err := canonical.StatusDigest(objects[i].Manifest.Object)
		if err != nil {
			return nil, fmt.Errorf("hash %s: %w", inventory.Describe(objects[i].ID), err)
		}
		objects[i].Hash = hash
		if objects[i].Spec, err = specOf(objects[i].Manifest); err != nil {
			return nil, fmt.Errorf("hash %s: %w", inventory.Describe(objects[i].ID), err)
		}
	}
	return objects, nil
}

// own adds the owner labels. What is not a mapping of text is an error: a getter
// that answers "no labels" there would have them all taken away.
func own(u *unstructured.Unstructured, owner Owner) error {
	if _, _, err := unstructured.NestedStringMap(u.Object, "metadata", "annotations"); err != nil {
		return err
	}
	labels, _, err := unstructured.NestedStringMap(u.Object, "metadata", "labels")
	if err != nil {
		return err
	}
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, owner.Labels())
	u.SetLabels(labels)
	return nil
}

func annotate(u *unstructured.Unstructured, key, value string) error {
	annotations, _, err := unstructured.NestedStringMap(u.Object, "metadata", "annotations")
	if err != nil {
		return err
	}
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	u.SetAnnotations(annotations)
	return nil
}

// sealedKeys are the keys under data that the stub and its template give.
func sealedKeys(o kustomize.Object) []string {
	var keys []string
	data, _, _ := unstructured.NestedMap(o.Object, "data")
	for key := range data {
		keys = append(keys, key)
	}
	for _, field := range o.Stub.Fields() {
		if key, ok := dataKey(field); ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// dataKey gives the key of an RFC 6901 pointer /data/KEY. Keys of Secrets have
// neither "~" nor "/", so nothing is escaped in a valid one.
func dataKey(pointer string) (string, bool) {
	key, ok := strings.CutPrefix(pointer, "/data/")
	return key, ok && key != "" && !strings.ContainsAny(key, "~/")
}

// Defines gives the kind that an object is the definition of.
func (o Object) Defines() (schema.GroupKind, bool) {
	if groupKind(o.ID) != crd {
		return schema.GroupKind{}, false
	}
	group, _, _ := unstructured.NestedString(o.Manifest.Object, "spec", "group")
	kind, _, _ := unstructured.NestedString(o.Manifest.Object, "spec", "names", "kind")
	return schema.GroupKind{Group: group, Kind: kind}, true
}
