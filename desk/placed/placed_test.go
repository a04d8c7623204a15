package placed_test

import (
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/placed"
	"github.com/bulla-dev/bulla/sealing"
)

const file = `apiVersion: bulla.dev/v1alpha1
kind: Placement
metadata: {name: shop}
spec:
  path: apps/shop
  targetNamespace: shop
  targets: # who gets it
  - clusterSet: retail # all of them
  - {clusterName: lab, notAfter: "2027-01-01T00:00:00Z"}
`

func read(t *testing.T, text string) *api.Placement {
	t.Helper()
	p, err := api.ParsePlacement("placements/shop.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestTheListOfTargetsAloneChanges: comments, order and all else stay as they were written.
func TestTheListOfTargetsAloneChanges(t *testing.T) {
	one := placed.Named(sealing.Target{Kind: sealing.Cluster, Name: "one"})
	old := read(t, file)
	edited, err := placed.Edit("placements/shop.yaml", []byte(file), old, []api.PlacementTarget{one}, []int{0})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(file, "  - clusterSet: retail # all of them\n", "", 1) + "  - clusterName: one\n"
	if string(edited) != want {
		t.Errorf("%s\nwant\n%s", edited, want)
	}
	lab := placed.Named(sealing.Target{Kind: sealing.Cluster, Name: "lab"})
	if i := placed.Index(old.Spec.Targets, lab); i != 1 {
		t.Errorf("a target that ends is found at %d", i)
	}
	if i := placed.Index(old.Spec.Targets, placed.Named(sealing.Target{Kind: sealing.Set, Name: "lab"})); i != -1 {
		t.Errorf("a set is taken for a cluster of its name, at %d", i)
	}
}

// TestWhatCannotBeEditedSaysWhatToDo, and is not half edited.
func TestWhatCannotBeEditedSaysWhatToDo(t *testing.T) {
	before, _, _ := strings.Cut(file, "  targets:")
	flow := before + "  targets: [{clusterSet: retail # all of them\n    }, {clusterName: lab}]\n"
	for name, test := range map[string]struct {
		text, hint string
		remove     []int
	}{
		"no target would be left":  {file, "to place it nowhere", []int{0, 1}},
		"a comment within an item": {flow, "by hand", []int{1}},
	} {
		old, err := api.ParsePlacement("placements/shop.yaml", []byte(test.text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		edited, err := placed.Edit("placements/shop.yaml", []byte(test.text), old, nil, test.remove)
		if err == nil || edited != nil || fault.Hint(err) == "" || !strings.Contains(fault.Hint(err), test.hint) {
			t.Errorf("%s: %v, hint %q: %s", name, err, fault.Hint(err), edited)
		}
	}
}
