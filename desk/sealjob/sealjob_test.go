package sealjob_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/desk/sealjob"
	"github.com/bulla-dev/bulla/desk/values"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/sealing"
)

func TestMain(m *testing.M) {
	kustomize.MaybeRunBuildWorker()
	os.Exit(m.Run())
}

// world is a fleet with a real key, in a folder of its own, and what was warned of.
type world struct {
	*testing.T
	files  testfleet.Files
	warned []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	key, err := softkey.Derive(api.SuiteHybrid, "seal")
	if err != nil {
		t.Fatal(err)
	}
	fleet := strings.Replace(testfleet.Fleet(), "age1tagpq1xyz", key.Record("k1").PublicKey, 1)
	if fleet == testfleet.Fleet() {
		t.Fatal("the fleet of the tests has another key")
	}
	return &world{T: t, files: testfleet.Two().With(testfleet.Files{"fleet.yaml": fleet})}
}

// recoverable declares a recovery recipient.
func (w *world) recoverable() *world {
	w.Helper()
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		w.Fatal(err)
	}
	w.files["fleet.yaml"] += "  recoveryRecipients: [" + id.Recipient().String() + "]\n"
	return w
}

// job seals a new stub, app/db.yaml, of one value for the placement app.
func (w *world) job(change func(*sealjob.Job)) *sealjob.Job {
	w.Helper()
	dir := w.TempDir()
	w.files.Write(w, dir)
	repo, err := fleetrepo.Open(dir)
	if err != nil {
		w.Fatal(err)
	}
	quiet := func(string, ...any) {}
	j := &sealjob.Job{
		Fleet: sealjob.Fleet{
			Repo: repo, Builder: kustomize.NewBuilder(kustomize.BuilderOptions{}), Note: quiet, Progress: quiet,
			Warn: func(format string, args ...any) { w.warned = append(w.warned, fmt.Sprintf(format, args...)) },
		},
		What: sealjob.What{Values: values.Set{"password": []byte("horse")}},
		Whom: sealjob.Whom{Placement: "app"},
		Where: sealjob.Where{File: "apps/app/db.yaml", Stub: &api.SealedManifest{
			TypeMeta: api.TypeMeta{APIVersion: api.APIVersion, Kind: api.KindSealedManifest},
			Metadata: api.Metadata{Name: "db"},
			Spec: api.SealedManifestSpec{
				Template: []byte(`{"apiVersion":"v1","kind":"Secret","type":"Opaque"}`),
				Scope:    api.ScopeStrict,
			},
		}},
	}
	if change != nil {
		change(j)
	}
	return j
}

// TestAValueIsSealedForWhatTheStubBecomes: the file says no namespace, and the lock
// is bound to the one that the placement gives.
func TestAValueIsSealedForWhatTheStubBecomes(t *testing.T) {
	out, err := newWorld(t).job(nil).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if out.Object.Namespace != "app" || out.Object.Name != "db" || out.Key != "k1" {
		t.Errorf("sealed for %+v with %s", out.Object, out.Key)
	}
	if diff := cmp.Diff(
		[]sealjob.Sealed{{Fields: []string{"/data/password"}, Targets: []string{"set/stores"}}},
		out.Sealed,
	); diff != "" {
		t.Error(diff)
	}
	stub, err := api.ParseSealedManifest("db.yaml", out.Data)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := sealing.ParsePayload(stub.Spec.Blocks[0].Payload)
	if err != nil {
		t.Fatal(err)
	}
	c, err := sealing.ContextOf(strings.Repeat("0a", 16), stub, 0, "app", "db")
	if err != nil || payload.ContextDigest() != c.Digest() {
		t.Errorf("it is bound to another object (%v)", err)
	}
}

