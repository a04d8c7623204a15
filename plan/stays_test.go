package plan_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/plan"
)

// TestWhatStaysForItselfIsTold: what Git dropped goes, but for what the controller holds:
// what somebody names who stays, what says so itself, what is suspended or waits.
func TestWhatStaysForItselfIsTold(t *testing.T) {
	w := newWorld(t)
	w.now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	shop := w.files["placements/shop.yaml"]
	other := testfleet.Placement("other", "apps/other", "shop", "{clusterSet: stores}")
	named := "volumes: [{name: v, secret: {secretName: db}}]"
	w.files = w.files.With(testfleet.Files{
		"apps/shop/web.yaml":    deployment("web", named),
		"apps/other/far.yaml":   deployment("far", named),
		"apps/other/can.yaml":   deployment("can", "volumes: [{name: v, secret: {secretName: db, optional: true}}]"),
		"apps/shop/robot.yaml":  "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: robot}\n",
		"apps/shop/role.yaml":   "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: may}\nrules: []\n",
		"apps/other/robot.yaml": deployment("acts", "serviceAccountName: robot"),
		"apps/shop/kept.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kept, annotations: " +
			"{bulla.dev/prune: disabled}}\n",
		"placements/other.yaml": other,
	})
	const closed = "  windows: [{schedule: \"0 2 * * *\", duration: 3h}]\n"
	gone := func(names ...string) testfleet.Files {
		files := testfleet.Files{}
		for _, name := range names {
			files["apps/"+name+".yaml"] = ""
		}
		return files
	}
	says := func(text string) testfleet.Files { return testfleet.Files{"placements/shop.yaml": shop + text} }
	for name, test := range map[string]struct {
		change testfleet.Files
		want   string
	}{
		"with all who name it": {gone("shop/db", "shop/web", "other/far"), ""},
		"without the one": {gone("shop/db", "other/far"),
			"Secret shop/db: Deployment shop/web of placement shop names it"},
		"without the one of another": {gone("shop/db", "shop/web"),
			"Secret shop/db: Deployment shop/far of placement other names it"},
		"with one that is not pruned": {gone("shop/db", "shop/web", "other/far").With(says("  prune: false\n")),
			"Secret shop/db: Deployment shop/web, which stays, names it"},
		"with another's that is not pruned": {gone("shop/db", "shop/web", "other/far").With(testfleet.Files{
			"placements/other.yaml": other + "  prune: false\n"}),
			"Secret shop/db: Deployment shop/far, which stays, names it"},
		"named, and let go": {gone("shop/db").With(says("  allow: {pruneInUse: true}\n")), ""},
		"with its placement": {testfleet.Files{"placements/shop.yaml": ""},
			"ConfigMap shop/kept: it says bulla.dev/prune: disabled"},
		"an account": {gone("shop/robot", "shop/role"),
			"Role shop/may: an account that stays keeps what it may do\n" +
				"ServiceAccount shop/robot: Deployment shop/acts of placement other names it"},
		"it says so": {gone("shop/kept"), "ConfigMap shop/kept: it says bulla.dev/prune: disabled"},
		"of a placement that is suspended": {gone("shop/config").With(says("  suspend: true\n")),
			"ConfigMap shop/config: the placement is suspended: nothing is pruned"},
		"with a change that waits": {gone("shop/config", "shop/db", "shop/web", "other/far").With(says(closed)).With(
			testfleet.Files{"apps/shop/more.yaml": testfleet.ConfigMap("more")}),
			"ConfigMap shop/config: it goes with the change, and not before\n" +
				"Deployment shop/web: it goes with the change, and not before\n" +
				"Secret shop/db: Deployment shop/web, until the change comes, names it"},
		"alone, in a closed window": {gone("shop/config").With(says(closed)), ""},
	} {
		var got []string
		for _, d := range w.between(test.change).Deliveries {
			for _, o := range d.Objects {
				if o.Change != plan.Removed && o.Stays != "" {
					t.Errorf("%s: %s is %s, and stays: %s", name, o.Object, o.Change, o.Stays)
				}
				if o.Stays != "" {
					got = append(got, o.Object.String()+": "+o.Stays)
				}
			}
		}
		if diff := cmp.Diff(test.want, strings.Join(got, "\n")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
