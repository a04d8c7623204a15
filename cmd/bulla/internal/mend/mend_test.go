package mend_test

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/mend"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize/model"
)

func sealer(t *testing.T) testfleet.Sealer {
	t.Helper()
	spec := testfleet.NewRoot(t).Spec(1)
	return testfleet.SealerOf(t, &spec)
}

// TestAFixLeavesALastLock: of one value, and takes what counts for nothing of the next.
func TestAFixLeavesALastLock(t *testing.T) {
	stub, err := sealer(t).Seal(testfleet.Secret{Name: "db", Namespace: "app", Targets: []string{"set/gone", "set/stores"},
		Values: map[string]string{"a": "1", "b": "2"}})
	if err != nil {
		t.Fatal(err)
	}
	stub.Spec.Blocks[0].Locks = stub.Spec.Blocks[0].Locks[:1]
	data, err := yaml.Marshal(stub)
	if err != nil {
		t.Fatal(err)
	}
	tree := testfleet.Open(t, testfleet.Two().With(testfleet.Files{"apps/app/db.yaml": string(data)}))
	fleet, err := model.Load(tree)
	if err != nil {
		t.Fatal(err)
	}
	fixes, kept := mend.Fixes(tree, fleet)
	if len(kept) > 0 {
		t.Errorf("kept %q", kept)
	}
	if len(fixes) != 1 || len(fixes[0].Done) != 1 || !strings.Contains(fixes[0].Done[0], "/data/b for set/gone") {
		t.Fatalf("fixes %+v", fixes)
	}
	mended, err := api.ParseSealedManifest("db.yaml", fixes[0].Data)
	if err != nil || len(mended.Spec.Blocks[0].Locks) != 1 || len(mended.Spec.Blocks[1].Locks) != 1 {
		t.Errorf("mended to %s, %v", fixes[0].Data, err)
	}
}

// TestAFixLeavesLocksForWhatIsStillPlaced: whether a set, a cluster or that of a variant is
// gone; the placement is what is wrong.
func TestAFixLeavesLocksForWhatIsStillPlaced(t *testing.T) {
	locked, err := sealer(t).File(testfleet.Secret{Name: "db", Namespace: "app", Values: map[string]string{"a": "1"},
		Targets: []string{"set/stores", "set/gone", "set/left"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, placement := range map[string]string{
		"a target": testfleet.Placement("app", "apps/app", "app", "{clusterSet: stores}, {clusterSet: gone}"),
		"a variant": testfleet.Placement("app", "apps/app", "app", "{clusterSet: stores}") +
			"  variants: [{name: v, clusterSet: gone, path: apps/app}]\n",
	} {
		tree := testfleet.Open(t, testfleet.Two().With(testfleet.Files{
			"apps/app/db.yaml": string(locked), "placements/app.yaml": placement}))
		fleet, err := model.Load(tree)
		if err != nil {
			t.Fatal(err)
		}
		fixes, kept := mend.Fixes(tree, fleet)
		if len(kept) != 1 || !strings.Contains(kept[0], "kept the locks for set/gone") ||
			!strings.Contains(kept[0], "placement app still names it") {
			t.Errorf("%s: kept %q", name, kept)
		}
		if len(fixes) != 1 || len(fixes[0].Done) != 1 || !strings.Contains(fixes[0].Done[0], "for set/left") {
			t.Errorf("%s: fixes %+v", name, fixes)
		}
	}
}
