package uicmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/check"
	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/console/draft"
	"github.com/bulla-dev/bulla/console/sealer"
	"github.com/bulla-dev/bulla/console/wizard"
	"github.com/bulla-dev/bulla/desk/rotation"
	"github.com/bulla-dev/bulla/desk/values"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/sealing"
)

const (
	drawnFleets = 12
	// drawnSteps are the drafts of each fleet, one after the other.
	drawnSteps = 9
)

func TestMain(m *testing.M) {
	kustomize.MaybeRunBuildWorker()
	os.Exit(m.Run())
}

// drawn is a random fleet, in a clone.
type drawn struct {
	*testing.T
	*draft.Desk

	random *rand.Rand
	dir    string
	fleet  *sealer.Fleet
	apps   []string
	// secrets are the applications of those that are there, by their files.
	secrets map[string]string
	next    int
	errors  map[string]bool
}

func (d *drawn) one(of ...string) string { return of[d.random.IntN(len(of))] }

func draw(t *testing.T, seed uint64) *drawn {
	t.Helper()
	d := &drawn{T: t, random: rand.New(rand.NewPCG(seed, 11)), dir: t.TempDir(), secrets: map[string]string{}}
	root := testfleet.NewRoot(t)
	spec := root.Spec(1)
	if seed%3 > 0 {
		spec.RecoveryRecipients = []string{d.recipient()}
	}
	files := testfleet.Files{"fleet.yaml": root.File(t, &spec)}
	for i := range 2 + d.random.IntN(3) {
		name := fmt.Sprintf("c%d", i)
		file := testfleet.ClusterOf(name, "sha256:"+strings.Repeat(fmt.Sprint(i), 64), d.recipient())
		files["clusters/"+name+".yaml"] = strings.Replace(file, "tier: store",
			d.one("tier: store", "tier: store, env: prod"), 1)
	}
	for _, set := range []string{"stores", "others"} {
		files["clustersets/"+set+".yaml"] = testfleet.Set(set)
	}
	for i := range 1 + d.random.IntN(3) {
		name := fmt.Sprintf("app%d", i)
		d.apps = append(d.apps, name)
		files["placements/"+name+".yaml"] = testfleet.Placement(name, "apps/"+name, name,
			d.one("{clusterSet: stores}", "{clusterSet: others}, {clusterSet: stores}",
				"{clusterSet: stores}, {clusterSet: others}",
				"{clusterSet: stores}, {clusterName: c0}"))
		files["apps/"+name+"/api.yaml"] = workload(d.one("Deployment", "StatefulSet"))
		head := d.one("", "namePrefix: shop-\n", "nameSuffix: -x\n", "labels: [{pairs: {a: b}}]\n")
		if d.random.IntN(4) > 0 {
			files["apps/"+name+"/kustomization.yaml"] = head + d.one("resources:\n- api.yaml\n", "resources: [api.yaml]\n",
				"resources:\n  # ours\n  - api.yaml # runs it\n")
		}
	}
	files.Write(t, d.dir)
	d.git("init", "-q", "-b", "main")
	d.commit()
	builder := kustomize.NewBuilder(kustomize.BuilderOptions{})
	at, err := clone.Open(d.dir, "refs/heads/main", builder)
	if err != nil {
		t.Fatal(err)
	}
	d.Desk = &draft.Desk{Clone: at, Builder: builder}
	text, err := json.Marshal(api.Fleet{TypeMeta: api.TypeMeta{APIVersion: api.APIVersion, Kind: api.KindFleet},
		Metadata: api.Metadata{Name: "acme"}, Spec: spec})
	if err != nil {
		t.Fatal(err)
	}
	if d.fleet, err = sealer.Open(testfleet.Parsed(text), root.Key, sealing.Known{}, false); err != nil {
		t.Fatal(err)
	}
	d.errors = d.validate()
	return d
}

func (d *drawn) recipient() string {
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		d.Fatal(err)
	}
	return id.Recipient().String()
}

