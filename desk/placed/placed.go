// Package placed changes on which clusters and sets a placement is, in the text of its
// file: by command line and by console the same.
package placed

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/yamltext"
	"github.com/bulla-dev/bulla/sealing"
)

// Named is the target of a placement that names one cluster or set.
func Named(t sealing.Target) api.PlacementTarget {
	if t.Kind == sealing.Set {
		return api.PlacementTarget{ClusterSet: t.Name}
	}
	return api.PlacementTarget{ClusterName: t.Name}
}

// Index finds whom a target names, whenever that ends; -1 for nobody.
func Index(targets []api.PlacementTarget, want api.PlacementTarget) int {
	return slices.IndexFunc(targets, func(t api.PlacementTarget) bool { return t.Names() == want.Names() })
}

// Item spells a target without its end.
func Item(t api.PlacementTarget) yamltext.Item {
	if t.ClusterName != "" {
		return yamltext.Item{"clusterName: " + t.ClusterName}
	}
	return yamltext.Item{"clusterSet: " + t.ClusterSet}
}

// Edit writes the file of a placement with targets more, which have no end, and without
// those at the indexes of remove. All else stays as somebody wrote it. An error says what
// to do by hand where the file is not written so that this can be done.
func Edit(
	file string, data []byte, old *api.Placement, add []api.PlacementTarget, remove []int,
) ([]byte, error) {
	edited, err := edit(file, data, old, add, remove)
	if errors.Is(err, yamltext.ErrShape) {
		return nil, fault.New("write spec.targets as a plain list and try again, or edit it by hand",
			"edit %s: %w", file, err)
	}
	return edited, err
}

func edit(
	file string, data []byte, old *api.Placement, add []api.PlacementTarget, remove []int,
) ([]byte, error) {
	want := old.DeepCopy()
	for _, i := range slices.SortedFunc(slices.Values(remove), func(x, y int) int { return cmp.Compare(y, x) }) {
		want.Spec.Targets = slices.Delete(want.Spec.Targets, i, i+1)
	}
	want.Spec.Targets = append(want.Spec.Targets, add...)
	if len(want.Spec.Targets) == 0 {
		return nil, fault.New("delete "+file+" to place it nowhere: every cluster then deletes what it got",
			"placement %q would have no target left", old.Metadata.Name)
	}
	// Adding comes first: a list may lose its last old item, never its last.
	if len(add) > 0 {
		sequence, err := yamltext.Find(data, "spec", "targets")
		if err != nil {
			return nil, err
		}
		var items []yamltext.Item
		for _, target := range add {
			items = append(items, Item(target))
		}
		data = sequence.Append(items...)
	}
	if len(remove) > 0 {
		sequence, err := yamltext.Find(data, "spec", "targets")
		if err != nil {
			return nil, err
		}
		data = sequence.Remove(remove...)
	}
	got, err := api.ParsePlacement(file, data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", yamltext.ErrShape, err)
	}
	if !reflect.DeepEqual(got, want) {
		return nil, yamltext.ErrShape
	}
	return data, nil
}
