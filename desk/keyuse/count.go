package keyuse

import (
	"cmp"
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/built"
)

// Unknown is the status of a key that only locks name.
const Unknown api.KeyStatus = "Unknown"

// Row is one key, and what hangs on it.
type Row struct {
	Key    string        `json:"key"`
	Suite  api.Suite     `json:"suite,omitempty"`
	Status api.KeyStatus `json:"status"`
	// Locks and Stubs count every stub file, whether a placement builds it or not.
	Locks int `json:"locks"`
	Stubs int `json:"stubs"`
	// Needed are the stubs that would open no more if the key were retired.
	Needed int `json:"needed"`
	// Placements are those that build a stub with a lock under the key.
	Placements int `json:"placements"`
}

// Count counts for every key, those of fleet.yaml first and in its order. Stubs with an
// error are not counted: nobody knows what they need.
func Count(spec *api.FleetSpec, stubs []Stub, uses map[string][]built.Use) []Row {
	rows := map[string]*Row{}
	for _, key := range spec.SealingKeys {
		rows[key.ID] = &Row{Key: key.ID, Suite: key.Suite, Status: key.Status}
	}
	placements := map[string]map[string]bool{}
	for _, stub := range stubs {
		if stub.Err != nil {
			continue
		}
		for key, locks := range stub.Locks {
			row, ok := rows[key]
			if !ok {
				row = &Row{Key: key, Status: Unknown}
				rows[key] = row
			}
			row.Stubs++
			row.Locks += locks
			if stub.Needs(key, Opens(spec)) {
				row.Needed++
			}
			for _, use := range uses[stub.Path] {
				if placements[key] == nil {
					placements[key] = map[string]bool{}
				}
				placements[key][use.Placement] = true
			}
		}
	}
	all := make([]Row, 0, len(rows))
	for key, row := range rows {
		row.Placements = len(placements[key])
		all = append(all, *row)
	}
	order := func(r Row) int {
		if i := slices.IndexFunc(spec.SealingKeys, func(k api.SealingKey) bool { return k.ID == r.Key }); i >= 0 {
			return i
		}
		return len(spec.SealingKeys)
	}
	slices.SortFunc(all, func(a, b Row) int { return cmp.Or(cmp.Compare(order(a), order(b)), cmp.Compare(a.Key, b.Key)) })
	return all
}
