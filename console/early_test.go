package console

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/desk/forge"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/keyservice/audit"
)

// TestANameWithMarkupMakesACommit: git's configuration may have any name, and git itself
// leaves out what a commit cannot have.
func TestANameWithMarkupMakesACommit(t *testing.T) {
	w := newSealedWorld(t)
	w.proposes()
	w.person.Name, w.person.Email = "Ann <b>\nOne", "<ann@acme.example>"
	d := w.leads("/applications/app/retire", nil)
	w.shows("/drafts/"+d.ID, http.StatusOK, ">Make the pull request</button>")
	d, err := w.console.drafts.Get(d.ID, d.Owner)
	if err != nil {
		t.Fatal(err)
	}
	by := w.repo.Git(t, "log", "-1", "--format=%an/%ae", d.Commit)
	if !strings.HasPrefix(by, "Ann b") || !strings.HasSuffix(by, "/ann@acme.example") {
		t.Errorf("made by %s", by)
	}
}

// TestARemoteThatIsGoneLeavesTheDraft, with what to do and the button to press again.
func TestARemoteThatIsGoneLeavesTheDraft(t *testing.T) {
	w := newSealedWorld(t)
	w.proposes()
	w.repo.Git(t, "remote", "add", "origin", t.TempDir()+"/gone.git")
	w.console.proposals.Git.Remote = "origin"
	d := w.leads("/applications/app/retire", nil)
	w.shows("/drafts/"+d.ID, http.StatusOK)
	d, err := w.console.drafts.Get(d.ID, d.Owner)
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"commit": {d.Commit}}
	out := w.press("/drafts/"+d.ID+"/propose", form)
	for _, want := range []string{"Your change is kept here", "/drafts/" + d.ID + "/propose", `value="` + d.Commit} {
		if out.Code != http.StatusBadGateway || !strings.Contains(out.Body.String(), want) {
			t.Errorf("%d: no %q in %s", out.Code, want, out.Body)
		}
	}
	w.repo.Git(t, "init", "-q", "--bare", strings.TrimSpace(w.repo.Git(t, "remote", "get-url", "origin")))
	made := w.press("/drafts/"+d.ID+"/propose", form).Body.String()
	follow := regexp.MustCompile(`href="(/requests/[^"]*)"`).FindStringSubmatch(made)
	if follow == nil || !strings.Contains(made, "The branch is made") || !strings.Contains(made, "Tell a reviewer") {
		t.Fatalf("the remote is back: %s", made)
	}
	// That a forge could be named is told once, and not by each request's page.
	w.shows(follow[1], http.StatusOK, "waits to be merged", "goes on by itself", "!--forge")
}

// TestAFolderAsRemoteIsNoForgeThatIsMissing: the branch is all there can be.
func TestAFolderAsRemoteIsNoForgeThatIsMissing(t *testing.T) {
	w := newSealedWorld(t)
	w.proposes()
	at := t.TempDir() + "/fleet.git"
	w.repo.Git(t, "init", "-q", "--bare", at)
	w.repo.Git(t, "remote", "add", "origin", at)
	w.repo.Git(t, "push", "-q", "origin", "main")
	var err error
	w.console.proposals, err = NewProposals(t.Context(), w.repo.Dir, "refs/remotes/origin/main", forge.Asked{},
		func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	d := w.leads("/applications/app/retire", nil)
	w.shows("/drafts/"+d.ID, http.StatusOK)
	if d, err = w.console.drafts.Get(d.ID, d.Owner); err != nil {
		t.Fatal(err)
	}
	out := w.press("/drafts/"+d.ID+"/propose", url.Values{"commit": {d.Commit}})
	to := out.Header().Get("Location")
	if out.Code != http.StatusSeeOther || !strings.HasPrefix(to, "/requests/bulla/") {
		t.Fatalf("%d to %q: %s", out.Code, to, out.Body)
	}
	w.shows(to, http.StatusOK, "waits to be merged", "!no forge that is known")
	w.shows("/requests", http.StatusOK, "!no forge that is known")
	for address, want := range map[string]bool{"": true, "/srv/fleet.git": true, "../fleet.git": true,
		"file:///srv/fleet.git": true, "https://git.example/a/b": false, "git@git.example:a/b.git": false} {
		if isFolder(address) != want {
			t.Errorf("%q is a folder: %v", address, !want)
		}
	}
}

func TestAnAddressWithoutAPageIsToldInTheFrame(t *testing.T) {
	w := newSealedWorld(t)
	for _, path := range []string{"/nowhere", "/secrets/a", "/clusters/one/more"} {
		w.shows(path, http.StatusNotFound, "there is no such page", `<nav class="main"`, "What to do")
	}
}

func TestAFleetWithoutSecretsLeadsToTheWizard(t *testing.T) {
	w := newWorld(t, testfleet.Two())
	page := w.shows("/secrets", http.StatusOK, "No application builds a sealed object yet")
	if _, empty, _ := strings.Cut(page, `class="empty"`); !strings.Contains(empty, `href="/new">New secret</a>`) {
		t.Error(page)
	}
}

func TestWhatToDoIsToldOnce(t *testing.T) {
	w := newSealedWorld(t)
	w.person = Person{Name: "Ann", NotAsked: fault.New("run `bulla login` as yourself", "no login for this fleet")}
	for _, path := range []string{"/keys", "/enrolment", "/who?object=app/db", "/audit", "/lost/one"} {
		page := w.shows(path, http.StatusOK)
		if n := strings.Count(page, "as yourself"); n != 1 {
			t.Errorf("%s tells it %d times", path, n)
		}
	}
}

// TestLongListsAreFolded on the pages that show what enrolled, and what a draft does.
func TestLongListsAreFolded(t *testing.T) {
	w := newSealedWorld(t)
	w.proposes()
	var names []string
	for i := range 90 {
		name := fmt.Sprintf("m%03d", i)
		names = append(names, name)
		identity, err := softkey.NewIdentity(name)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 1 + i%3/2 { // every third enrolled twice, and is not to be added
			sum := sha256.Sum256([]byte(fmt.Sprint(name, n)))
			w.service.log.Record(audit.Entry{Time: time.Now().UTC().Truncate(time.Microsecond), Kind: audit.Enrol,
				Outcome: audit.Done, Fleet: w.root.ID, Cluster: name, Identity: "sha256:" + hex.EncodeToString(sum[:]),
				Recipient: identity.Recipient()})
		}
	}
	for range 30 {
		w.service.log.Record(audit.Entry{Time: time.Now().UTC().Truncate(time.Microsecond), Kind: audit.Token,
			Outcome: audit.Done, Fleet: w.root.ID, Detail: "one"})
	}
	w.shows("/enrolment", http.StatusOK, "1 to 50 of 60 machines", "and 10 more</summary>")
	waiting := url.Values{}
	for i, name := range names {
		if i%3 != 2 {
			waiting.Add("machine", name)
		}
	}
	d := w.leads("/enrolment", waiting)
	page := w.shows("/drafts/"+d.ID, http.StatusOK, "and 50 files more</summary>")
	if n := strings.Count(page, "<details open>"); n > 10 {
		t.Errorf("%d files are open", n)
	}
}
