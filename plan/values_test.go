package plan_test

import (
	"slices"
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
		// delivered is to whom something comes.
		delivered string
	}{
		"nothing changes":    {nil, testfleet.Files{"README": "x"}, "", ""},
		"one loses it":       {nil, testfleet.Files{"clusters/two.yaml": two}, `on cluster "two"`, ""},
		"both lose it":       {nil, both, `; it does not build on set/stores`, ""},
		"a new one lacks it": {nil, testfleet.Files{"clusters/three.yaml": three}, `on cluster "three"`, ""},
		"another is needed":  {nil, newName, "says ${ZONE}", ""},
		"for some": {nil, newName.With(testfleet.Files{
			"clusters/one.yaml": testfleet.Cluster("one", "  values: {ZONE: a}\n")}), `on cluster "two"`, "cluster/one"},
		"one has it already": {testfleet.Files{
			"clusters/one.yaml": testfleet.Cluster("one", "  values: {REGION: eu, ZONE: a}\n")}, newName,
			`on cluster "two"`, "cluster/one"},
		"it lacked before": {both, testfleet.Files{"apps/shop/config.yaml": testfleet.ConfigMap("other")}, "", ""},
		"it is there again": {both, testfleet.Files{"clusters/one.yaml": testfleet.Cluster("one", region)},
			"", "cluster/one"},
		"nothing substitutes": {nil, both.With(testfleet.Files{
			"placements/shop.yaml": strings.Replace(shop, "  substitute: {}\n", "", 1)}), "", "set/stores"},
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
		var delivered string
		for _, d := range p.Deliveries {
			delivered += d.On.Title
		}
		if delivered != test.delivered {
			t.Errorf("%s: delivered to %q, want %q\n%s", name, delivered, test.delivered, strings.Join(lines(p), "\n"))
		}
		if len(p.Blockers) > 0 && p.Blockers[0].Hint == "" {
			t.Errorf("%s: no hint", name)
		}
	}
}

// TestAnotherValueOfAPlacementIsTold: what stands in its file is what its objects get.
func TestAnotherValueOfAPlacementIsTold(t *testing.T) {
	w := newWorld(t)
	shop := w.files["placements/shop.yaml"]
	says := func(own, variant string) string {
		return shop + "  substitute: {REGION: " + own + "}\n  variants: [{name: v, clusterName: two, substitute: {REGION: " +
			variant + "}}]\n"
	}
	w.files = w.files.With(testfleet.Files{"placements/shop.yaml": says("a", "b"),
		"apps/shop/region.yaml": strings.Replace(testfleet.ConfigMap("region"), "value", "${REGION}", 1)})
	for name, test := range map[string]struct{ own, variant, want string }{
		"its own":       {"c", "b", "cluster/one"},
		"its variant's": {"a", "c", "cluster/two"},
		"the other one": {"b", "a", "set/stores"},
		"both the same": {"c", "c", "set/stores"},
	} {
		var got []string
		for _, d := range w.between(testfleet.Files{"placements/shop.yaml": says(test.own, test.variant)}).Deliveries {
			if len(d.Objects) == 1 && d.Objects[0].Object.Name == "region" {
				got = append(got, d.On.Title)
			}
		}
		if slices.Sort(got); strings.Join(got, " ") != test.want {
			t.Errorf("%s: another value for %q, want %q", name, got, test.want)
		}
	}
}
