package plan_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/plan"
)

// deployment reads a Secret by a way, which is a line of its pod's spec.
func deployment(name, way string) string {
	return `apiVersion: apps/v1
kind: Deployment
metadata: {name: ` + name + `}
spec:
  selector: {matchLabels: {app: ` + name + `}}
  template:
    metadata: {labels: {app: ` + name + `}}
    spec:
      ` + way + `
      containers: [{name: c, image: i}]
`
}

// TestWhatRestartsIsTold: pods are made anew where their template changes, or a value
// that they have; another value of a pull secret, or a new lock, restarts nothing.
func TestWhatRestartsIsTold(t *testing.T) {
	w := newWorld(t)
	w.files = w.files.With(testfleet.Files{
		"apps/shop/uses.yaml":  deployment("uses", "volumes: [{name: v, secret: {secretName: db}}]"),
		"apps/shop/pulls.yaml": deployment("pulls", "imagePullSecrets: [{name: db}]"),
		"apps/shop/other.yaml": deployment("other", "nodeName: n"),
	})
	next := testfleet.Placement("next", "apps/next", "shop", "{clusterSet: stores}")
	for name, test := range map[string]struct {
		change testfleet.Files
		want   string
	}{
		"another value":    {testfleet.Files{"apps/shop/db.yaml": w.seal("db", "set/stores")}, "uses"},
		"another template": {testfleet.Files{"apps/shop/other.yaml": deployment("other", "nodeName: m")}, "other"},
		"a workload moves, and changes": {testfleet.Files{"apps/shop/other.yaml": "", "apps/next/other.yaml": deployment(
			"other", "nodeName: m"), "placements/next.yaml": next}, "other"},
		"a workload moves as it is": {testfleet.Files{"apps/shop/other.yaml": "", "apps/next/other.yaml": deployment(
			"other", "nodeName: n"), "placements/next.yaml": next}, ""},
		"a workload moves away from its value": {testfleet.Files{"apps/shop/uses.yaml": "",
			"apps/next/uses.yaml": w.files["apps/shop/uses.yaml"], "placements/next.yaml": next}, "uses"},
		"a value moves away": {testfleet.Files{"apps/shop/db.yaml": "",
			"apps/next/db.yaml": w.files["apps/shop/db.yaml"], "placements/next.yaml": next}, "uses"},
		"a new workload": {testfleet.Files{"apps/shop/new.yaml": deployment("new", "nodeName: m")}, ""},
		"a config map":   {testfleet.Files{"apps/shop/config.yaml": testfleet.ConfigMap("config") + "  more: x\n"}, ""},
	} {
		var got []string
		p := w.between(test.change)
		for _, d := range p.Deliveries {
			for _, o := range d.Restarts {
				got = append(got, o.Name)
			}
		}
		if strings.Join(got, " ") != test.want || p.Summary.Restarts != len(got) {
			t.Errorf("%s: restarts %q, counted %d, want %q", name, got, p.Summary.Restarts, test.want)
		}
	}
}

