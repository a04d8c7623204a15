package draft_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/console/draft"
	"github.com/bulla-dev/bulla/console/sealer"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/sealing"
)

func TestMain(m *testing.M) {
	kustomize.MaybeRunBuildWorker()
	os.Exit(m.Run())
}

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
      - name: api
        image: example.com/api:1
`

// world is a clone of a signed fleet: the application shop on the set stores, whose
// kustomization puts a prefix before names.
type world struct {
	*testing.T
	*draft.Desk
	dir   string
	fleet *sealer.Fleet
}

func newWorld(t *testing.T) *world {
	t.Helper()
	root := testfleet.NewRoot(t)
	spec := root.Spec(1)
	w := &world{T: t, dir: t.TempDir()}
	testfleet.Two().With(testfleet.Files{
		"fleet.yaml":                   root.File(t, &spec),
		"apps/app/kustomization.yaml":  "namePrefix: shop-\nresources:\n- a.yaml\n- api.yaml\n",
		"apps/app/api.yaml":            deployment,
		"clustersets/others.yaml":      testfleet.Set("others"),
		"apps/tool/kustomization.yaml": "resources: [t.yaml]\n",
	}).Write(t, w.dir)
	w.git("init", "-q", "-b", "main")
	w.commit("begin")
	text, err := json.Marshal(api.Fleet{TypeMeta: api.TypeMeta{APIVersion: api.APIVersion, Kind: api.KindFleet},
		Metadata: api.Metadata{Name: "acme"}, Spec: spec})
	if err != nil {
		t.Fatal(err)
	}
	if w.fleet, err = sealer.Open(testfleet.Parsed(text), root.Key, sealing.Known{}, false); err != nil {
		t.Fatal(err)
	}
	builder := kustomize.NewBuilder(kustomize.BuilderOptions{})
	c, err := clone.Open(w.dir, "refs/heads/main", builder)
	if err != nil {
		t.Fatal(err)
	}
	w.Desk = &draft.Desk{Clone: c, Builder: builder}
	return w
}

func (w *world) git(args ...string) string {
	w.Helper()
	who := []string{"-C", w.dir, "-c", "user.name=t", "-c", "user.email=t@example.com"}
	cmd := exec.Command("git", append(who, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit commits all that is in the folder.
func (w *world) commit(title string) string {
	w.Helper()
	w.git("add", "-A")
	w.git("commit", "-q", "--allow-empty", "-m", title)
	return w.git("rev-parse", "HEAD")
}

// merge writes files and commits them on the branch.
func (w *world) merge(files map[string][]byte) string {
	w.Helper()
	for file, data := range files {
		at := filepath.Join(w.dir, file)
		if data == nil {
			if err := os.Remove(at); err != nil {
				w.Fatal(err)
			}
		} else if err := os.WriteFile(at, data, 0o600); err != nil {
			w.Fatal(err)
		}
	}
	return w.commit("merge")
}

// dangling makes a commit that no branch has, as desk/proposal does.
func (w *world) dangling(_ context.Context, d draft.Draft) (string, error) {
	before := w.git("rev-parse", "main")
	w.git("checkout", "-q", d.Base)
	commit := w.merge(d.Files)
	w.git("checkout", "-q", "-f", "main")
	if w.git("rev-parse", "main") != before {
		w.Error("the branch moved")
	}
	return commit, nil
}

// seal does what a browser does.
func (w *world) seal(d draft.Draft, given map[string]string) draft.Draft {
	w.Helper()
	asking, err := w.Ask(w.Context(), w.again(d), nil)
	if err != nil {
		w.Fatal(err)
	}
	d, err = w.Take(w.Context(), w.again(d), w.blocks(asking, given))
	if err != nil {
		w.Fatal(err)
	}
	return d
}

// again is a draft as the next request finds it.
func (w *world) again(d draft.Draft) draft.Draft {
	w.Helper()
	d, err := w.Get(d.ID, d.Owner)
	if err != nil {
		w.Fatal(err)
	}
	return d
}

func (w *world) blocks(asking *draft.Asking, given map[string]string) (blocks []api.Block) {
	w.Helper()
	for _, job := range asking.Jobs {
		values := map[string][]byte{}
		for _, key := range slices.Concat(job.Blocks...) {
			if job.Generate[key] == "" {
				values[key] = []byte(given[key])
			}
		}
		sealed, err := w.fleet.Seal(job, values)
		if err != nil {
			w.Fatal(err)
		}
		blocks = append(blocks, sealed.Blocks...)
	}
	return blocks
}

func (w *world) begin(c draft.Choice) draft.Draft {
	w.Helper()
	d, err := w.Begin(w.Context(), "ann", c)
	if err != nil {
		w.Fatal(err)
	}
	return d
}

func (w *world) preview(d draft.Draft) *draft.Preview {
	w.Helper()
	p, err := w.Preview(w.Context(), d, w.dangling, "test")
	if err != nil {
		w.Fatal(err)
	}
	return p
}

func password() draft.Choice {
	return draft.Choice{Kind: draft.New, Placement: "app", Name: "db", Shape: draft.Password, Keys: []string{"password"},
		Deliver: []api.DeliverAs{{Workload: api.WorkloadReference{Kind: "Deployment", Name: "api"},
			Env: &api.DeliverEnv{Keys: map[string]string{"password": "DB_PASSWORD"}}}}}
}