func TestALockToOneClusterIsAskedFor(t *testing.T) {
	single := func(j *sealjob.Job) {
		j.Whom.Placement, j.Where.File, j.Whom.Targets = "tool", "apps/tool/db.yaml", nil
	}
	asked := func(j *sealjob.Job) { single(j); j.Whom.TwoLock = true }
	for name, test := range map[string]struct {
		world  *world
		change func(*sealjob.Job)
		want   []string
	}{
		"by the placement alone": {newWorld(t).recoverable(), single, nil},
		"asked for":              {newWorld(t).recoverable(), asked, []string{"cluster/one"}},
		"without recovery":       {newWorld(t), asked, nil},
		"named": {newWorld(t).recoverable(), func(j *sealjob.Job) {
			j.Whom.Targets = []sealing.Target{{Kind: sealing.Cluster, Name: "two"}}
		}, nil},
		"named, and asked for": {newWorld(t).recoverable(), func(j *sealjob.Job) {
			j.Whom.Targets, j.Whom.TwoLock = []sealing.Target{{Kind: sealing.Cluster, Name: "two"}}, true
		}, []string{"cluster/two"}},
		"beside a set": {newWorld(t).recoverable(), func(j *sealjob.Job) {
			j.Whom.Targets, j.Whom.TwoLock = []sealing.Target{
				{Kind: sealing.Cluster, Name: "two"},
				{Kind: sealing.Set, Name: "stores"},
			},
				true
		}, nil},
		"a placement's sets": {newWorld(t).recoverable(), func(j *sealjob.Job) { j.Whom.TwoLock = true }, nil},
	} {
		out, err := test.world.job(test.change).Run(t.Context())
		if (err == nil) != (test.want != nil) {
			t.Errorf("%s: error %v", name, err)
		} else if err == nil && !cmp.Equal(test.want, out.Sealed[0].Targets) {
			t.Errorf("%s: targets %v, want %v", name, out.Sealed[0].Targets, test.want)
		}
	}
}

// TestWhatCannotBeSealedIsRefused: and no refusal has the value.
func TestWhatCannotBeSealedIsRefused(t *testing.T) {
	for name, change := range map[string]func(*sealjob.Job){
		"a set that is not there": func(j *sealjob.Job) {
			j.Whom.Targets = []sealing.Target{{Kind: sealing.Set, Name: "none"}}
		},
		"a cluster that is not there": func(j *sealjob.Job) {
			j.Whom.Targets, j.Whom.TwoLock = []sealing.Target{{Kind: sealing.Cluster, Name: "none"}}, true
		},
		"a placement that is not there": func(j *sealjob.Job) { j.Whom.Placement = "none" },
		"a key that is not there":       func(j *sealjob.Job) { j.How.Key = "none" },
		"a file that nothing builds":    func(j *sealjob.Job) { j.Where.File = "elsewhere/db.yaml" },
		"no namespace, no placement":    func(j *sealjob.Job) { j.Whom.Placement, j.Where.File = "", "elsewhere/db.yaml" },
		"scope Fleet without leave":     func(j *sealjob.Job) { j.Where.Stub.Spec.Scope = api.ScopeFleet },
		"a placeholder": func(j *sealjob.Job) {
			j.What.Values["password"] = []byte("<path:secret/data/horse#password>")
		},
		"a key in the clear": func(j *sealjob.Job) {
			j.Where.Stub.Spec.Template = []byte(`{"apiVersion":"v1","kind":"Secret","data":{"password":"aG9yc2U="}}`)
		},
		"taking away what is not there": func(j *sealjob.Job) { j.What.Without = []string{"pasword"} },
	} {
		w := newWorld(t)
		out, err := w.job(change).Run(t.Context())
		if err == nil || out != nil && out.Data != nil {
			t.Errorf("%s: sealed, warnings %q", name, w.warned)
			continue
		}
		if strings.Contains(err.Error(), "horse") {
			t.Errorf("%s: the error has the value: %v", name, err)
		}
	}
}

func TestANewNameNeedsTheValueAgain(t *testing.T) {
	w := newWorld(t)
	for now, ok := range map[string]bool{"password": true, "other": false} {
		j := w.job(func(j *sealjob.Job) { j.What.Renamed = map[string]string{"pass": now} })
		if err := j.What.Check(); (err == nil) != ok {
			t.Errorf("renamed to %s: %v", now, err)
		}
	}
}
