package fleetsync

import (
	"testing"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/source"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

type oneTree struct {
	source.Source
	tree *tree.Tree
}

func (o oneTree) Tree(string) (*tree.Tree, error) { return o.tree, nil }

// TestAHeadOfBeforeIsNotParsedForEachDelivery: after a restart each of thousand
// Deliveries looks for what it applied, in a fleet of thousands of files.
func TestAHeadOfBeforeIsNotParsedForEachDelivery(t *testing.T) {
	placement := testfleet.Placement("shop", "apps/shop", "shop", "{clusterName: prod-eu}")
	files := testfleet.Files{"fleet.yaml": testfleet.NewRoot(t).Fleet(t, 1), "placements/shop.yaml": placement}
	mirror := openMirror{Source: oneTree{tree: testfleet.Open(t, files)}, before: new(model.Loader)}
	var seen []*model.Model
	for range 2 {
		_, read, err := mirror.read("head")
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, read)
	}
	if first := seen[0].Placements["shop"]; first == nil || first != seen[1].Placements["shop"] {
		t.Error("a file that did not change is parsed again")
	}
}
