package model_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

// TestAClusterIsInTheFirstWaveThatNamesIt, and one that no wave names comes after all of
// them: no cluster of a placement is ever without a turn, or has two.
func TestAClusterIsInTheFirstWaveThatNamesIt(t *testing.T) {
	for name, c := range map[string]struct {
		waves string
		want  []string
	}{
		"by name, then the set of both": {
			"{clusterName: one}, {clusterSet: stores}", []string{"cluster/one: one", "set/stores: two"},
		},
		"those left":            {"{clusterName: two}, {}", []string{"cluster/two: two", "rest: one"}},
		"those left, unwritten": {"{clusterName: two}", []string{"cluster/two: two", "rest: one"}},
		"a set that is nowhere": {"{clusterSet: nowhere}", []string{"set/nowhere: ", "rest: one two"}},
		"a name after its set": {
			"{clusterSet: stores}, {clusterName: one}", []string{"set/stores: one two", "cluster/one: "},
		},
		"a cluster that is not in it": {"{clusterName: three}, {}", []string{"cluster/three: ", "rest: one two"}},
	} {
		_, m := load(t, testfleet.Two().With(testfleet.Files{"placements/app.yaml": testfleet.Placement("app", "apps/app",
			"app", "{clusterSet: stores}") + "  rollout: {waves: [" + c.waves + "]}\n"}))
		if len(m.Problems) > 0 {
			t.Fatal(problems(m))
		}
		var got []string
		for _, wave := range m.Waves("app") {
			got = append(got, fmt.Sprintf("%s: %s", wave.Of(), strings.Join(wave.Clusters, " ")))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
