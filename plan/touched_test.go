package plan_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/plan"
)

const stores = "{clusterSet: stores}"

// whole is a fleet of everything by which one placement hangs on another's files.
func (w *world) whole() testfleet.Files {
	files := w.files.With(testfleet.Files{
		"clustersets/labs.yaml":   strings.ReplaceAll(testfleet.Set("labs"), "tier: store", "env: lab"),
		"base/kustomization.yaml": "resources: [c.yaml]\n",
		"base/c.yaml":             testfleet.ConfigMap("shared"),
		"base/patch.yaml":         testfleet.ConfigMap("shared") + "  more: x\n",
		"parts/one/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n" +
			"resources: [d.yaml]\n",
		"parts/one/d.yaml": testfleet.ConfigMap("part"),
	})
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		files["apps/"+name+"/config.yaml"] = testfleet.ConfigMap("config-" + name)
		files["apps/"+name+"/db.yaml"] = w.sealIn(name, "db", "set/stores", "set/labs")
		files["placements/"+name+".yaml"] = testfleet.Placement(name, "apps/"+name, name, "{clusterSet: stores}")
	}
	files["apps/a/kustomization.yaml"] = "resources: [config.yaml, db.yaml, ../../base]\n"
	files["apps/b/kustomization.yaml"] = "resources: [config.yaml, db.yaml]\ntransformers: [../../base/t.yaml]\n"
	files["base/t.yaml"] = "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: p}\n" +
		"path: ../../base/patch.yaml\ntarget: {kind: ConfigMap}\n"
	files["placements/c.yaml"] += "  components: [../../parts/one]\n"
	files["placements/d.yaml"] += "  variants: [{name: lab, clusterSet: labs, path: base}]\n"
	files["placements/d.yaml"] = strings.Replace(files["placements/d.yaml"], "]\n", ", {clusterSet: labs}]\n", 1)
	files["placements/e.yaml"] += "  substitute: {}\n"
	files["apps/e/config.yaml"] += "  name: ${CLUSTER_NAME}\n"
	return files
}

// change is one at random.
func (w *world) change(random *rand.Rand) testfleet.Files {
	pick := func(all ...string) string { return all[random.IntN(len(all))] }
	app := pick("a", "b", "c", "d", "e", "shop")
	file := "placements/" + app + ".yaml"
	switch random.IntN(13) {
	case 0:
		return testfleet.Files{"base/" + pick("c", "patch") + ".yaml": testfleet.ConfigMap("shared") + "  n: " +
			pick("x", "y") + "\n"}
	case 1:
		return testfleet.Files{"parts/one/d.yaml": testfleet.ConfigMap(pick("part", "other"))}
	case 2:
		return testfleet.Files{"apps/" + app + "/config.yaml": testfleet.ConfigMap("config-" + pick("a", "b", app))}
	case 3:
		return testfleet.Files{"apps/" + app + "/db.yaml": w.sealIn(app, "db", pick("set/stores", "set/labs"))}
	case 4: // a namespace of two
		return testfleet.Files{file: testfleet.Placement(app, "apps/"+app, pick("a", "shared", app), stores)}
	case 5:
		on := "{clusterName: " + pick("one", "lab") + "}"
		return testfleet.Files{file: testfleet.Placement(app, "apps/"+pick("a", app), app, on)}
	case 6:
		return testfleet.Files{file: ""}
	case 7:
		return testfleet.Files{"clusters/" + pick("two", "three") + ".yaml": pick("", testfleet.Cluster("two", ""))}
	case 8:
		return testfleet.Files{"clusters/lab.yaml": pick(lab(), testfleet.Cluster("lab", ""), "broken")}
	case 9:
		set := testfleet.Set("labs")
		return testfleet.Files{"clustersets/labs.yaml": pick("", set, strings.ReplaceAll(set, "tier: store", "env: lab"))}
	case 10:
		return testfleet.Files{file: pick("broken", testfleet.Placement(app, "apps/"+app, app, "{clusterSet: none}"))}
	case 11:
		return testfleet.Files{"fleet.yaml": w.root.Fleet(w.t, int64(2+random.IntN(3)))}
	}
	return testfleet.Files{"apps/" + app + "/kustomization.yaml": pick("resources: [nowhere.yaml]\n",
		"resources: [config.yaml]\n", "resources: [config.yaml, ../"+pick("a", "b")+"]\n", "")}
}