func workload(kind string) string {
	return `apiVersion: apps/v1
kind: ` + kind + `
metadata: {name: api}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
      - name: api
        image: example.com/api:1
`
}

func (d *drawn) git(args ...string) {
	d.Helper()
	who := []string{"-C", d.dir, "-c", "user.name=t", "-c", "user.email=t@example.com"}
	if out, err := exec.CommandContext(d.Context(), "git", append(who, args...)...).CombinedOutput(); err != nil {
		d.Fatalf("git %v: %v: %s", args, err, out)
	}
}

func (d *drawn) commit() {
	d.git("add", "-A")
	d.git("commit", "-q", "-m", "next")
}

// validate gives the errors that `bulla validate` tells of what stands there.
func (d *drawn) validate() map[string]bool {
	d.Helper()
	s, err := d.Clone.Snapshot(d.Context())
	if err != nil {
		d.Fatal(err)
	}
	report, err := check.Fleet(d.Context(), s.Tree, s.Model, d.Builder, nil, nil, func(string, ...any) {})
	if err != nil {
		d.Fatal(err)
	}
	all := map[string]bool{}
	for _, f := range report.Findings {
		if !f.Warning && !f.Note {
			all[f.String()] = true
		}
	}
	return all
}

// choice is a random one of those that can be made now.
func (d *drawn) choice() draft.Choice {
	app := d.one(d.apps...)
	kind := draft.New
	file := ""
	for _, one := range slices.Sorted(maps.Keys(d.secrets)) {
		if d.random.IntN(2) > 0 {
			file, app = one, d.secrets[one]
			kind = draft.Kind(d.one(string(draft.Change), string(draft.Rotate), string(draft.Add), string(draft.Single),
				string(draft.Remove), string(draft.Away), string(draft.Lost)))
		}
	}
	c := draft.Choice{Kind: kind, Placement: app, File: file}
	target := func(kind sealing.TargetKind, name string) []sealing.Target {
		return []sealing.Target{{Kind: kind, Name: name}}
	}
	switch kind {
	case draft.New:
		d.fill(&c)
	case draft.Change:
		c.Keys = []string{"password"}
	case draft.Remove:
		c.Targets = target(sealing.Set, "others")
	case draft.Add:
		c.Targets = target(sealing.Set, d.one("stores", "others"))
		if d.random.IntN(3) == 0 {
			c.Targets = target(sealing.Cluster, d.one("c0", "c1"))
		}
	case draft.Single:
		c.Targets = target(sealing.Cluster, d.one("c0", "c1"))
	case draft.Lost:
		c.Many = &draft.Many{Cluster: "gone", Title: "Rotate",
			Parts: []rotation.Part{{File: file, Keys: []string{"password"}}}}
	}
	return c
}

// fill chooses what is new, as somebody does who clicks at random.
func (d *drawn) fill(c *draft.Choice) {
	d.next++
	c.Name, c.Recipes = fmt.Sprintf("s%d", d.next), values.Recipes{}
	if c.Shape = draft.Generate; d.random.IntN(2) > 0 {
		c.Shape = draft.Shapes[d.random.IntN(len(draft.Shapes))]
	}
	if c.Keys = c.Shape.Fixed(); c.Keys == nil {
		c.Keys = []string{"password"}
		if d.random.IntN(2) > 0 {
			c.Keys = []string{"other.txt", "password"}
		}
	}
	if c.Shape == draft.Generate {
		for _, key := range c.Keys {
			c.Recipes[key] = values.Recipe{Length: 16 + d.random.IntN(32), Alphabet: d.one(values.Alphabets()...)}
		}
	}
	reads := api.WorkloadReference{Kind: d.one("Deployment", "StatefulSet"), Name: "api"}
	switch d.random.IntN(3) {
	case 0:
		c.Deliver = []api.DeliverAs{{Workload: reads, Volume: &api.DeliverVolume{MountPath: "/etc/" + c.Name,
			DefaultMode: d.one("", "0400", "0440")}}}
	case 1:
		env := &api.DeliverEnv{Keys: map[string]string{}}
		for _, key := range c.Keys {
			env.Keys[key] = fmt.Sprintf("V%d_%s", d.next, strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(key)))
		}
		c.Deliver = []api.DeliverAs{{Workload: reads, Env: env}}
	}
}

