package console_test

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/console"
	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/console/forgelogin"
	"github.com/bulla-dev/bulla/desk/forge"
	"github.com/bulla-dev/bulla/desk/proposal"
	standin "github.com/bulla-dev/bulla/fixtures/forge"
	"github.com/bulla-dev/bulla/fixtures/gitserver"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/kustomize"
)

// ledger answers with one ledger, as a key service would.
type ledger struct {
	console.Service

	says *keyservicev1.ListLedgerResponse
	err  error
	// asked is how often, person who asks: another one gets an answer of their own.
	asked, person int
	// looked is how often it was told to look at Git.
	looked atomic.Int32
	mu     sync.Mutex
}

func (l *ledger) Fleet() string  { return "acme" }
func (l *ledger) Person() string { return "person " + strconv.Itoa(l.person) }

func (l *ledger) ListLedger(context.Context, *keyservicev1.ListLedgerRequest) (
	*keyservicev1.ListLedgerResponse, error,
) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	return l.says, l.err
}

func (l *ledger) asks() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked
}

func (l *ledger) Describe(context.Context) (*keyservicev1.DescribeResponse, error) {
	return &keyservicev1.DescribeResponse{}, l.err
}

func (l *ledger) Look(context.Context) (*keyservicev1.LookResponse, error) {
	l.looked.Add(1)
	return &keyservicev1.LookResponse{}, l.err
}

// asking is a console over a clone, a Git host and a forge.
type asking struct {
	*testing.T

	repo      *gitserver.Repo
	proposals *console.Proposals
	person    console.Person
	pages     http.Handler
	// forget has the next page ask the forge; keep leaves what it said last.
	forget func()
	keep   bool
}