// TestWhatIsNotBuiltChangesNothing holds plans that build what a change may touch against
// plans that build everything.
func TestWhatIsNotBuiltChangesNothing(t *testing.T) {
	seed, steps := uint64(20261129), 60
	if text := os.Getenv("BULLA_PLAN_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorld(t)
	w.files = w.whole()
	random, known, changes := rand.New(rand.NewPCG(seed, 3)), 0, 0
	for i := range steps {
		after := w.files
		var said []string
		for range 1 + random.IntN(2) {
			change := w.change(random)
			after = after.With(change)
			for name, content := range change {
				said = append(said, name)
				if content == "" {
					delete(after, name)
				}
			}
		}
		base, head := w.side("base", w.files), w.side("head", after)
		plans := map[bool]*plan.Plan{}
		for _, whole := range []bool{false, true} {
			p, err := plan.Between(t.Context(), base, head, plan.Options{Builder: w.builder, Whole: whole})
			if err != nil {
				t.Fatal(err)
			}
			plans[whole] = p
		}
		for _, p := range plans[false].Known {
			if !slices.Contains(plans[true].Known, p) {
				t.Errorf("seed %d, step %d, %q: not known to the whole plan: %+v", seed, i, said, p)
			}
		}
		known += len(plans[true].Known) - len(plans[false].Known)
		plans[true].Known, plans[false].Known = nil, nil
		if diff := cmp.Diff(plans[true], plans[false]); diff != "" {
			t.Fatalf("seed %d, step %d, %q (-the whole +what is built):\n%s", seed, i, said, diff)
		}
		if plans[true].Changes() {
			changes++
		}
		if random.IntN(3) > 0 || strings.Contains(fmt.Sprint(after), "broken") {
			continue // what is refused on one side only is the rule
		}
		w.files = after
	}
	if changes < steps/2 {
		t.Errorf("of %d changes %d did anything", steps, changes)
	}
	t.Logf("%d known problems were left out", known)
}

// TestAPlanBuildsWhatAChangeMayTouch: both revisions of what changed, whatever else there
// is, and the neighbours of it.
func TestAPlanBuildsWhatAChangeMayTouch(t *testing.T) {
	w := newWorld(t)
	w.files = w.whole()
	delete(w.files, "placements/b.yaml") // of which nobody can tell
	unwaited := w.files["placements/c.yaml"] + "  wait: false\n"
	neighbour := testfleet.Placement("n", "base", "c", stores)
	for name, test := range map[string]struct {
		change testfleet.Files
		builds int64
	}{
		"nothing":                   {nil, 0},
		"a page":                    {testfleet.Files{"README.md": "x"}, 0},
		"one application":           {testfleet.Files{"apps/c/config.yaml": testfleet.ConfigMap("new")}, 2},
		"a base":                    {testfleet.Files{"base/c.yaml": testfleet.ConfigMap("new")}, 5},
		"a component":               {testfleet.Files{"parts/one/d.yaml": testfleet.ConfigMap("new")}, 2},
		"a wait":                    {testfleet.Files{"placements/c.yaml": unwaited}, 1},
		"a cluster that comes":      {testfleet.Files{"clusters/three.yaml": testfleet.Cluster("three", "")}, 6},
		"one in another's space":    {testfleet.Files{"placements/n.yaml": neighbour}, 2},
		"a file that nobody places": {testfleet.Files{"apps/z/config.yaml": testfleet.ConfigMap("new")}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := kustomize.NewBuilder(kustomize.BuilderOptions{Timeout: time.Minute, SlowAfter: time.Minute})
			_, err := plan.Between(t.Context(), w.side("base", w.files), w.side("head", w.files.With(test.change)),
				plan.Options{Builder: b})
			if err != nil || b.Processes() != test.builds {
				t.Errorf("%d builds, want %d: %v", b.Processes(), test.builds, err)
			}
		})
	}
}

// TestANamespaceThatTwoBuildIsTold: an application may build its own Namespace without a
// line that says so, and another that may build any takes all of its grants with it.
func TestANamespaceThatTwoBuildIsTold(t *testing.T) {
	w := newWorld(t)
	namespace := func(name string) string { return "apiVersion: v1\nkind: Namespace\nmetadata: {name: " + name + "}\n" }
	w.files["apps/shop/namespace.yaml"] = namespace("shop")
	w.files["apps/spaces/other.yaml"] = namespace("other")
	w.files["placements/spaces.yaml"] = testfleet.Placement("spaces", "apps/spaces", "spaces", stores) +
		"  allow: {clusterResources: [Namespace]}\n"
	p := w.between(testfleet.Files{"apps/spaces/shop.yaml": namespace("shop")})
	if len(p.Blockers) != 1 || !strings.Contains(p.Blockers[0].Problem, "is claimed by placements shop, spaces") {
		t.Errorf("blockers %+v", p.Blockers)
	}
	if len(p.Grants) != 1 || p.Grants[0].Changes[0].Change != plan.Lost {
		t.Errorf("grants %+v", p.Grants)
	}
}
