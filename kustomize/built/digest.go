package built

import (
	"cmp"
	"slices"

	"github.com/bulla-dev/bulla/api/canonical"
)

// Digest is over every object, in the order of ids, with its stub.
func Digest(objects []Object) (string, error) {
	type entry struct {
		ID     ObjectID
		Object map[string]any
		Stub   string `json:",omitempty"`
	}
	entries := make([]entry, 0, len(objects))
	for _, o := range objects {
		e := entry{ID: o.ID(), Object: o.Object}
		if o.Stub != nil {
			e.Stub = o.Stub.Digest
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.ID.Group, b.ID.Group), cmp.Compare(a.ID.Kind, b.ID.Kind),
			cmp.Compare(a.ID.Namespace, b.ID.Namespace), cmp.Compare(a.ID.Name, b.ID.Name))
	})
	return canonical.StatusDigest(entries)
}
