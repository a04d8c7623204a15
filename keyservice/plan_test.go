package keyservice_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/plan"
	"github.com/bulla-dev/bulla/sealing"
)

// foretold is a fleet that changes at random, and what its plans say becomes of it.
type foretold struct {
	*fixture
	lab     *member
	random  *rand.Rand
	builder *kustomize.Builder
	files   testfleet.Files
	// stubs are files of stubs by where they may stand, digests all that ever were.
	stubs   map[string][]string
	digests map[string]*api.SealedManifest
	// opens is, by cluster, what plans say that it may open: payloads by object and field.
	opens map[string]map[string]string
}

func newForetold(t *testing.T, seed uint64) *foretold {
	f := &foretold{
		fixture: newFixture(t), random: rand.New(rand.NewPCG(seed, 1)),
		builder: kustomize.NewBuilder(kustomize.BuilderOptions{SlowAfter: time.Minute, Timeout: 3 * time.Minute}),
		stubs:   map[string][]string{}, digests: map[string]*api.SealedManifest{},
		opens: map[string]map[string]string{},
	}
	f.lab = f.join("lab")
	lock := func(kind sealing.TargetKind, name, recipient string) []sealing.LockTarget {
		return []sealing.LockTarget{{Target: sealing.Target{Kind: kind, Name: name}, Recipient: recipient}}
	}
	for _, app := range []string{"payments", "orders"} {
		for _, name := range []string{"db", "api"} {
			for _, targets := range [][]sealing.LockTarget{toAll, lock(sealing.Set, "few", ""),
				lock(sealing.Cluster, "lab", f.lab.identity.Recipient().String())} {
				file, digest := f.seal(stub{namespace: app, name: name, targets: targets,
					values: map[string]string{"/data/password": canary, "/data/user": "app"}})
				manifest, err := api.ParseSealedManifest("stub.yaml", []byte(file))
				if err != nil {
					t.Fatal(err)
				}
				path := "apps/" + app + "/" + name + ".yaml"
				f.stubs[path], f.digests[digest] = append(f.stubs[path], file), manifest
			}
		}
	}
	f.files = testfleet.Files{
		"fleet.yaml": f.fleetFile(f.made.Key), f.eu.path(): f.eu.file(nil, "all"), f.us.path(): f.us.file(nil, "few"),
		f.lab.path(): f.lab.file(nil), "clustersets/all.yaml": setFile("all"), "clustersets/few.yaml": setFile("few"),
		"placements/payments.yaml": placementFile("payments", "payments", "set/all"),
		"apps/payments/db.yaml":    f.stubs["apps/payments/db.yaml"][0], "apps/orders/config.yaml": testfleet.ConfigMap("c"),
	}
	f.commit(f.files)
	return f
}

// change is one change at random. prod-eu stays in the fleet: its questions have the
// service look at Git.
func (f *foretold) change() (what string, files testfleet.Files) {
	pick := func(texts ...string) string { return texts[f.random.IntN(len(texts))] }
	app := pick("payments", "orders")
	m := []*member{f.us, f.lab}[f.random.IntN(2)]
	switch f.random.IntN(9) {
	case 0:
		set := pick("all", "few", "none")
		return m.name + " is in " + set, testfleet.Files{m.path(): m.file(nil, set)}
	case 1:
		return m.name + " is suspended", testfleet.Files{
			m.path(): m.file(func(c *api.Cluster) { c.Spec.Suspend = true }, pick("all", "few"))}
	case 2:
		return m.name + " leaves", testfleet.Files{m.path(): ""}
	case 3:
		return "prod-eu moves", testfleet.Files{f.eu.path(): f.eu.file(nil, pick("all", "few"))}
	case 4:
		targets := []string{pick("set/all", "set/few", "cluster/lab", "cluster/prod-us"), pick("set/all", "cluster/lab")}
		return app + " is on others", testfleet.Files{"placements/" + app + ".yaml": placementFile(app, app, targets...)}
	case 5:
		return app + " goes", testfleet.Files{"placements/" + app + ".yaml": ""}
	case 6:
		path := "apps/" + app + "/" + pick("db", "api") + ".yaml"
		return path + " has another stub, or none", testfleet.Files{path: pick(append(f.stubs[path], "")...)}
	case 7:
		second := strings.Replace(placementFile("second", app, "set/few"), "apps/second", "apps/"+app, 1)
		return "a second placement", testfleet.Files{"placements/second.yaml": pick(second, second, "")}
	}
	broken := "resources: [nowhere.yaml]\n"
	return app + " is broken, or mended", testfleet.Files{"apps/" + app + "/kustomization.yaml": pick(broken, "", "")}
}

