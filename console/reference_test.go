package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/draft"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// refer commits the secret as a reference, and gives the stub that the store should have.
func (w *sealedWorld) refer() (*api.SealedReference, []byte) {
	w.t.Helper()
	s, err := w.console.clone.Snapshot(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	data, err := s.Tree.ReadFile(dbFile)
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := reference.Of(w.root.ID, dbFile, data)
	if err != nil {
		w.t.Fatal(err)
	}
	file, err := stub.RenderReference(dbFile, r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.repo.Commit(w.t, "keep it in the store", testfleet.Files{dbFile: string(file)})
	return r, data
}

// referred is a world whose secret is a reference, the store of which has its stub.
func referred(t *testing.T) (*sealedWorld, *api.SealedReference) {
	w := newSealedWorld(t)
	w.proposes()
	r, data := w.refer()
	w.service.stored = map[string][]byte{r.Spec.Stub.Digest: data}
	w.service.roles = []string{"developer"}
	return w, r
}

// requested makes the request of a draft, and gives the file that the branch has.
func (w *sealedWorld) requested(d draft.Draft, file string) string {
	w.t.Helper()
	page := w.shows("/drafts/"+d.ID, http.StatusOK, ">Make the pull request</button>")
	_, commit, _ := strings.Cut(page, `name="commit" value="`)
	commit, _, _ = strings.Cut(commit, `"`)
	out := w.press("/drafts/"+d.ID+"/propose", url.Values{"commit": {commit}})
	if out.Code >= http.StatusBadRequest {
		w.t.Fatalf("%d: %s", out.Code, out.Body)
	}
	branch := w.repo.Git(w.t, "for-each-ref", "--format=%(refname:short)", "--points-at", commit, "refs/heads/bulla/")
	if branch == "" {
		w.t.Fatalf("no branch has %s", commit)
	}
	return w.repo.Git(w.t, "show", branch+":"+file) + "\n"
}

// TestAReferenceChangesAsAStubDoes: Git gets the reference alone; its stub is in the store
// once somebody requests it, and no draft before.
func TestAReferenceChangesAsAStubDoes(t *testing.T) {
	for name, test := range map[string]struct {
		kind  string
		form  url.Values
		check func(*testing.T, *api.SealedManifest, *api.SealedManifest)
	}{
		"a value": {"change", url.Values{"key": {"user"}}, func(t *testing.T, was, is *api.SealedManifest) {
			for i, block := range is.Spec.Blocks {
				if changed := block.Payload != was.Spec.Blocks[i].Payload; changed != (block.Fields[0] == "/data/user") {
					t.Errorf("%v changed: %v", block.Fields, changed)
				}
			}
		}},
		"what is made": {"rotate", nil, func(t *testing.T, was, is *api.SealedManifest) {
			for i, block := range is.Spec.Blocks {
				if changed := block.Payload != was.Spec.Blocks[i].Payload; changed != (block.Fields[0] == "/data/password") {
					t.Errorf("%v changed: %v", block.Fields, changed)
				}
			}
		}},
		"a set more": {"add", url.Values{"target": {"set/others"}}, func(t *testing.T, _, is *api.SealedManifest) {
			for _, block := range is.Spec.Blocks {
				if len(block.Locks) != 2 {
					t.Errorf("%v has %d locks", block.Fields, len(block.Locks))
				}
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w, before := referred(t)
			w.repo.Commit(t, "another set", testfleet.Files{"clustersets/others.yaml": testfleet.Set("others")})
			w.shows(dbPage+"/"+map[string]string{"add": "clusters"}[test.kind]+strings.TrimPrefix(test.kind, "add"),
				http.StatusOK, "A reference:", "!disabled>")
			form := url.Values{"kind": {test.kind}}
			for name, all := range test.form {
				form[name] = all
			}
			d := w.leads(dbPage+"/draft", form)
			w.sealIn(d, "another value")
			w.shows("/drafts/"+d.ID, http.StatusOK, "go to the key service's store when you make the pull request",
				"!Keep it in Git")
			if w.service.puts != 0 {
				t.Error("a draft that nobody requested is in the store")
			}
			file := w.requested(d, dbFile)
			now, err := api.ParseSealedReference(dbFile, []byte(file))
			if err != nil || now.Spec.Stub.Digest == before.Spec.Stub.Digest {
				t.Fatalf("%v: %s", err, file)
			}
			was, err := reference.Open(w.root.ID, before, w.service.stored[before.Spec.Stub.Digest])
			if err != nil {
				t.Fatal(err)
			}
			is, err := reference.Open(w.root.ID, now, w.service.stored[now.Spec.Stub.Digest])
			if err != nil {
				t.Fatalf("what the branch names is not in the store: %v", err)
			}
			test.check(t, was, is)
		})
	}
}

// TestAReferenceIsTakenAway from a set by the store's stub, and whole without asking for it.
func TestAReferenceIsTakenAway(t *testing.T) {
	w, _ := referred(t)
	w.repo.Commit(t, "another set", testfleet.Files{"clustersets/others.yaml": testfleet.Set("others")})
	added := w.leads(dbPage+"/draft", url.Values{"kind": {"add"}, "target": {"set/others"}})
	w.sealIn(added, "again")
	w.repo.Commit(t, "for both", testfleet.Files{dbFile: w.requested(added, dbFile)})
	w.shows(dbPage+"/clusters", http.StatusOK, "Take away from set/others", "Take away from set/stores")
	less := w.leads(dbPage+"/draft", url.Values{"kind": {"remove"}, "target": {"set/others"}})
	if file := w.requested(less, dbFile); strings.Contains(file, "set/others") || !strings.Contains(file, "set/stores") {
		t.Error(file)
	}
	w.service.stored, w.service.roles = nil, []string{"auditor"}
	w.shows(dbPage+"/retire", http.StatusOK, "!disabled>", "!it takes the role")
	gone := w.leads(dbPage+"/draft", url.Values{"kind": {"away"}})
	w.shows("/drafts/"+gone.ID, http.StatusOK, "gone", ">Make the pull request</button>")
}

// TestWhoCannotKeepIsToldBeforeTheyType, and what to ask for.
func TestWhoCannotKeepIsToldBeforeTheyType(t *testing.T) {
	w, _ := referred(t)
	w.repo.Commit(t, "another set", testfleet.Files{"clustersets/others.yaml": testfleet.Set("others")})
	pages := []string{dbPage + "/change", dbPage + "/rotate", dbPage + "/clusters"}
	w.service.roles = []string{"auditor", "operator"}
	for _, page := range pages {
		w.shows(page, http.StatusOK, "it takes the role developer", "gives you auditor and operator: ask an operator",
			"disabled>")
	}
	w.service.roles, w.service.refuse = nil, client.ErrUnavailable
	for _, page := range pages {
		w.shows(page, http.StatusOK, "you cannot put it there", "is the URL right", "disabled>")
	}
	w.person.Service = nil
	for _, page := range pages {
		w.shows(page, http.StatusOK, "you are not logged in to the key service", "disabled>")
	}
	if out := w.press(dbPage+"/draft", url.Values{"kind": {"rotate"}}); out.Code != http.StatusUnprocessableEntity ||
		!strings.Contains(out.Body.String(), "is in the key service&#39;s store") {
		t.Errorf("%d: %s", out.Code, out.Body)
	}
}

// TestAStoreThatRefusesLeavesTheDraft: no branch names what is not there.
func TestAStoreThatRefusesLeavesTheDraft(t *testing.T) {
	w, _ := referred(t)
	d := w.leads(dbPage+"/draft", url.Values{"kind": {"change"}, "key": {"user"}})
	w.sealIn(d, "another")
	w.shows("/drafts/"+d.ID, http.StatusOK)
	d, err := w.console.drafts.Get(d.ID, d.Owner)
	if err != nil {
		t.Fatal(err)
	}
	w.service.refusePut = &client.DeniedError{Reason: keyservicev1.ReasonStubQuota}
	form := url.Values{"commit": {d.Commit}}
	out := w.press("/drafts/"+d.ID+"/propose", form)
	if out.Code != http.StatusBadGateway || !strings.Contains(out.Body.String(), "Your change is kept here") ||
		!strings.Contains(out.Body.String(), "stubs.perPerson") {
		t.Errorf("%d: %s", out.Code, out.Body)
	}
	if branches := w.repo.Git(t, "for-each-ref", "refs/heads/bulla/"); branches != "" {
		t.Errorf("a branch names what no store has: %s", branches)
	}
	w.service.refusePut = nil
	if out := w.press("/drafts/"+d.ID+"/propose", form); out.Code >= http.StatusBadRequest {
		t.Errorf("pressed again: %d %s", out.Code, out.Body)
	}
}

// TestALargeValueIsOfferedToTheStore, there and back, and a small one is not.
func TestALargeValueIsOfferedToTheStore(t *testing.T) {
	w := newSealedWorld(t)
	w.proposes()
	w.service.roles = []string{"developer"}
	d := w.leads(dbPage+"/draft", url.Values{"kind": {"change"}, "key": {"user"}})
	w.sealIn(d, "small")
	w.shows("/drafts/"+d.ID, http.StatusOK, "!large for Git")
	d = w.leads(dbPage+"/draft", url.Values{"kind": {"change"}, "key": {"user"}})
	w.sealIn(d, strings.Repeat("x", 1<<20-100))
	at := "/drafts/" + d.ID
	w.service.roles = []string{"operator"}
	w.shows(at, http.StatusOK, "It is large for Git", "it takes the role developer", "!Keep it in the store",
		"You cannot put it there", "!is kept in the key service")
	w.service.roles = []string{"developer"}
	w.shows(at, http.StatusOK, "Keep it in the store")
	w.press(at+"/store", url.Values{"store": {"yes"}})
	w.shows(at, http.StatusOK, "A reference", "Keep it in Git", "SealedReference")
	w.press(at+"/store", nil)
	w.shows(at, http.StatusOK, "Keep it in the store")
	w.press(at+"/store", url.Values{"store": {"yes"}})
	if d, err := w.console.drafts.Get(d.ID, d.Owner); err != nil || len(d.Files[dbFile]) > 2000 {
		t.Errorf("%v: Git gets %d bytes", err, len(d.Files[dbFile]))
	}
	now, err := api.ParseSealedReference(dbFile, []byte(w.requested(d, dbFile)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reference.Open(w.root.ID, now, w.service.stored[now.Spec.Stub.Digest]); err != nil {
		t.Error(err)
	}
}