// TestRemovalsAreHeldAgainstTheGuard: by the rule of the controllers.
func TestRemovalsAreHeldAgainstTheGuard(t *testing.T) {
	w := newWorld(t)
	all := testfleet.Files{}
	for i := range 6 {
		all[fmt.Sprintf("apps/shop/c%d.yaml", i)] = testfleet.ConfigMap(fmt.Sprint("c", i))
	}
	for _, name := range []string{"a", "b"} {
		all["placements/"+name+".yaml"] = testfleet.Placement(name, "apps/"+name, name, "{clusterSet: stores}")
		all["apps/"+name+"/c.yaml"] = testfleet.ConfigMap("c")
	}
	w.files = w.files.With(all)
	gone := func(names ...string) testfleet.Files {
		files := testfleet.Files{}
		for _, name := range names {
			files[name] = ""
		}
		return files
	}
	half := gone("apps/shop/c0.yaml", "apps/shop/c1.yaml", "apps/shop/c2.yaml", "apps/shop/c3.yaml", "apps/shop/c4.yaml")
	for name, test := range map[string]struct {
		change testfleet.Files
		want   plan.Prune
	}{
		"two":     {gone("apps/shop/c0.yaml", "apps/shop/c1.yaml"), plan.Prune{Leaving: 2, Of: 8, MaxShare: 50, Free: 2}},
		"most":    {half, plan.Prune{Leaving: 5, Of: 8, MaxShare: 50, Free: 2, Held: true}},
		"one app": {gone("placements/shop.yaml"), plan.Prune{Leaving: 1, Of: 3, MaxShare: 50, Free: 1}},
		"most apps": {gone("placements/a.yaml", "placements/b.yaml"),
			plan.Prune{Leaving: 2, Of: 3, MaxShare: 50, Free: 1, Held: true}},
		"that stay": {half.With(testfleet.Files{
			"placements/shop.yaml": w.files["placements/shop.yaml"] + "  prune: false\n"}),
			plan.Prune{Leaving: 5, Of: 8, MaxShare: 50, Free: 2, Stays: "the placement says prune: false"}},
		"a value goes all the same": {gone("apps/shop/c0.yaml", "apps/shop/db.yaml").With(testfleet.Files{
			"placements/shop.yaml": w.files["placements/shop.yaml"] + "  prune: false\n"}),
			plan.Prune{Leaving: 2, Of: 8, MaxShare: 50, Free: 2, Stays: "the placement says prune: false", Sealed: 1}},
		"beside what does not build": {gone("apps/shop/c0.yaml").With(testfleet.Files{
			"placements/next.yaml": testfleet.Placement("next", "apps/nowhere", "shop", "{clusterSet: stores}")}),
			plan.Prune{Leaving: 1, Of: 8, MaxShare: 50, Free: 2, Kept: 1, KeptFor: `placement "next" does not build`}},
		"a cluster goes": {testfleet.Files{"clusters/two.yaml": testfleet.Cluster("two", "  decommission: true\n")},
			plan.Prune{Leaving: 3, Of: 3, MaxShare: 50, Free: 1}},
	} {
		p := w.between(test.change)
		if len(p.Deliveries) == 0 || p.Deliveries[0].Prune == nil {
			t.Errorf("%s: no removal", name)
			continue
		}
		if diff := cmp.Diff(test.want, *p.Deliveries[0].Prune); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestAPlacementThatLeavesSaysWhatStays: by its deletionPolicy, and values never do.
func TestAPlacementThatLeavesSaysWhatStays(t *testing.T) {
	w := newWorld(t)
	shop := w.files["placements/shop.yaml"]
	goes := plan.Prune{Leaving: 1, Of: 1, MaxShare: 50, Free: 1}
	for says, stays := range map[string]string{
		"  prune: false\n  deletionPolicy: Delete\n":             "",
		"  prune: false\n  deletionPolicy: WaitForTermination\n": "",
		"  prune: false\n":           "the placement says prune: false",
		"  deletionPolicy: Orphan\n": "the placement says deletionPolicy: Orphan",
	} {
		w.files = w.files.With(testfleet.Files{"placements/shop.yaml": shop + says})
		want := goes
		if stays != "" {
			want.Stays, want.Sealed = stays, 1
		}
		p := w.between(testfleet.Files{"placements/shop.yaml": ""})
		if diff := cmp.Diff(&want, p.Deliveries[0].Prune); diff != "" {
			t.Errorf("%s(-want +got):\n%s", says, diff)
		}
	}
}

// TestAWindowIsTold: who merges at noon learns that it arrives at night.
func TestAWindowIsTold(t *testing.T) {
	w := newWorld(t)
	w.now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	shop := w.files["placements/shop.yaml"] + "  windows: [{schedule: \"0 2 * * *\", duration: 3h}]\n"
	w.files = w.files.With(testfleet.Files{"placements/shop.yaml": shop})
	waits := func(change testfleet.Files) string {
		return strings.Join(w.between(change).Deliveries[0].Waits, "; ")
	}
	const until = "its window opens at 2026-11-30T02:00:00Z"
	if got := waits(testfleet.Files{"apps/shop/more.yaml": testfleet.ConfigMap("more")}); got != until {
		t.Errorf("a new object waits: %q", got)
	}
	if got := waits(testfleet.Files{"apps/shop/more.yaml": testfleet.ConfigMap("more"), "placements/shop.yaml": shop +
		"  rollout: {waves: [{clusterName: one}, {}]}\n"}); !strings.HasPrefix(got, "it comes in waves, by clusters: ") {
		t.Errorf("a new object comes in waves: %q", got)
	}
	if got := waits(testfleet.Files{"apps/shop/config.yaml": ""}); got != "" {
		t.Errorf("a removal waits: %q", got)
	}
}