func (f *foretold) side(files testfleet.Files) *plan.Side {
	s, err := plan.Open(plan.Revision{}, testfleet.Open(f.t, files), &model.Loader{}, f.now())
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

// follow takes what a plan says into what is foretold.
func (f *foretold) follow(before, after testfleet.Files) {
	p, err := plan.Between(f.t.Context(), f.side(before), f.side(after), plan.Options{Builder: f.builder})
	if err != nil {
		f.t.Fatal(err)
	}
	for _, g := range p.Grants {
		for _, cluster := range g.On.Names {
			if f.opens[cluster] == nil {
				f.opens[cluster] = map[string]string{}
			}
			for _, c := range g.Changes {
				for _, field := range c.Fields {
					key := c.Object.Namespace + "/" + c.Object.Name + field
					if c.Change == plan.Lost {
						delete(f.opens[cluster], key)
						continue
					}
					f.opens[cluster][key] = f.payload(after[c.Stub], field)
				}
			}
		}
	}
}

func (f *foretold) payload(file, field string) string {
	manifest := f.digests[api.StubDigest([]byte(file))]
	if manifest == nil {
		return "no such stub"
	}
	for _, block := range manifest.Spec.Blocks {
		if slices.Contains(block.Fields, field) {
			return block.Payload
		}
	}
	return "no such field"
}

// granted is what the service gives a cluster at a head.
func (f *foretold) granted(m *member, head string) map[string]string {
	opens := map[string]string{}
	answers, err := m.client.Unseal(f.t.Context(), head, slices.Sorted(maps.Keys(f.digests)))
	var denied *client.DeniedError
	switch {
	case errors.As(err, &denied) &&
		(denied.Reason == keyservicev1.ReasonNotInFleet || denied.Reason == keyservicev1.ReasonSuspended):
		return opens
	case err != nil:
		f.t.Fatalf("%s asks at %s: %v", m.name, head, err)
	case answers.Head != head:
		f.t.Fatalf("%s is answered at %s, and asked at %s", m.name, answers.Head, head)
	}
	for digest, result := range answers.Results {
		if !result.Granted() {
			continue
		}
		manifest := f.digests[digest]
		for _, block := range manifest.Spec.Blocks {
			for _, field := range block.Fields {
				opens[manifest.Metadata.Namespace+"/"+manifest.Metadata.Name+field] = block.Payload
			}
		}
	}
	return opens
}

// TestAPlanForetellsWhatTheServiceOpens: a reviewer who merges what a plan says merges
// what the service then does, to the last value, and nothing beside it.
func TestAPlanForetellsWhatTheServiceOpens(t *testing.T) {
	seed := uint64(20261129)
	if text := os.Getenv("BULLA_PLAN_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	f := newForetold(t, seed)
	f.follow(testfleet.Files{}, f.files)
	some := 0
	const steps = 25
	for i := range steps {
		what, files := f.change()
		before := f.files
		f.files = f.files.With(files)
		for path, text := range files {
			if text == "" {
				delete(f.files, path)
				if before[path] == "" {
					delete(files, path) // it was not there
				}
			}
		}
		head := f.commit(files)
		f.follow(before, f.files)
		for _, m := range []*member{f.eu, f.us, f.lab} {
			got, want := f.granted(m, head), f.opens[m.name]
			some += len(got)
			if !maps.Equal(want, got) {
				diff := cmp.Diff(want, got)
				t.Fatalf("seed %d, step %d, %s: %s (-the plan +the service):\n%s", seed, i, what, m.name, diff)
			}
		}
	}
	if some == 0 {
		t.Error(fmt.Sprint("nothing was ever opened: seed ", seed))
	}
}