func askingFor(t *testing.T, s *standin.StandIn) *asking {
	t.Helper()
	server := gitserver.ForTest(t)
	repo, err := server.NewRepo("fleet")
	if err != nil {
		t.Fatal(err)
	}
	testfleet.Two().Write(t, repo.Dir())
	a := &asking{T: t, repo: repo}
	if _, err := repo.CommitAll("begin"); err != nil {
		t.Fatal(err)
	}
	const branch = "refs/remotes/origin/main"
	none := func(string) string { return "" }
	a.proposals, err = console.NewProposals(t.Context(), repo.Dir(), branch, forge.Asked{}, none)
	if err != nil || a.proposals.Git.Remote != "origin" || a.proposals.Base != "main" {
		t.Fatalf("%+v, %v", a.proposals, err)
	}
	a.proposals.Git.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "GIT_CONFIG_NOSYSTEM=1"}
	if s != nil {
		env := s.Env()
		a.proposals.Place, err = forge.FromRemote(s.URL+"/acme/fleet.git",
			forge.Asked{Kind: s.Kind, URL: env["GITHUB_API_URL"]}, func(name string) string { return env[name] })
		if err != nil {
			t.Fatal(err)
		}
	}
	at, err := clone.Open(repo.Dir(), branch, kustomize.NewBuilder(kustomize.BuilderOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	a.person = console.Person{Name: "Ada Developer", Email: "ada@acme.example",
		NotAsked: fault.New("bulla login", "you are not logged in to the key service")}
	c, err := console.New(console.Options{Clone: at, Proposals: a.proposals,
		Who: func(*http.Request) (console.Person, error) { return a.person, nil }})
	if err != nil {
		t.Fatal(err)
	}
	a.pages, a.forget = c.Handler(), c.ForgetForge
	return a
}

func (a *asking) must(err error) {
	a.Helper()
	if err != nil {
		a.Fatal(err)
	}
}

// commit is a change of the application that both clusters have.
func (a *asking) commit(text string) string {
	a.Helper()
	base, err := a.repo.Git("rev-parse", "refs/remotes/origin/main")
	a.must(err)
	commit, err := a.proposals.Commit(a.Context(), proposal.Change{Base: base, Title: "Change " + text,
		Files: map[string][]byte{"apps/app/note.txt": []byte(text)}})
	a.must(err)
	return commit
}

func (a *asking) propose(commit, branch string) console.Proposed {
	a.Helper()
	done, err := a.proposals.Propose(a.Context(), console.Proposal{Commit: commit, Branch: branch,
		Title: "Change " + branch, Text: "the plan"})
	a.must(err)
	return done
}

// get is a page.
func (a *asking) get(path string) (int, string) {
	if !a.keep {
		a.forget()
	}
	w := httptest.NewRecorder()
	a.pages.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

var tag = regexp.MustCompile(`<[^>]*>`)

func (a *asking) shows(path string, want ...string) {
	a.Helper()
	code, raw := a.get(path)
	page := strings.Join(strings.Fields(html.UnescapeString(tag.ReplaceAllString(raw, ""))), " ")
	for _, text := range want {
		if code != http.StatusOK || !strings.Contains(page, text) {
			a.Errorf("%s: %d, no %q in\n%s", path, code, text, page)
		}
	}
}

// TestAForgeThatIsDownBetweenBranchAndPullRequest: the branch stands, which is said; the
// same press goes on from there.
func TestAForgeThatIsDownBetweenBranchAndPullRequest(t *testing.T) {
	for _, kind := range standin.Kinds {
		s := standin.New(kind)
		defer s.Close()
		a := askingFor(t, s)
		down := true
		s.Fail = func(w http.ResponseWriter, _ *http.Request) bool {
			if down {
				w.WriteHeader(http.StatusBadGateway)
			}
			return down
		}
		commit := a.commit("a")
		done := a.propose(commit, "bulla/a")
		if done.NotOpened == nil || fault.Hint(done.NotOpened) == "" || done.Number != 0 ||
			!strings.Contains(done.Link, "bulla") {
			t.Fatalf("%+v", done)
		}
		a.shows("/requests/bulla/a", "What stands here is from Git alone", "Change a", "waits to be merged into main")
		a.shows("/requests", "Change a", "(you)", "opening its pull request", "from Git alone")
		down = false
		done = a.propose(commit, "bulla/a")
		if done.NotOpened != nil || done.Number != 7 || len(s.Requests()) != 1 || s.Requests()[0].Body != "the plan" {
			t.Fatalf("%+v, %+v", done, s.Requests())
		}
		a.shows("/requests/bulla/a", "pull request 7", "nobody has approved it", "Nothing is granted until it is merged")
		a.shows("/requests", "Pull request 7")
	}
}

// TestARequestIsFollowedUntilItIsInUse.
func TestARequestIsFollowedUntilItIsInUse(t *testing.T) {
	s := standin.New("gitlab")
	defer s.Close()
	a := askingFor(t, s)
	base, err := a.repo.Head()
	a.must(err)
	commit := a.commit("a")
	a.propose(commit, "bulla/a")
	const at = "/requests/bulla/a"
	a.shows(at, "Waiting for review")

	_, err = a.repo.Git("merge", "--quiet", "--no-ff", "--no-edit", commit)
	a.must(err)
	merged, err := a.repo.Git("rev-parse", "HEAD")
	a.must(err)
	s.Change(func(all []standin.Request) []standin.Request {
		all[0].State, all[0].Merge = "merged", merged
		return all
	})
	a.shows(at, "The forge has merged it. The clone")
	_, err = a.repo.Push()
	a.must(err)
	a.shows(at, "Merged into main with "+merged[:4], "you are not logged in to the key service", "bulla login")

	service := &ledger{err: errors.New("connection refused")}
	a.person.Service = service
	a.shows(at, "Merged into main with", "connection refused")
	cluster := func(name, head string, digest string, state keyservicev1.SecretState) *keyservicev1.LedgerCluster {
		return &keyservicev1.LedgerCluster{Cluster: name, Head: head, Member: true,
			Secrets: []*keyservicev1.LedgerSecret{{PlacedDigest: "sha256:new",
				Secret: &keyservicev1.SecretReport{Placement: "app", Digest: digest, State: state}}}}
	}
	says := func(ledger *keyservicev1.ListLedgerResponse) {
		service.mu.Lock()
		defer service.mu.Unlock()
		service.err, service.says = nil, ledger
		service.person++
	}
	says(&keyservicev1.ListLedgerResponse{Head: base,
		Refused: &keyservicev1.RefusedTip{Tip: merged, Reason: "SignatureMissing"}})
	asked := service.asks()
	for range 3 {
		a.shows(at, "has not accepted that commit yet", "SignatureMissing")
	}
	if n := service.asks() - asked; n != 1 {
		t.Errorf("a page that is looked at three times asks %d times", n)
	}
	a.shows(at, "has not accepted that commit yet", "SignatureMissing")
	if n := service.looked.Load(); n != 0 {
		t.Errorf("what was refused is looked for %d times", n)
	}
	says(&keyservicev1.ListLedgerResponse{Head: base})
	asked = service.asks()
	for range 3 {
		a.shows(at, "has not accepted that commit yet. It was told, and is looking")
	}
	wait.Until(t, "the key service looks, and is asked again after it", func() bool {
		a.shows(at, "It was told, and is looking")
		return service.looked.Load() == 1 && service.asks() > asked+1
	})

	const inUse, there = keyservicev1.SecretState_SECRET_STATE_IN_USE, keyservicev1.SecretState_SECRET_STATE_PROVISIONED
	placements := []*keyservicev1.LedgerPlacement{{Placement: "app", Clusters: []string{"prod-eu", "prod-us", "late"}},
		{Placement: "other", Clusters: []string{"elsewhere"}}}
	stand := func(clusters ...*keyservicev1.LedgerCluster) {
		says(&keyservicev1.ListLedgerResponse{Head: merged, Placements: placements, Clusters: clusters})
	}
	stand(cluster("prod-eu", merged, "sha256:new", inUse), cluster("prod-us", merged, "sha256:old", inUse),
		cluster("late", base, "sha256:new", inUse),
		&keyservicev1.LedgerCluster{Cluster: "elsewhere", Head: base, Member: true})
	a.shows(at, "Delivering: 1 of 3 clusters have it. In use on 1.", "prod-us, late.", "It is about app.")
	if _, page := a.get(at); strings.Contains(page, "/clusters/elsewhere") || !strings.Contains(page, "hx-get") {
		t.Errorf("it counts a cluster that it is not for, or asks no more:\n%s", page)
	}
	stand(cluster("prod-eu", merged, "sha256:new", inUse), cluster("prod-us", merged, "sha256:new", there))
	a.shows(at, "All 2 clusters have it. In use on 1.")
	stand(cluster("prod-eu", merged, "sha256:new", inUse), cluster("prod-us", merged, "sha256:new", inUse))
	a.shows(at, "In use on 2.")
	if _, page := a.get(at); strings.Contains(page, "hx-trigger=\"every") {
		t.Error("what is over is asked for again and again")
	}
}

// TestARequestFromGitAlone: merged by a squash, taken away, and one that nobody knows.
func TestARequestFromGitAlone(t *testing.T) {
	a := askingFor(t, nil)
	commit, other := a.commit("a"), a.commit("b")
	if done := a.propose(commit, "bulla/a"); done.NotOpened == nil || done.Link != "" {
		t.Errorf("%+v", done)
	}
	a.propose(other, "bulla/b")
	a.shows("/requests", "Change a", "Change b", "a merge into main", "--forge github, gitlab, gitea, forgejo")
	a.must(a.repo.DeleteBranch("bulla/b"))
	// A clone of before still has the branch: nothing is pruned.
	_, err := a.repo.Git("update-ref", "refs/remotes/origin/bulla/b", other)
	a.must(err)
	a.shows("/requests/bulla/b", "closed without being merged", "no longer at the remote")
	_, err = a.repo.Git("merge", "--quiet", "--squash", commit)
	a.must(err)
	_, err = a.repo.CommitAll("squashed")
	a.must(err)
	a.shows("/requests/bulla/a", "Merged into main")
	for _, path := range []string{"bulla/nobody", "main", "bulla/a..b", "bulla/%2e%2e/x", "bulla/%3Cscript%3E",
		"--output=x"} {
		if code, page := a.get("/requests/" + path); code < 300 || code >= 500 || strings.Contains(page, "<script>") {
			t.Errorf("%s: %d", path, code)
		}
	}
}

// TestTextsOfAForgeDoNothing: titles, names and words of a forge are shown, and never
// markup; its links are ours.
func TestTextsOfAForgeDoNothing(t *testing.T) {
	s := standin.New("github")
	defer s.Close()
	a := askingFor(t, s)
	a.propose(a.commit("a"), "bulla/a")
	s.Change(func(all []standin.Request) []standin.Request {
		all[0].Title, all[0].Merging, all[0].Check = `<img src=x onerror=alert(1)>"'`, "<b>bold</b>", "<i>"
		return append(all, standin.Request{Number: 9, Branch: "bulla/<script>alert(1)</script>", State: "open"},
			standin.Request{Number: 10, Branch: "bulla/../../main", State: "open"})
	})
	for _, path := range []string{"/requests", "/requests/bulla/a"} {
		_, page := a.get(path)
		for _, bad := range []string{"<img", "<b>bold", "<script>alert", "elsewhere.example", "../../main", standin.Token} {
			if strings.Contains(page, bad) {
				t.Errorf("%s has %s", path, bad)
			}
		}
		if !strings.Contains(page, "&lt;img src=x") || !strings.Contains(page, s.URL+"/acme/fleet/pull/7") {
			t.Errorf("%s does not show the pull request:\n%s", path, page)
		}
	}
}

// TestAListOfManyRequestsIsBounded, and quick.
func TestAListOfManyRequestsIsBounded(t *testing.T) {
	a := askingFor(t, nil)
	commit := a.commit("a")
	var refs []string
	for n := range 230 {
		refs = append(refs, fmt.Sprintf("%s:refs/heads/bulla/n%03d", commit, n))
	}
	_, err := a.repo.Git(append([]string{"push", "--quiet", "origin"}, refs...)...)
	a.must(err)
	began := time.Now()
	a.shows("/requests", "30 requests more are not shown")
	t.Logf("230 branches in %s", time.Since(began))
	a.must(os.Rename(a.repo.Bare(), filepath.Join(filepath.Dir(a.repo.Bare()), "gone.git")))
	a.shows("/requests", "list the branches of origin", "What to do")
}

// TestMineIsWhatMyAccountRequested, where one is connected: what a commit says of its author
// anybody writes.
func TestMineIsWhatMyAccountRequested(t *testing.T) {
	s := standin.New("github")
	defer s.Close()
	a := askingFor(t, s)
	base, err := a.repo.Git("rev-parse", "refs/remotes/origin/main")
	a.must(err)
	commit, err := a.proposals.Commit(t.Context(), proposal.Change{Base: base, Title: "Change a", Name: "Ada",
		Email: a.person.Email, Files: map[string][]byte{"apps/app/note.txt": []byte("a")}})
	a.must(err)
	a.propose(commit, "bulla/a") // by the stand-in's account ann
	s.Change(func(all []standin.Request) []standin.Request { all[0].Commit = commit; return all })
	mine := func(want bool) {
		t.Helper()
		if _, page := a.get("/requests"); strings.Contains(page, "(you)") != want || !strings.Contains(page, "bulla/a") {
			t.Errorf("mine, want %v: %s", want, page)
		}
	}
	mine(true)
	held := &forgelogin.Held{}
	a.person.Forge = held
	held.Keep(&forgelogin.Account{Login: "ada"})
	mine(false)
	held.Keep(&forgelogin.Account{Login: "Ann"})
	a.person.Email = "ann@elsewhere.example"
	mine(true)
	held.Forget()
	mine(false)
}

// TestAForgeIsAskedOnceForAllPagesThatAreOpen of one account, anew for another one, and left
// alone where it fails.
func TestAForgeIsAskedOnceForAllPagesThatAreOpen(t *testing.T) {
	s := standin.New("github")
	defer s.Close()
	a := askingFor(t, s)
	a.propose(a.commit("a"), "bulla/a")
	var asked atomic.Int64
	var down atomic.Bool
	s.Fail = func(w http.ResponseWriter, _ *http.Request) bool {
		asked.Add(1)
		if down.Load() {
			w.WriteHeader(http.StatusBadGateway)
		}
		return down.Load()
	}
	a.keep = true
	for _, path := range []string{"/requests", "/requests/bulla/a"} {
		before := asked.Load()
		a.get(path)
		once := asked.Load() - before
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if code, page := a.get(path); code != http.StatusOK || !strings.Contains(page, "acme/fleet/pull/7") {
					t.Errorf("%s: %d %s", path, code, page)
				}
			})
		}
		all.Wait()
		if got := asked.Load() - before; once == 0 || got != once {
			t.Errorf("%s: nine pages ask %d times, and one %d times", path, got, once)
		}
		token := a.proposals.Place.Token
		a.proposals.Place.Token = "that of somebody else"
		if _, page := a.get(path); strings.Contains(page, "acme/fleet/pull/7") {
			t.Errorf("%s: somebody else is shown what the forge told the first", path)
		}
		a.proposals.Place.Token = token
	}
	a.forget()
	down.Store(true)
	before := asked.Load()
	a.get("/requests/bulla/a")
	once := asked.Load() - before
	for range 5 {
		a.get("/requests/bulla/a")
	}
	if got := asked.Load() - before; once == 0 || got != once {
		t.Errorf("a forge that is down is asked %d times", got)
	}
}
