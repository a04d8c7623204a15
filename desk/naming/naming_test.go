package naming_test

import (
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/naming"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize/model"
)

func TestANameThatIsNotThereIsToldWithThoseThatAre(t *testing.T) {
	files := testfleet.Two().With(testfleet.Files{"clusters/bad.yaml": testfleet.Cluster("bad", "  unknown: x\n")})
	m, err := model.Load(testfleet.Open(t, files))
	if err != nil {
		t.Fatal(err)
	}
	err = naming.Unknown(m, api.KindPlacement, "ap", "`bulla place` makes one")
	if got := fault.Hint(err); got != "the fleet has app, tool; `bulla place` makes one" {
		t.Errorf("%v, %q", err, got)
	}
	if err := naming.Unknown(m, api.KindCluster, "bad", "x"); !strings.Contains(err.Error(), "is refused") {
		t.Errorf("of a file that is refused: %v", err)
	}
}

func TestManyNamesAreCounted(t *testing.T) {
	if got := naming.Some(strings.Fields("a b c d e f g h i j k l")); got != "a, b, c, d, e, f, g, h, i, j and 2 more" {
		t.Error(got)
	}
}
