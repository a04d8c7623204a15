package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

// grantLines are the lines of a plan that say what is gained, lost or another value.
func grantLines(all []string) (grants []string) {
	for _, line := range all {
		if strings.Contains(line, " by ") {
			grants = append(grants, line)
		}
	}
	return grants
}

// TestAFileThatIsNotTheReasonIsNotNamed: of what changes at once, each cluster's grants have
// what made the difference there.
func TestAFileThatIsNotTheReasonIsNotNamed(t *testing.T) {
	w := newWorld(t)
	onOne := testfleet.Placement("shop", "apps/shop", "shop", "{clusterName: one}")
	onAll := w.files["placements/shop.yaml"]
	const value = "apps/shop/db.yaml"
	for name, test := range map[string]struct {
		before, change testfleet.Files
		want           []string
	}{
		"more targets, and another value": {
			testfleet.Files{"placements/shop.yaml": onOne},
			testfleet.Files{"placements/shop.yaml": onAll, value: w.seal("db", "set/stores")},
			[]string{
				"cluster/one: changed shop Secret shop/db by build " + value,
				"cluster/two: gained shop Secret shop/db by placement placements/shop.yaml",
			}},
		"fewer targets, and another value": {
			nil,
			testfleet.Files{"placements/shop.yaml": onOne, value: w.seal("db", "set/stores")},
			[]string{
				"cluster/one: changed shop Secret shop/db by build " + value,
				"cluster/two: lost shop Secret shop/db by placement placements/shop.yaml",
			}},
		"more targets, and the first lock for them": {
			testfleet.Files{"placements/shop.yaml": onOne, "clustersets/few.yaml": few(), value: w.seal("db", "set/few"),
				"clusters/one.yaml": fewOf("one")},
			testfleet.Files{"placements/shop.yaml": onAll, value: w.seal("db", "set/stores")},
			[]string{
				"cluster/one: changed shop Secret shop/db by build " + value,
				"cluster/two: gained shop Secret shop/db by placement placements/shop.yaml, build " + value,
			}},
		"a label that no set asks for, and another value": {
			nil,
			testfleet.Files{"clusters/one.yaml": fewOf("one"), value: w.seal("db", "set/stores")},
			[]string{"set/stores: changed shop Secret shop/db by build " + value}},
		"a set that selects the same otherwise, and another value": {
			nil,
			testfleet.Files{value: w.seal("db", "set/stores"), "clustersets/stores.yaml": strings.Replace(
				testfleet.Set("stores"), "matchLabels: {tier: store}",
				"matchExpressions: [{key: tier, operator: In, values: [store]}]", 1)},
			[]string{"set/stores: changed shop Secret shop/db by build " + value}},
	} {
		t.Run(name, func(t *testing.T) {
			at := *w
			at.files = w.files.With(test.before)
			got := grantLines(lines(at.between(test.change)))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// few is a set that has what fewOf makes.
func few() string { return strings.Replace(testfleet.Set("few"), "tier: store", "few: x", 1) }

func fewOf(name string) string {
	return strings.Replace(testfleet.Cluster(name, ""), "tier: store", "tier: store, few: x", 1)
}

// TestVariantsThatChangeAlikeAreToldOnce: in which of them a cluster is changes nothing.
func TestVariantsThatChangeAlikeAreToldOnce(t *testing.T) {
	w := newWorld(t)
	w.files["placements/shop.yaml"] += "  variants: [{name: a, clusterName: one, substitute: {A: a}}, " +
		"{name: b, clusterName: two, substitute: {A: b}}]\n"
	p := w.between(testfleet.Files{"apps/shop/config.yaml": testfleet.ConfigMap("config") + "  more: x\n"})
	if len(p.Deliveries) != 1 || p.Deliveries[0].On.Title != "set/stores" {
		t.Errorf("a change in two variants: %+v", p.Deliveries)
	}
	placement := w.files["placements/shop.yaml"]
	delete(w.files, "placements/shop.yaml")
	if p := w.between(testfleet.Files{"placements/shop.yaml": placement}); len(p.Deliveries) != 1 {
		t.Errorf("a placement that comes in two variants: %+v", p.Deliveries)
	}
}
