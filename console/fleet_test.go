package console

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/console/reached"
	"github.com/bulla-dev/bulla/desk/ledger"
	"github.com/bulla-dev/bulla/fixtures/canary"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

var pagesOfPlain = []string{"/", "/applications/payments", "/applications/reports", "/clusters", "/clusters/prod-eu"}

func TestWithoutAKeyServiceGitIsShownAndNothingIsClaimed(t *testing.T) {
	w := exampleWorld(t, testfleet.Plain())
	w.person.NotAsked = fault.New("run `bulla login --oidc`", "no login for this fleet")
	for _, path := range pagesOfPlain {
		w.shows(path, http.StatusOK, "no login for this fleet", "bulla login --oidc", "not logged in", "!In use</span>",
			"!Provisioned</span>")
	}
	w.shows("/", http.StatusOK, "payments", "storefront", "Configured", "what clusters have is not known")
	w.shows("/applications/payments", http.StatusOK, "apps/payments/overlays/prod", "set/retail",
		"placements/payments.yaml")
	w.shows("/clusters/prod-eu", http.StatusOK, "retail", "What it has is not known")
}

func TestWhatClustersSayIsShown(t *testing.T) {
	example := testfleet.Plain()
	w := exampleWorld(t, example)
	w.login(&said{ledger: w.reported()})
	w.shows("/", http.StatusOK, "In use</span>", "None. Everything stands as Git has it.", "!Configured</span>")
	w.shows("/applications/payments", http.StatusOK, "payments/payments-db", "In use</span>", "Deployment payments/api")
	w.shows("/clusters", http.StatusOK, "prod-eu", "Ready", "v1.2.3")
	w.shows("/clusters/prod-eu", http.StatusOK, "reports", "In use</span>", "v1.2.3")
	snapshot, err := w.console.clone.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := snapshot.Built(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.shows("/applications/payments", http.StatusOK, "payments/payments-provider",
		"apps/payments/overlays/prod/payments-provider.yaml", "write the fleet", "!Being read")
	var all strings.Builder
	for _, path := range pagesOfPlain {
		all.WriteString(w.shows(path, http.StatusOK))
	}
	canary.Check(t, example.Canaries(), canary.Bytes("pages", []byte(all.String())))
}

// TestNoPageWaitsForABuild: an application is shown while its builds go on, says so, and is
// shown again by itself.
func TestNoPageWaitsForABuild(t *testing.T) {
	w := exampleWorld(t, testfleet.Plain())
	out := w.get("/applications/payments")
	if !strings.Contains(out.Body.String(), "Being read") || out.Header().Get("Refresh") == "" {
		t.Errorf("refresh %q:\n%s", out.Header().Get("Refresh"), out.Body)
	}
}

func TestProblemsComeFirst(t *testing.T) {
	w := exampleWorld(t, testfleet.Plain())
	answer := w.reported()
	for _, c := range answer.GetClusters() {
		d := c.GetState().GetDeliveries()[0]
		d.Ready, d.Reason, d.Message = keyservicev1.Readiness_READINESS_NOT_READY, "ApplyFailed", "no such kind"
	}
	answer.Refused = &keyservicev1.RefusedTip{Tip: "abc", Reason: "CommitNotVerified", Since: answer.GetTime()}
	w.login(&said{ledger: answer})
	page := w.shows("/", http.StatusOK, "The cluster refuses an object: payments, on ", "ApplyFailed: no such kind",
		"What to do", "Application payments")
	refused, failed, matrix := strings.Index(page, "newest commit is refused"), strings.Index(page, "The cluster refuses"),
		strings.Index(page, "Applications by cluster")
	if refused < 0 || refused > failed || failed > matrix {
		t.Errorf("refused at %d, failed at %d, the matrix at %d", refused, failed, matrix)
	}
	w.shows("/applications/payments", http.StatusOK, "The cluster refuses an object: on ", "no such kind", "Failed</span>",
		"!Application payments")
	w.shows("/clusters/prod-eu", http.StatusOK, "ApplyFailed", "no such kind", "Failed</span>", "Application payments")
}

// TestAKeyServiceThatGoesAwayLeavesWhatItSaid: with its age, and never as if it were now.
func TestAKeyServiceThatGoesAwayLeavesWhatItSaid(t *testing.T) {
	w := newWorld(t, testfleet.Two())
	s := w.login(&said{ledger: w.reported()})
	w.shows("/", http.StatusOK, "In use</span>", "!cannot be reached")
	s.err = &client.UnavailableError{Err: errors.New("no route")}
	w.again()
	w.shows("/", http.StatusOK, "In use</span>", "The key service cannot be reached: this is what it said at ", "no route")
	asked := len(s.asked)
	w.shows("/", http.StatusOK, "cannot be reached")
	if len(s.asked) != asked {
		t.Error("a service that is away is asked with every page")
	}
	s.err = nil
	w.again()
	w.shows("/", http.StatusOK, "In use</span>", "!cannot be reached")
}

func TestAKeyServiceThatWasNeverReachedClaimsNothing(t *testing.T) {
	w := newWorld(t, testfleet.Two())
	w.login(&said{err: &client.UnavailableError{Err: errors.New("no route")}})
	w.shows("/", http.StatusOK, "the key service cannot be reached", "no route", "Configured", "!In use</span>")
}

// TestARoleThatWasTakenAwayShowsNothingAnyMore: what was seen before is no right to see it.
func TestARoleThatWasTakenAwayShowsNothingAnyMore(t *testing.T) {
	w := newWorld(t, testfleet.Two())
	s := w.login(&said{ledger: w.reported()})
	w.shows("/", http.StatusOK, "In use</span>")
	s.err = &client.DeniedError{Reason: keyservicev1.ReasonRole, Needed: "operator,developer", Had: "none"}
	w.again()
	w.shows("/", http.StatusOK, "You may not see what clusters have", "operator or developer", "!In use</span>",
		"Configured")
}

// TestWhatIsKeptIsShownByAFreshWordAlone: an answer of a moment ago is no right either.
func TestWhatIsKeptIsShownByAFreshWordAlone(t *testing.T) {
	w := newWorld(t, testfleet.Two())
	w.person.Owner = "https://login.example.com#u-ann"
	s := w.login(&said{ledger: w.reported()})
	w.shows("/", http.StatusOK, "In use</span>")
	w.later(mayEvery)
	w.shows("/", http.StatusOK, "In use</span>")
	if s.checked != 1 || len(s.asked) != 1 {
		t.Errorf("it was checked %d times, and asked %d times", s.checked, len(s.asked))
	}
	s.err = &client.DeniedError{Reason: keyservicev1.ReasonRole, Needed: "operator,developer", Had: "none"}
	w.later(mayEvery)
	for _, path := range []string{"/", "/applications/app", "/clusters", "/clusters/one"} {
		w.shows(path, http.StatusOK, "You may not see what clusters have", "!In use</span>", "!app-db")
	}
	// A service that is away says nothing of the role, for a while.
	s.err = nil
	w.again()
	w.shows("/", http.StatusOK, "In use</span>")
	s.err = &client.UnavailableError{Err: errors.New("no route")}
	w.later(mayEvery)
	w.shows("/", http.StatusOK, "In use</span>", "The key service cannot be reached: this is what it said at ")
	w.later(staleMost)
	w.shows("/", http.StatusOK, "!In use</span>", "the key service cannot be reached")
}

// TestWhatOneMaySeeIsNotShownToAnother: answers are kept for whom they were given to.
func TestWhatOneMaySeeIsNotShownToAnother(t *testing.T) {
	w := newWorld(t, testfleet.Two())
	w.login(&said{ledger: w.reported()})
	w.shows("/", http.StatusOK, "In use</span>")
	w.person.Service = &other{said{err: &client.DeniedError{Reason: keyservicev1.ReasonPerson}}}
	w.shows("/", http.StatusOK, "You may not see", "!In use</span>")
}

// TestAnAddressThatBecameAnothersShowsThemNothing: people are told apart by issuer and
// subject, and not by what the log calls them.
func TestAnAddressThatBecameAnothersShowsThemNothing(t *testing.T) {
	w := newWorld(t, testfleet.Two())
	w.person.Owner = "https://login.example.com#u-ann"
	w.login(&said{ledger: w.reported()})
	w.shows("/", http.StatusOK, "In use</span>")
	w.person.Owner = "https://login.example.com#u-eve"
	w.login(&said{err: &client.DeniedError{Reason: keyservicev1.ReasonPerson}})
	w.shows("/", http.StatusOK, "You may not see", "!In use</span>")
}

type other struct{ said }

func (*other) Person() string { return "bob" }

// TestAFleetThatIsTooLargeIsAskedForInParts: the pages of one thing ask for that thing.
func TestAFleetThatIsTooLargeIsAskedForInParts(t *testing.T) {
	w := newWorld(t, testfleet.Two())
	s := w.login(&said{err: &client.DeniedError{Reason: keyservicev1.ReasonTooMuch}})
	w.shows("/", http.StatusOK, "too large to be shown whole", "Configured")
	w.get("/applications/app")
	w.get("/clusters/one")
	if n := len(s.asked); n != 3 || s.asked[1].GetPlacement() != "app" || s.asked[2].GetCluster() != "one" {
		t.Errorf("asked %v", s.asked)
	}
}

func TestAnUnknownNameIsToldWithWhatMayBeMeant(t *testing.T) {
	w := exampleWorld(t, testfleet.Plain())
	w.shows("/applications/payment", http.StatusNotFound, "there is no application", "did you mean payments?")
	w.shows("/clusters/prod-euu", http.StatusNotFound, "there is no cluster", "did you mean prod-eu?")
	w.shows("/applications/%3Cscript%3Ealert(1)", http.StatusNotFound, "&lt;script&gt;", "!<script>alert")
	w.shows("/applications/"+strings.Repeat("a", 5000), http.StatusNotFound, "!"+strings.Repeat("a", 100))
	w.shows("/?set=retial", http.StatusOK, "There is no cluster set", "Did you mean &#34;retail&#34;?")
	w.shows("/?state=Faild", http.StatusOK, "There is no state", "Did you mean &#34;Failed&#34;?")
	w.shows("/clusters?state=nothing", http.StatusOK, "There is no state", "No cluster is as you asked")
	w.shows("/?q=nothing-like-it&from=-7", http.StatusOK, "Nothing is as you asked", "Show everything")
}

func TestAnEmptyFleetSaysWhatToDoFirst(t *testing.T) {
	w := newWorld(t, testfleet.Files{"fleet.yaml": testfleet.Fleet()})
	w.shows("/", http.StatusOK, "No cluster is in this fleet yet", "bulla cluster add")
	w.shows("/clusters", http.StatusOK, "No cluster is as you asked")
	w.repo.Commit(t, "add one", testfleet.Files{"clusters/one.yaml": testfleet.Cluster("one", "")})
	w.shows("/", http.StatusOK, "No application is placed yet", "bulla place", "!Problems")
	w.repo.Commit(t, "place one by a typing error", testfleet.Files{"placements/app.yaml": "kind: [\n"})
	w.shows("/", http.StatusOK, "A file cannot be used: placements/app.yaml", "No application is placed yet")
}

func TestAnOlderCommitIsMarkedAsOld(t *testing.T) {
	w := newWorld(t, testfleet.Two())
	w.shows("/", http.StatusOK, "app", "!older commit")
	w.repo.Commit(t, "spoil", testfleet.Files{"fleet.yaml": "kind: [\n"})
	for _, path := range []string{"/", "/applications/app", "/clusters", "/clusters/one"} {
		w.shows(path, http.StatusOK, "This is an older commit", "mend fleet.yaml")
	}
	none := newWorld(t, testfleet.Files{"README": "no fleet"})
	none.shows("/", http.StatusInternalServerError, "fleet.yaml", "What to do")
}

func TestAHugeFleetIsFolded(t *testing.T) {
	w := newWorld(t, many(150, 6))
	w.login(&said{ledger: w.reported()})
	page := w.shows("/", http.StatusOK, "set/stores", "all 150 clusters", "6 applications alike",
		"6 applications by 150 clusters")
	if len(page) > 60_000 {
		t.Errorf("the page has %d bytes", len(page))
	}
	w.shows("/?rows=all", http.StatusOK, ">app-005<")
	w.shows("/?q=c0149", http.StatusOK, "6 applications by 1 cluster,", "c0149")
	w.shows("/clusters", http.StatusOK, "150 clusters alike", "One by one")
	w.shows("/clusters?rows=all", http.StatusOK, "c0099", "!c0100", "After")
	w.shows("/clusters?rows=all&from=100", http.StatusOK, "c0100", "c0149", "Before")
	w.shows("/applications/app-000", http.StatusOK, "150 clusters")
}

func TestARolloutShowsItsWaves(t *testing.T) {
	waves := "  rollout:\n    pause: 1h\n    waves:\n    - {name: canary, clusterName: one}\n    - {name: everybody}\n"
	w := newWorld(t, testfleet.Two().With(testfleet.Files{
		"placements/app.yaml": testfleet.Placement("app", "apps/app", "app", "{clusterSet: stores}") + waves}))
	w.shows("/applications/app", http.StatusOK, "canary, 1 cluster, then a pause of 1h0m0s", "everybody, 1 cluster")
	now := time.Now().UnixMicro()
	w.login(&said{ledger: w.reported(), rollouts: &keyservicev1.ListRolloutsResponse{Time: now,
		Rollouts: []*keyservicev1.Rollout{{Placement: "app",
			Pause: &keyservicev1.RolloutPause{Since: now, Until: now, Reason: "INC-7", Person: "bob"},
			Waves: []*keyservicev1.RolloutWave{{Name: "canary", Clusters: 1, Ready: 1, Passed: now},
				{Name: "everybody", Clusters: 1, Lacking: []string{"two"}}}}}}})
	w.shows("/applications/app", http.StatusOK, "1 of 2 clusters", "Passed", "Paused", "INC-7", "bob",
		`href="/clusters/two"`)
}

// TestPagesLeadOn to what a person may want next.
func TestPagesLeadOn(t *testing.T) {
	w := newWorld(t, testfleet.Two())
	w.login(&said{ledger: w.reported()})
	w.shows("/applications/app", http.StatusOK, `href="/applications/app/retire"`, `href="/secrets/app/app/app-db"`)
	w.shows("/clusters/one", http.StatusOK, `href="/lost/one"`, `href="/secrets/app/app/app-db"`)
}

// TestADeliveryIsShownByWave, where the change is of one application that has some.
func TestADeliveryIsShownByWave(t *testing.T) {
	waves := "  rollout:\n    waves:\n    - {name: canary, clusterName: one}\n    - {name: everybody}\n"
	w := newWorld(t, testfleet.Two().With(testfleet.Files{
		"placements/app.yaml": testfleet.Placement("app", "apps/app", "app", "{clusterSet: stores}") + waves}))
	s, err := w.console.clone.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	status := &ledger.Status{Placements: []ledger.Placement{{Name: "app", Clusters: []string{"one", "two"}}}}
	for name, head := range map[string]string{"one": "merged", "two": "before"} {
		status.Clusters = append(status.Clusters, ledger.Cluster{Name: name, Head: head})
	}
	has := func(_ context.Context, commit, _ string) (bool, error) { return commit == "merged", nil }
	d, err := reached.On(t.Context(), has, status, []string{"app"}, "merged")
	if err != nil {
		t.Fatal(err)
	}
	d.InWaves(s.Model.Waves("app"))
	d.InWaves(s.Model.Waves("")) // of several applications there are none
	out := httptest.NewRecorder()
	f := followed{Branch: "bulla/a", Merged: strings.Repeat("a", 40), Accepted: true, Delivery: d}
	if err := w.console.show(out, httptest.NewRequest(http.MethodGet, "/", nil),
		page{Template: "request.html", Title: "Request", Body: requestPage{followed: f}}); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(regexp.MustCompile("<[^>]*>").ReplaceAllString(out.Body.String(), " ")), " ")
	if !strings.Contains(text, "canary 1 of 1 cluster everybody 0 of 1 cluster") {
		t.Error(text)
	}
}