// put asks, seals and takes a choice, as a page does, and merges it. An error is one that a
// person is told before there is anything to look at.
func (d *drawn) put(c draft.Choice) error {
	d.Helper()
	// As the wizard does it, before there is a draft.
	s, err := d.Clone.Snapshot(d.Context())
	if err == nil {
		err = wizard.Known(d.Context(), d.Builder, s, c)
	}
	if err != nil {
		return err
	}
	begun, err := d.Begin(d.Context(), "ann", c)
	if err != nil {
		return err
	}
	if c.Kind.Seals() {
		if begun, err = d.Get(begun.ID, "ann"); err != nil {
			return err
		}
		asking, err := d.Ask(d.Context(), begun, nil)
		if err != nil {
			return err
		}
		var blocks []api.Block
		for _, job := range asking.Jobs {
			job.Shape = "" // the values are drawn, and those of a shape are console/sealer's to hold
			given := map[string][]byte{}
			for _, key := range slices.Concat(job.Blocks...) {
				if job.Generate[key] == "" {
					given[key] = fmt.Appendf(nil, "{\"auths\":{}} %d", d.random.Int())
				}
			}
			sealed, err := d.fleet.Seal(job, given)
			if err != nil {
				d.Fatalf("%+v: %v", job, err)
			}
			blocks = append(blocks, sealed.Blocks...)
		}
		if begun, err = d.Get(begun.ID, "ann"); err != nil {
			return err
		}
		if begun, err = d.Take(d.Context(), begun, blocks); err != nil {
			return err
		}
	}
	for file, data := range begun.Files {
		at := filepath.Join(d.dir, file)
		if data == nil {
			err = os.Remove(at)
		} else {
			err = os.WriteFile(at, data, 0o600)
		}
		if err != nil {
			d.Fatal(err)
		}
		switch {
		case data == nil:
			delete(d.secrets, file)
		case c.Kind == draft.New && strings.HasSuffix(file, "/"+c.Name+".yaml"):
			d.secrets[file] = c.Placement
		}
	}
	d.commit()
	return nil
}

// TestWhatTheWizardWritesIsValid: on fleets that nobody thought of, whatever a draft becomes
// passes `bulla validate`, and so does what comes after it.
func TestWhatTheWizardWritesIsValid(t *testing.T) {
	kinds, shapes, refused := map[draft.Kind]int{}, map[draft.Shape]int{}, 0
	why := map[string]int{}
	for seed := range uint64(drawnFleets) {
		d := draw(t, seed)
		for range drawnSteps {
			c := d.choice()
			switch err := d.put(c); {
			case errors.Is(err, context.Canceled):
				t.Fatal(err)
			case err != nil:
				if fault.Hint(err) == "" {
					t.Errorf("fleet %d: %s is refused without what to do: %v", seed, c.Kind, err)
				}
				refused++
				why[string(c.Kind)+": "+err.Error()]++
				continue
			}
			kinds[c.Kind]++
			shapes[c.Shape]++
			for problem := range d.validate() {
				if !d.errors[problem] {
					t.Errorf("fleet %d: %s of %+v: %s", seed, c.Kind, c, problem)
				}
			}
		}
	}
	t.Logf("%d refused, valid are %v, %v", refused, kinds, shapes)
	for reason, n := range why {
		t.Logf("%d times %s", n, reason)
	}
	for _, kind := range []draft.Kind{draft.New, draft.Change, draft.Rotate, draft.Add, draft.Single, draft.Remove,
		draft.Away, draft.Lost} {
		if kinds[kind] == 0 {
			t.Errorf("no draft was of the kind %s", kind)
		}
	}
	if refused > drawnFleets*drawnSteps/2 {
		t.Errorf("%d of %d drafts are refused: the rest says little", refused, drawnFleets*drawnSteps)
	}
}
