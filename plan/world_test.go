package plan_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/plan"
)

func TestMain(m *testing.M) {
	kustomize.MaybeRunBuildWorker()
	maybeStock()
	os.Exit(m.Run())
}

// world is a fleet whose revisions are compared.
type world struct {
	t       testing.TB
	root    *testfleet.Root
	sealer  testfleet.Sealer
	builder *kustomize.Builder
	files   testfleet.Files
	now     time.Time
}

// newWorld has two stores and a lab, and the application shop on the stores.
func newWorld(t testing.TB) *world {
	root := testfleet.NewRoot(t)
	spec := root.Spec(1)
	w := &world{
		t: t, root: root, sealer: testfleet.SealerOf(t, &spec), now: time.Now(),
		builder: kustomize.NewBuilder(kustomize.BuilderOptions{Timeout: 3 * time.Minute, SlowAfter: time.Hour}),
	}
	w.files = testfleet.Files{
		"fleet.yaml":              root.Fleet(t, 1),
		"clusters/one.yaml":       testfleet.Cluster("one", ""),
		"clusters/two.yaml":       testfleet.Cluster("two", ""),
		"clusters/lab.yaml":       lab(),
		"clustersets/stores.yaml": testfleet.Set("stores"),
		"placements/shop.yaml":    testfleet.Placement("shop", "apps/shop", "shop", "{clusterSet: stores}"),
		"apps/shop/config.yaml":   testfleet.ConfigMap("config"),
		"apps/shop/db.yaml":       w.seal("db", "set/stores"),
	}
	return w
}

// rekeyed is a cluster's file with another identity.
func rekeyed(file string) string {
	before, after, _ := strings.Cut(file, "sha256:")
	return before + "sha256:" + strings.Repeat("cd", 32) + after[64:]
}

func lab() string {
	return strings.Replace(testfleet.Cluster("lab", ""), "tier: store", "env: lab", 1)
}

// seal is the file of a new value for a Secret in namespace shop.
func (w *world) seal(name string, targets ...string) string {
	return w.sealIn("shop", name, targets...)
}

func (w *world) sealIn(namespace, name string, targets ...string) string {
	w.t.Helper()
	file, err := w.sealer.File(testfleet.Secret{
		Name: name, BuiltNamespace: namespace, Targets: targets, Values: map[string]string{"password": name},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return string(file)
}

// twoLocks has values sealed for clusters by name.
func (w *world) twoLocks() {
	w.t.Helper()
	w.sealer.Recipient = func(name string) string {
		text := testfleet.Cluster(name, "")
		_, after, _ := strings.Cut(text, "recipient: ")
		return strings.TrimSpace(after)
	}
	w.sealer.Recovery = []string{w.sealer.Recipient("")}
}

func (w *world) side(name string, files testfleet.Files) *plan.Side {
	w.t.Helper()
	s, err := plan.Open(plan.Revision{Name: name, Commit: name}, testfleet.Open(w.t, files), &model.Loader{}, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// between is the plan from the world's files to those with a change; "" takes one away.
func (w *world) between(change testfleet.Files) *plan.Plan {
	w.t.Helper()
	after := w.files.With(change)
	for name, content := range change {
		if content == "" {
			delete(after, name)
		}
	}
	p, err := plan.Between(w.t.Context(), w.side("base", w.files), w.side("head", after), plan.Options{Builder: w.builder})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// lines are what a plan says, a line for each thing.
func lines(p *plan.Plan) (all []string) {
	for _, b := range p.Blockers {
		all = append(all, fmt.Sprintf("blocked %s: %s", b.File, b.Problem))
	}
	for _, c := range p.Fleet {
		all = append(all, "fleet "+c.Field)
	}
	for _, c := range p.ClusterFiles {
		all = append(all, "file "+c.On.Title+": "+c.Change)
	}
	for _, g := range p.Grants {
		for _, c := range g.Changes {
			var ways []string
			for _, b := range c.Because {
				ways = append(ways, string(b.Path)+" "+strings.Join(b.Files, "+"))
			}
			all = append(all, fmt.Sprintf("%s: %s %s%s %s by %s", g.On.Title, c.Change, c.Placement, c.From, c.Object,
				strings.Join(ways, ", ")))
		}
	}
	for _, m := range p.MissingLocks {
		all = append(all, fmt.Sprintf("%s: shut %s %s: %s", m.On.Title, m.Placement, m.Object, m.Problem))
	}
	for _, d := range p.Deliveries {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s: %s is %s %s", d.On.Title, d.Placement, d.Change,
			strings.Join(d.Settings, " "))))
		if d.Ends != "" {
			all = append(all, "  "+d.Ends)
		}
		for _, o := range d.Objects {
			all = append(all, fmt.Sprintf("  %s %s%s", o.Change, o.Object, o.Other))
		}
	}
	slices.Sort(all)
	return all
}
