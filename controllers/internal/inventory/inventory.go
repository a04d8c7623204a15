// Package inventory remembers which objects a Delivery may own, and compares
// them with what lives without asking for a secret again.
//
// Before an apply the inventory is the union of old and new; after it, what
// stands. A crash between the two therefore never leaves an object that nobody
// remembers, and a forgotten status is rebuilt from owner labels.
package inventory

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fluxcd/cli-utils/pkg/object"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/kustomize"
)

// ID says which object is meant, whatever its version.
type ID = kustomize.ObjectID

// Inventory is a set of entries by id.
type Inventory map[ID]v1alpha1.InventoryEntry

// Format writes an id as namespace_name_group_kind, as Flux does, colons
// of RBAC names transcoded.
func Format(id ID) string {
	return object.ObjMetadata{
		Namespace: id.Namespace, Name: id.Name,
		GroupKind: schema.GroupKind{Group: id.Group, Kind: id.Kind},
	}.String()
}

// Parse reads what Format wrote.
func Parse(text string) (ID, error) {
	m, err := object.ParseObjMetadata(text)
	if err != nil || m.Name == "" || m.GroupKind.Kind == "" {
		return ID{}, fmt.Errorf("parse inventory id %q", text)
	}
	return ID{Group: m.GroupKind.Group, Kind: m.GroupKind.Kind, Namespace: m.Namespace, Name: m.Name}, nil
}

// Read gives the inventory that a status holds. Entries that do not parse were
// written by somebody else and name nothing that could be deleted: they are
// left out.
func Read(entries []v1alpha1.InventoryEntry) Inventory {
	inv := make(Inventory, len(entries))
	for _, entry := range entries {
		if id, err := Parse(entry.ID); err == nil && entry.Version != "" {
			inv[id] = entry
		}
	}
	return inv
}

// Entries gives the inventory as a status holds it, sorted by id.
func (inv Inventory) Entries() []v1alpha1.InventoryEntry {
	entries := make([]v1alpha1.InventoryEntry, 0, len(inv))
	for id, entry := range inv {
		entry.ID = Format(id)
		entries = append(entries, entry)
	}
	slices.SortFunc(entries, func(a, b v1alpha1.InventoryEntry) int { return strings.Compare(a.ID, b.ID) })
	return entries
}

// Add puts an object into the inventory without overwriting what is known of it. prune is
// what Git says of its removal: one whose making is cut short may be dropped next.
func (inv Inventory) Add(id ID, version, prune string) {
	if _, ok := inv[id]; !ok {
		inv[id] = v1alpha1.InventoryEntry{ID: Format(id), Version: version, Prune: prune}
	}
}

// Secrets counts the sealed objects.
func (inv Inventory) Secrets() int {
	n := 0
	for _, entry := range inv {
		if entry.Content != "" {
			n++
		}
	}
	return n
}

// Kinds gives the kinds of the inventory, sorted, each once.
func (inv Inventory) Kinds() []schema.GroupVersionKind {
	var kinds []schema.GroupVersionKind
	for id, entry := range inv {
		kinds = append(kinds, GVK(id, entry))
	}
	slices.SortFunc(kinds, func(a, b schema.GroupVersionKind) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(kinds)
}

// GVK is the kind of an entry, in the version it was applied with.
func GVK(id ID, entry v1alpha1.InventoryEntry) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: id.Group, Version: entry.Version, Kind: id.Kind}
}

// Gone reports whether an object ran and does not stand, and how it ended.
func (inv Inventory) Gone(id ID) (ended string, ok bool) {
	run := inv[id].Run
	if run == nil || !run.Gone {
		return "", false
	}
	return run.Ended, true
}

// Standing counts the objects that stand, and names, sorted, the others: those that ran and
// are gone, and those that Git wants and an apply met on their way out.
func (inv Inventory) Standing(wanted func(ID) bool) (count int, ran, going []string) {
	for id, entry := range inv {
		_, gone := inv.Gone(id)
		switch {
		case gone:
			ran = append(ran, Describe(id))
		case entry.Applied == "" && wanted(id):
			going = append(going, Describe(id))
		default:
			count++
		}
	}
	slices.Sort(ran)
	slices.Sort(going)
	return count, ran, going
}

// TakenOver names, sorted, the objects that lived before bulla had them.
func (inv Inventory) TakenOver() []string {
	var names []string
	for id, entry := range inv {
		if entry.TakenOver {
			names = append(names, Describe(id))
		}
	}
	slices.Sort(names)
	return names
}

// Contents are the content digests of the sealed objects, sorted, each once.
func (inv Inventory) Contents() []string {
	contents := map[string]bool{}
	for _, entry := range inv {
		if entry.Content != "" {
			contents[entry.Content] = true
		}
	}
	return slices.Sorted(maps.Keys(contents))
}
