package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/plan"
)

// TestASetThatOnlyAWaveNamesIsTold: without it every cluster takes a release at once.
func TestASetThatOnlyAWaveNamesIsTold(t *testing.T) {
	w := newWorld(t)
	one := strings.Replace(testfleet.Cluster("one", ""), "tier: store", "tier: store, canary: yes", 1)
	w.files = w.files.With(testfleet.Files{
		"clusters/one.yaml":       strings.Replace(one, "yes", `"yes"`, 1),
		"clustersets/canary.yaml": strings.Replace(testfleet.Set("canary"), "tier: store", `canary: "yes"`, 1),
		"placements/shop.yaml":    w.files["placements/shop.yaml"] + "  rollout: {waves: [{clusterSet: canary}, {}]}\n",
	})
	p := w.between(testfleet.Files{"clustersets/canary.yaml": ""})
	want := []plan.WaveChange{{Placement: "shop", Before: "set/canary (1), rest (1)", After: "set/canary (0), rest (2)",
		Files: []string{"clustersets/canary.yaml"}}}
	if diff := cmp.Diff(want, p.Waves); diff != "" || !p.Changes() {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(p.Blockers) != 1 || p.Blockers[0].File != "placements/shop.yaml" ||
		!strings.Contains(p.Blockers[0].Problem, `cluster set "canary" does not exist`) {
		t.Errorf("a wave without clusters, before others: %+v", p.Blockers)
	}
	if p := w.between(testfleet.Files{"clusters/three.yaml": testfleet.Cluster("three", "")}); len(p.Waves) > 0 {
		t.Errorf("a cluster that comes changes no turn of others: %+v", p.Waves)
	}
	if p := w.between(testfleet.Files{"clusters/one.yaml": testfleet.Cluster("one", "")}); len(p.Waves) != 1 {
		t.Error("a label that takes a cluster out of its wave is not told")
	}
	stopped := strings.TrimSuffix(w.files["clusters/one.yaml"], "\n") + "\n  suspend: true\n"
	if p := w.between(testfleet.Files{"clusters/one.yaml": stopped}); len(p.Blockers) > 0 || len(p.Waves) != 1 {
		t.Errorf("a stolen cluster is not stopped for its wave's sake: %+v, %+v", p.Blockers, p.Waves)
	}
	bad := testfleet.ClusterOf("three", "sha256:"+strings.Repeat("ab", 32), "age1pq1xyz")
	if p := w.between(testfleet.Files{"clusters/three.yaml": bad}); len(p.Blockers) != 1 ||
		!strings.Contains(p.Blockers[0].Problem, "spec.recipient: is not a cluster's age recipient") {
		t.Errorf("a recipient that is none: %+v", p.Blockers)
	}
}

// TestAClustersOwnValueMeetsNoWave: the service goes by what Git brings to all of them.
func TestAClustersOwnValueMeetsNoWave(t *testing.T) {
	w := newWorld(t)
	w.files = w.files.With(testfleet.Files{
		"placements/shop.yaml": w.files["placements/shop.yaml"] +
			"  substitute: {}\n  rollout: {waves: [{clusterName: one}, {}]}\n",
		"apps/shop/region.yaml": strings.Replace(testfleet.ConfigMap("region"), "value", "${REGION}", 1),
		"clusters/one.yaml":     testfleet.Cluster("one", "  values: {REGION: eu}\n"),
		"clusters/two.yaml":     testfleet.Cluster("two", "  values: {REGION: eu}\n"),
	})
	for name, test := range map[string]struct {
		change testfleet.Files
		meets  bool
	}{
		"a value": {testfleet.Files{
			"clusters/two.yaml": testfleet.Cluster("two", "  values: {REGION: us}\n")}, false},
		"a file of all": {testfleet.Files{"apps/shop/more.yaml": testfleet.ConfigMap("more")}, true},
		"a cluster more": {testfleet.Files{
			"clusters/three.yaml": testfleet.Cluster("three", "  values: {REGION: x}\n")}, false},
	} {
		p := w.between(test.change)
		if len(p.Deliveries) == 0 {
			t.Errorf("%s: nothing is delivered", name)
			continue
		}
		waits := strings.Join(p.Deliveries[0].Waits, "; ")
		if strings.Contains(waits, "it comes in waves") != test.meets {
			t.Errorf("%s: waits %q", name, waits)
		}
	}
}

// TestALabelIsNoVariant: the placement's file says what it said, and another one is to be
// looked at.
func TestALabelIsNoVariant(t *testing.T) {
	w := newWorld(t)
	w.files = w.files.With(testfleet.Files{
		"placements/shop.yaml": w.files["placements/shop.yaml"] +
			"  variants: [{name: v, clusterSet: stores, path: apps/stores}]\n",
		"apps/stores/db.yaml":   w.seal("db", "set/stores"),
		"apps/shop/db.yaml":     "",
		"apps/shop/config.yaml": testfleet.ConfigMap("config"),
	})
	delete(w.files, "apps/shop/db.yaml")
	p := w.between(testfleet.Files{"clusters/two.yaml": strings.Replace(testfleet.Cluster("two", ""),
		"tier: store", "tier: other", 1)})
	if len(p.Grants) != 1 {
		t.Fatalf("grants: %+v, blocked by %+v", p.Grants, p.Blockers)
	}
	if because := p.Grants[0].Changes[0].Because; len(because) != 1 || because[0].Path != plan.ByCluster {
		t.Errorf("a label that went: by %+v", because)
	}
	w.files["placements/more.yaml"] = strings.Replace(w.files["placements/shop.yaml"], "name: shop", "name: more", 1)
	w.files["placements/more.yaml"] = strings.Replace(w.files["placements/more.yaml"], "clusterSet: stores}]\n",
		"clusterName: two}]\n", 1)
	delete(w.files, "placements/shop.yaml")
	p = w.between(testfleet.Files{"clusters/two.yaml": strings.Replace(testfleet.Cluster("two", ""),
		"tier: store", "tier: other", 1)})
	if len(p.Grants) != 1 || len(p.Grants[0].Changes[0].Because) != 1 {
		t.Errorf("a label by which it gets another variant: %+v, blocked by %+v", p.Grants, p.Blockers)
	}
}

// TestABrokenFileBlocksAndSaysSo: it is not gone, and nobody can tell what it says.
func TestABrokenFileBlocksAndSaysSo(t *testing.T) {
	w := newWorld(t)
	for file, broken := range map[string]string{
		"placements/shop.yaml":    w.files["placements/shop.yaml"] + "  nonsense: 1\n",
		"clustersets/stores.yaml": testfleet.Set("stores") + "nonsense: 1\n",
		"clusters/two.yaml":       testfleet.Cluster("two", "  nonsense: 1\n"),
	} {
		p := w.between(testfleet.Files{file: broken})
		if len(p.Blockers) != 1 {
			t.Errorf("%s: blocked by %+v", file, p.Blockers)
			continue
		}
		b := p.Blockers[0]
		if b.File != file || b.Line == 0 || strings.Contains(b.Problem, file) ||
			!strings.Contains(b.Problem, "nothing can be said of what it changes") {
			t.Errorf("%s: blocked by %+v", file, b)
		}
		for _, g := range p.Grants {
			for _, cause := range g.Changes[0].Because {
				if !strings.Contains(cause.What, "cannot be read") {
					t.Errorf("%s: because %+v", file, cause)
				}
			}
		}
		if len(p.Deliveries) > 0 {
			t.Errorf("%s: something is delivered or removed: %+v", file, p.Deliveries)
		}
		before := w.files
		w.files = w.files.With(testfleet.Files{file: broken})
		if p := w.between(testfleet.Files{file: "# one line more\n" + broken}); p.Blocked() {
			t.Errorf("%s: it was broken before: %+v", file, p.Blockers)
		}
		w.files = before
	}
}

// TestAHintKeepsWhoHasIt: with one placement's targets alone, the other one loses it.
func TestAHintKeepsWhoHasIt(t *testing.T) {
	w := newWorld(t)
	labs := strings.Replace(testfleet.Set("labs"), "tier: store", "env: lab", 1)
	p := w.between(testfleet.Files{
		"clustersets/labs.yaml": labs,
		"placements/lab.yaml":   testfleet.Placement("lab", "apps/shop", "shop", "{clusterSet: labs}"),
	})
	const want = "give the value again: bulla set apps/shop/db.yaml password --set labs --set stores"
	if len(p.MissingLocks) != 1 || p.MissingLocks[0].Hint != want {
		t.Errorf("%+v, want %q", p.MissingLocks, want)
	}
	p = w.between(testfleet.Files{
		"placements/lab.yaml": testfleet.Placement("lab", "apps/shop", "shop", "{clusterName: lab}"),
	})
	if len(p.MissingLocks) != 1 || !strings.HasPrefix(p.MissingLocks[0].Hint, "put cluster lab into a set ") {
		t.Errorf("%+v", p.MissingLocks)
	}
}

// TestAHintIsNoCommandThatIsRefused: no value can be sealed for two objects by a scope that
// fits one. The other placement was not touched, and has the stub all the same.
func TestAHintIsNoCommandThatIsRefused(t *testing.T) {
	w := newWorld(t)
	p := w.between(testfleet.Files{
		"placements/far.yaml": testfleet.Placement("far", "apps/shop", "far", "{clusterSet: stores}"),
	})
	const want = "it becomes several objects: seal a new stub with --scope fleet, so that one lock fits them (and write " +
		"`allow: {fleetScope: true}` under spec of placements/far.yaml and placements/shop.yaml), or keep one stub for " +
		"each overlay"
	if len(p.MissingLocks) != 1 || p.MissingLocks[0].Hint != want {
		t.Errorf("%+v, want %q", p.MissingLocks, want)
	}
}

// TestKeysDueAreTold, and are no change.
func TestKeysDueAreTold(t *testing.T) {
	w := newWorld(t)
	w.supersede()
	p := w.between(testfleet.Files{"README": "x"})
	if len(p.KeysDue) != 1 || p.KeysDue[0].Stubs != 1 || p.KeysDue[0].Status != api.KeySuperseded || p.Changes() {
		t.Errorf("%+v, changes: %v", p.KeysDue, p.Changes())
	}
}

// supersede gives the fleet another Active key.
func (w *world) supersede() {
	w.t.Helper()
	spec := w.root.Spec(2)
	spec.SealingKeys[0].Status = api.KeySuperseded
	next, err := softkey.Derive(api.SuiteHybrid, "next")
	if err != nil {
		w.t.Fatal(err)
	}
	spec.SealingKeys = append(spec.SealingKeys, next.Record("2026-12-a"))
	w.files = w.files.With(testfleet.Files{"fleet.yaml": w.root.File(w.t, &spec)})
}
