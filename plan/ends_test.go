package plan_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

// TestAnotherEndIsTold: who may open something for a day may open it for good, and no
// object changes.
func TestAnotherEndIsTold(t *testing.T) {
	w := newWorld(t)
	w.now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	const soon, late = `, notAfter: "2026-12-01T00:00:00Z"`, `, notAfter: "2027-01-01T00:00:00Z"`
	targets := func(targets string) testfleet.Files {
		return testfleet.Files{"placements/shop.yaml": testfleet.Placement("shop", "apps/shop", "shop", targets)}
	}
	for name, test := range map[string]struct {
		was, is string
		want    []string
	}{
		"for good": {"{clusterSet: stores" + soon + "}", "{clusterSet: stores}", []string{
			"  its end was 2026-12-01T00:00:00Z, and now is never", "set/stores: shop is changed",
		}},
		"later": {"{clusterSet: stores" + soon + "}", "{clusterSet: stores" + late + "}", []string{
			"  its end was 2026-12-01T00:00:00Z, and now is 2027-01-01T00:00:00Z", "set/stores: shop is changed",
		}},
		"one of two": {"{clusterName: one" + soon + "}, {clusterName: two" + soon + "}",
			"{clusterName: one" + soon + "}, {clusterName: two}", []string{
				"  its end was 2026-12-01T00:00:00Z, and now is never", "cluster/two: shop is changed",
			}},
		"held by another line": {"{clusterSet: stores}, {clusterName: one" + soon + "}", "{clusterSet: stores}", nil},
		"said otherwise": {"{clusterSet: stores" + soon + "}",
			`{clusterSet: stores, notAfter: "2026-12-01T01:00:00+01:00"}`, nil},
		"it had ended": {`{clusterSet: stores}, {clusterName: one, notAfter: "2026-01-01T00:00:00Z"}`,
			"{clusterSet: stores}", nil},
	} {
		w.files = w.files.With(targets(test.was))
		if diff := cmp.Diff(test.want, lines(w.between(targets(test.is)))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
