// Package naming says why a fleet has no cluster, set or placement of a name, and tells
// many names in few words.
package naming

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// Unknown says why a fleet has no such cluster, set or placement: its file is
// refused, or nobody wrote it; then it says which names there are.
func Unknown(m *model.Model, kind, name, hint string) error {
	what, known := "cluster", list(m.Clusters)
	switch kind {
	case api.KindClusterSet:
		what, known = "cluster set", list(m.Sets)
	case api.KindPlacement:
		what, known = "placement", list(m.Placements)
	}
	if err := m.Refused(kind, name); err != nil {
		return fault.New("mend that file first; `bulla validate` lists all that is wrong",
			"%s %q is refused: %w", what, name, err)
	}
	if known != "" {
		hint = "the fleet has " + known + "; " + hint
	}
	return fault.New(hint, "%s %q is not in the fleet", what, name)
}

// list is the names of a map, as [Some] tells them.
func list[T any](known map[string]T) string { return Some(slices.Sorted(maps.Keys(known))) }

// told is how many names a sentence lists before it only counts.
const told = 10

// Some names up to ten things, and says how many more there are.
func Some(names []string) string {
	if len(names) <= told {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:told], ", "), len(names)-told)
}
