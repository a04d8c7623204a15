package check_test

import (
	"os"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/check"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/sealing/reference"
)

func TestMain(m *testing.M) {
	kustomize.MaybeRunBuildWorker()
	os.Exit(m.Run())
}

// world is a fleet with three keys, of which one seals.
type world struct {
	spec   api.FleetSpec
	fleet  string
	sealer testfleet.Sealer
}

func newWorld(t *testing.T) world {
	t.Helper()
	root := testfleet.NewRoot(t)
	w := world{spec: root.Spec(1)}
	for id, status := range map[string]api.KeyStatus{"old": api.KeyRetired, "last": api.KeySuperseded} {
		key, err := softkey.Derive(api.SuiteHybrid, id)
		if err != nil {
			t.Fatal(err)
		}
		record := key.Record(id)
		record.Status = status
		w.spec.SealingKeys = append(w.spec.SealingKeys, record)
	}
	w.fleet = root.File(t, &w.spec)
	w.sealer = testfleet.SealerOf(t, &w.spec)
	return w
}

// sealed is the stub of a Secret of placement app.
func (w world) sealed(t *testing.T, change func(*testfleet.Secret)) string {
	t.Helper()
	secret := testfleet.Secret{
		Name: "db", Namespace: "app", Targets: []string{"set/stores"}, Values: map[string]string{"password": "p"},
	}
	change(&secret)
	data, err := w.sealer.File(secret)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// referred is a stub's reference.
func (w world) referred(t *testing.T, stub string) string {
	t.Helper()
	r, err := reference.Of(w.spec.ID, "db.yaml", []byte(stub))
	if err != nil {
		t.Fatal(err)
	}
	data, err := yaml.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// findings are those of the world's fleet, with other files and without some, one to a line.
func (w world) findings(t *testing.T, files testfleet.Files) string {
	t.Helper()
	return w.findingsKnowing(t, files, nil)
}

// findingsKnowing are those of a run after others.
func (w world) findingsKnowing(t *testing.T, files testfleet.Files, known *check.Known) string {
	t.Helper()
	all := testfleet.Two().With(testfleet.Files{
		"fleet.yaml": w.fleet, "CODEOWNERS": "* @acme/platform\n",
		"clusters/one.yaml":    strings.Replace(testfleet.Cluster("one", ""), "tier: store", "tier: store, few: x", 1),
		"clustersets/few.yaml": selecting("few", "few: x"), "clustersets/none.yaml": selecting("none", "few: y"),
		"placements/late.yaml": testfleet.Placement("late", "apps/listed", "late", "{clusterName: one}") +
			"  dependsOn: [{name: app}]\n",
		"apps/listed/kustomization.yaml": "resources: [a.yaml]\n", "apps/listed/a.yaml": testfleet.ConfigMap("a"),
		"placements/one.yaml": testfleet.Placement("one", "apps/one", "one", "{clusterName: one}") +
			"  dependsOn: [{name: late}]\n",
		"apps/one/db.yaml": w.referred(t, w.sealed(t, func(s *testfleet.Secret) {
			s.Namespace, s.BuiltNamespace, s.Scope = "", "one", api.ScopeNamespace
		})),
	}).With(files)
	for name, text := range files {
		if text == "" {
			delete(all, name)
		}
	}
	tree := testfleet.Open(t, all)
	fleet, err := model.Load(tree)
	if err != nil {
		t.Fatal(err)
	}
	report, err := check.Fleet(t.Context(), tree, fleet, kustomize.NewBuilder(kustomize.BuilderOptions{}), nil, known,
		func(string, ...any) {})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, finding := range report.Findings {
		// Neither the namespaces nor the stub of the one reference are here.
		if !finding.Note || finding.File != "apps/one/db.yaml" &&
			!strings.Contains(finding.Problem, "no placement makes namespace") {
			lines = append(lines, finding.String())
		}
	}
	return strings.Join(lines, "\n")
}

// selecting is a set of the clusters with a label.
func selecting(name, label string) string {
	return strings.Replace(testfleet.Set(name), "tier: store", label, 1)
}

func recipient(t *testing.T) string {
	t.Helper()
	identity, err := softkey.NewIdentity("recovery")
	if err != nil {
		t.Fatal(err)
	}
	return identity.Recipient()
}
