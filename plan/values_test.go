package plan_test

import (
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

// TestAValueThatLacksBlocks: the cluster will say BuildFailed, and get nothing.
func TestAValueThatLacksBlocks(t *testing.T) {
	w := newWorld(t)
	shop := w.files["placements/shop.yaml"] + "  substitute: {}\n"
	const region = "  values: {REGION: eu}\n"
	uses := strings.Replace(testfleet.ConfigMap("region"), "value", "${REGION}", 1)
	w.files = w.files.With(testfleet.Files{
		"placements/shop.yaml": shop, "apps/shop/region.yaml": uses,
		"clusters/one.yaml": testfleet.Cluster("one", region), "clusters/two.yaml": testfleet.Cluster("two", region),
	})
	two, three := testfleet.Cluster("two", ""), testfleet.Cluster("three", "")
	both := testfleet.Files{"clusters/one.yaml": testfleet.Cluster("one", ""), "clusters/two.yaml": two}
	newName := testfleet.Files{"apps/shop/region.yaml": strings.Replace(uses, "REGION", "ZONE", 1)}
	for name, test := range map[string]struct {
		base, change testfleet.Files
		// blocked is in the blocker; "" for none.
		blocked string
		// delivered: something comes to a cluster.
		delivered bool
	}{
		"nothing changes":    {nil, testfleet.Files{"README": "x"}, "", false},
		"one loses it":       {nil, testfleet.Files{"clusters/two.yaml": two}, `on cluster "two"`, false},
		"both lose it":       {nil, both, `; it does not build on set/stores`, false},
		"a new one lacks it": {nil, testfleet.Files{"clusters/three.yaml": three}, `on cluster "three"`, false},
		"another is needed":  {nil, newName, "says ${ZONE}", false},
		"for some": {nil, newName.With(testfleet.Files{
			"clusters/one.yaml": testfleet.Cluster("one", "  values: {ZONE: a}\n")}), `on cluster "two"`, true},
		"it lacked before":  {both, testfleet.Files{"apps/shop/config.yaml": testfleet.ConfigMap("other")}, "", false},
		"it is there again": {both, testfleet.Files{"clusters/one.yaml": testfleet.Cluster("one", region)}, "", true},
		"nothing substitutes": {nil, both.With(testfleet.Files{
			"placements/shop.yaml": strings.Replace(shop, "  substitute: {}\n", "", 1)}), "", true},
	} {
		before := w.files
		w.files = w.files.With(test.base)
		p := w.between(test.change)
		w.files = before
		var blocked string
		for _, b := range p.Blockers {
			blocked += b.Problem
		}
		if (test.blocked == "") != (blocked == "") || !strings.Contains(blocked, test.blocked) {
			t.Errorf("%s: blocked by %q, want %q", name, blocked, test.blocked)
		}
		if got := len(p.Deliveries) > 0; got != test.delivered {
			t.Errorf("%s: delivered: %v\n%s", name, got, strings.Join(lines(p), "\n"))
		}
		if len(p.Blockers) > 0 && p.Blockers[0].Hint == "" {
			t.Errorf("%s: no hint", name)
		}
	}
}
