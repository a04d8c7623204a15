package console

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/draft"
	"github.com/bulla-dev/bulla/console/guard"
	"github.com/bulla-dev/bulla/console/sealer"
	"github.com/bulla-dev/bulla/desk/proposal"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/sealing"
)

// press sends a form, and gives where it leads.
func (w *world) press(path string, form url.Values) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	out := httptest.NewRecorder()
	w.console.Handler().ServeHTTP(out, r)
	return out
}

// leads presses, and wants a draft of it.
func (w *world) leads(path string, form url.Values) draft.Draft {
	w.t.Helper()
	out := w.press(path, form)
	at := strings.Split(out.Header().Get("Location"), "/")
	if out.Code != http.StatusSeeOther || len(at) < 3 {
		w.t.Fatalf("%s: status %d, to %q: %s", path, out.Code, at, out.Body)
	}
	d, err := w.console.drafts.Get(at[2], w.person.Email+"\x00"+w.person.Name)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *world) proposes() {
	w.person.Email = "ann@acme.example"
	w.console.proposals = &Proposals{Git: proposal.Repository{Folder: w.repo.Dir}, Base: "main"}
	w.repo.Git(w.t, "config", "user.name", "Ada Developer")
	w.repo.Git(w.t, "config", "user.email", "ada@acme.example")
}

// generated is a stub of one generated value and one that somebody brought.
func (w *sealedWorld) generated(name string) string { return w.generatedOf(name, name) }

// generatedOf has a value of its own there.
func (w *sealedWorld) generatedOf(name, value string) string {
	data, err := w.sealer.File(testfleet.Secret{Name: name, BuiltNamespace: "app", Targets: []string{"set/stores"},
		Values: map[string]string{"user": "ann", "password": value}})
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Replace(string(data), "metadata:\n",
		"metadata:\n  annotations: {bulla.dev/generate: \"password=32,alnum\"}\n", 1)
}

// TestAButtonPreparesWhatALostClusterCouldRead as one change of several secrets; values that
// somebody brought are named in it, with where they are given, and stay.
func TestAButtonPreparesWhatALostClusterCouldRead(t *testing.T) {
	w := newSealedWorld(t)
	w.proposes()
	files := testfleet.Files{"apps/app/mq.yaml": w.generated("mq"), "apps/app/idle.yaml": w.generated("idle")}
	w.repo.Commit(t, "more secrets", files)
	w.granted("one", time.Now().Add(-time.Hour))
	w.granted("one", time.Now().Add(-time.Minute), func(e *audit.Entry) {
		e.Object, e.Digest = "app/mq", api.StubDigest([]byte(files["apps/app/mq.yaml"]))
	})
	w.shows("/lost/one", http.StatusOK, "Prepare the request that suspends it", "disabled>Make all of it anew",
		dbPage+"/change")
	if out := w.press("/lost/one/rotate", nil); out.Code != http.StatusUnprocessableEntity {
		t.Errorf("a cluster of the fleet gets new values: %d", out.Code)
	}
	out := w.leads("/lost/one/suspend", nil)
	if data := string(out.Files["clusters/one.yaml"]); !strings.Contains(data, "suspend: true") {
		t.Fatal(data)
	}
	w.shows("/drafts/"+out.ID, http.StatusOK, "Suspend one", "suspend: true", ">Make the pull request</button>")
	w.repo.Commit(t, "suspend", testfleet.Files{"clusters/one.yaml": string(out.Files["clusters/one.yaml"])})

	w.shows("/lost/one", http.StatusOK, ">Make all of it anew</button>", "makes 2 secrets anew")
	d := w.leads("/lost/one/rotate", nil)
	w.shows("/drafts/"+d.ID+"/seal", http.StatusOK, "Rotate what one could read")
	fleet := w.browser()
	asking := w.jobsOf(d)
	var blocks []api.Block
	for _, job := range asking.Jobs {
		sealed, err := fleet.Seal(job, map[string][]byte{})
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, sealed.Blocks...)
	}
	if len(blocks) != 2 {
		t.Fatalf("%d blocks are asked for: %+v", len(blocks), asking)
	}
	swapped := map[string]any{"blocks": []api.Block{blocks[1], blocks[0]}}
	if answer := w.posts("/drafts/"+d.ID+"/blocks", swapped); answer == "" {
		t.Error("blocks that were changed for one another are taken")
	}
	if answer := w.posts("/drafts/"+d.ID+"/blocks", map[string]any{"blocks": blocks}); answer != "" {
		t.Fatal(answer)
	}
	page := w.shows("/drafts/"+d.ID, http.StatusOK, "apps/app/db.yaml", "apps/app/mq.yaml", "!apps/app/idle.yaml",
		">Make the pull request</button>")
	if strings.Contains(page, `class="problem bad"`) {
		t.Error(page)
	}
	d, err := w.console.drafts.Get(d.ID, d.Owner)
	if err != nil {
		t.Fatal(err)
	}
	said := w.repo.Git(t, "log", "-1", "--format=%B", d.Commit)
	for _, want := range []string{"Rotate what one could read", "- apps/app/mq.yaml: password", "These wait for a person",
		"- apps/app/db.yaml: user"} {
		if !strings.Contains(said, want) {
			t.Errorf("the commit does not say %q:\n%s", want, said)
		}
	}
}

// TestADraftOfALostClusterHasRoomForWhatABrowserMaySend: what is more waits for the next one,
// and what no draft has room for is said with what to do. Nothing of it is left out unsaid.
func TestADraftOfALostClusterHasRoomForWhatABrowserMaySend(t *testing.T) {
	w := newSealedWorld(t)
	w.proposes()
	files := testfleet.Files{}
	for name, size := range map[string]int{"a": 700 << 10, "b": 700 << 10, "c": 20, "far": 1300 << 10} {
		files["apps/app/"+name+".yaml"] = w.generatedOf(name, strings.Repeat("x", size))
	}
	w.repo.Commit(t, "large secrets", files)
	for name, data := range files {
		w.granted("one", time.Now().Add(-time.Minute), func(e *audit.Entry) {
			e.Object, e.Digest = "app/"+strings.TrimSuffix(path.Base(name), ".yaml"), api.StubDigest([]byte(data))
		})
	}
	out := w.leads("/lost/one/suspend", nil)
	w.repo.Commit(t, "suspend", testfleet.Files{"clusters/one.yaml": string(out.Files["clusters/one.yaml"])})
	wait.Until(t, "its applications are built", func() bool {
		return strings.Contains(w.shows("/lost/one", http.StatusOK), "Make all of it anew")
	})
	w.shows("/lost/one", http.StatusOK, "makes 2 secrets anew", "1 row more waits for the next request",
		"more than a browser may send at once", "bulla rotate apps/app/far.yaml")
	d := w.leads("/lost/one/rotate", nil)
	if parts := d.Many.Parts; len(parts) != 2 || parts[0].File != "apps/app/a.yaml" || parts[1].File != "apps/app/c.yaml" {
		t.Fatalf("the draft has %v", parts)
	}
	var sent int
	for _, part := range d.Many.Parts {
		sent += len(files[part.File])
	}
	if sent > guard.MaxBody {
		t.Errorf("what stands there is %d bytes, more than a request's %d", sent, guard.MaxBody)
	}
}

// TestMachinesThatEnrolledGetTheirFilesByOneRequest: keys come from the log, whatever the
// form has, and no machine that cannot have a file gets one.
func TestMachinesThatEnrolledGetTheirFilesByOneRequest(t *testing.T) {
	w := newSealedWorld(t)
	w.proposes()
	keys := map[string]string{}
	for _, name := range []string{"three", "four", "two"} {
		identity, err := softkey.NewIdentity(name)
		if err != nil {
			t.Fatal(err)
		}
		keys[name] = identity.Recipient()
		sum := sha256.Sum256([]byte("key of " + name))
		w.service.log.Record(audit.Entry{Time: time.Now().UTC().Truncate(time.Microsecond), Kind: audit.Enrol,
			Outcome: audit.Done, Fleet: w.root.ID, Cluster: name, Identity: "sha256:" + hex.EncodeToString(sum[:]),
			Recipient: identity.Recipient()})
	}
	w.shows("/enrolment", http.StatusOK, `name="machine" value="three"`, `name="machine" value="four"`,
		`!name="machine" value="two"`, "Prepare their files")
	for name, form := range map[string]url.Values{
		"nothing is chosen":         {},
		"a machine with other keys": {"machine": {"three", "two"}},
		"a machine that is not":     {"machine": {"../three"}},
		"labels that are none":      {"machine": {"three"}, "labels": {"tier"}},
	} {
		if out := w.press("/enrolment", form); out.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: status %d", name, out.Code)
		}
	}
	d := w.leads("/enrolment", url.Values{"machine": {"three", "four"}, "labels": {"tier=store, region=eu"},
		"recipient": {keys["two"]}})
	if len(d.Files) != 2 || !strings.Contains(string(d.Files["clusters/three.yaml"]), keys["three"]) ||
		!strings.Contains(string(d.Files["clusters/four.yaml"]), "vouchedBy: KeyService") {
		t.Errorf("%q", d.Files)
	}
	w.shows("/drafts/"+d.ID, http.StatusOK, "Add 2 machines that enrolled", "clusters/three.yaml", "tier:",
		">Make the pull request</button>")
	w.repo.Commit(t, "somebody adds one", testfleet.Files{"clusters/four.yaml": clusterFile(t, "four")})
	w.shows("/drafts/"+d.ID, http.StatusOK, "somebody else changed clusters/four.yaml", "disabled>Make the pull request")
}

// browser is the sealer as a page has it.
func (w *sealedWorld) browser() *sealer.Fleet {
	w.t.Helper()
	text, err := json.Marshal(api.Fleet{TypeMeta: api.TypeMeta{APIVersion: api.APIVersion, Kind: api.KindFleet},
		Metadata: api.Metadata{Name: "acme"}, Spec: w.spec})
	if err != nil {
		w.t.Fatal(err)
	}
	fleet, err := sealer.Open(testfleet.Parsed(text), w.root.Key, sealing.Known{}, false)
	if err != nil {
		w.t.Fatal(err)
	}
	return fleet
}

func (w *world) jobsOf(d draft.Draft) (asking draft.Asking) {
	w.t.Helper()
	out := w.sends("/drafts/"+d.ID+"/jobs", map[string]any{})
	if err := json.Unmarshal(out.Body.Bytes(), &asking); err != nil || out.Code != http.StatusOK {
		w.t.Fatalf("%d: %s", out.Code, out.Body)
	}
	return asking
}

// posts sends JSON, and gives what is wrong with it.
func (w *world) posts(path string, body any) string {
	w.t.Helper()
	var told struct{ Error string }
	if err := json.Unmarshal(w.sends(path, body).Body.Bytes(), &told); err != nil {
		w.t.Fatal(err)
	}
	return told.Error
}

func (w *world) sends(path string, body any) *httptest.ResponseRecorder {
	w.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	out := httptest.NewRecorder()
	w.console.Handler().ServeHTTP(out,
		httptest.NewRequestWithContext(w.t.Context(), http.MethodPost, path, strings.NewReader(string(text))))
	return out
}
