package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/kustomize"
)

func TestMain(m *testing.M) {
	kustomize.MaybeRunBuildWorker()
	os.Exit(m.Run())
}

// said stands in for the key service: pages see its answers alone, and a real one wants a
// token, a Git remote and clusters that report. That real answers are shown is held by
// TestAPersonGivesASecretByTheConsoleAndTakesItAway of fixtures/story. A call that a test does not expect panics.
type said struct {
	Service

	mu       sync.Mutex
	asked    []*keyservicev1.ListLedgerRequest
	ledger   *keyservicev1.ListLedgerResponse
	rollouts *keyservicev1.ListRolloutsResponse
	err      error
	hangs    bool
	checked  int // how often it was asked whether the person may still see it
}

func (*said) Fleet() string  { return "fleet" }
func (*said) Person() string { return "ann" }

func (s *said) ListLedger(ctx context.Context, in *keyservicev1.ListLedgerRequest) (
	*keyservicev1.ListLedgerResponse, error,
) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, in)
	if s.hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.ledger, s.err
}

func (s *said) Describe(context.Context) (*keyservicev1.DescribeResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checked++
	return &keyservicev1.DescribeResponse{}, s.err
}

func (s *said) ListRollouts(context.Context, string) (*keyservicev1.ListRolloutsResponse, error) {
	return s.rollouts, nil
}

// world is a console over a real clone.
type world struct {
	t       testing.TB
	repo    *testfleet.Repository
	console *Console
	person  Person
}

func newWorld(t testing.TB, files testfleet.Files) *world {
	t.Helper()
	return worldOf(t, testfleet.NewRepository(t, files))
}

// exampleWorld is one of the two example fleets, sealed.
func exampleWorld(t testing.TB, example *testfleet.Example) *world {
	t.Helper()
	root := testfleet.NewRoot(t)
	spec := root.Spec(1)
	file := root.File(t, &spec)
	sealer := testfleet.SealerOf(t, &spec)
	recipient := func(cluster string) string {
		identity, err := softkey.NewIdentity(cluster)
		if err != nil {
			t.Fatal(err)
		}
		return identity.Recipient()
	}
	sealer.Recipient = recipient
	repo := testfleet.NewRepository(t, testfleet.Files{"README": "a fleet"})
	if err := example.Write(repo.Dir, testfleet.Fill{
		Fleet: func() ([]byte, error) { return []byte(file), nil },
		Cluster: func(name string) (string, string, error) {
			digest := sha256.Sum256([]byte(name))
			return "sha256:" + hex.EncodeToString(digest[:]), recipient(name), nil
		},
		Seal: func(s testfleet.ExampleStub) ([]byte, error) {
			for i, target := range s.Targets { // a cluster's own lock wants a recovery key, which this fleet has none of
				if strings.HasPrefix(target, "cluster/") {
					s.Targets[i] = "set/retail"
				}
			}
			return sealer.File(s.Secret)
		},
	}); err != nil {
		t.Fatal(err)
	}
	repo.Commit(t, "write the fleet", nil)
	return worldOf(t, repo)
}

func worldOf(t testing.TB, repo *testfleet.Repository) *world {
	t.Helper()
	w := &world{t: t, repo: repo}
	at, err := clone.Open(repo.Dir, "main", kustomize.NewBuilder(kustomize.BuilderOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	w.console, err = New(Options{Clone: at, Who: func(*http.Request) (Person, error) { return w.person, nil }})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// get is a page as a person gets it.
func (w *world) get(path string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, path, nil)
	out := httptest.NewRecorder()
	w.console.Handler().ServeHTTP(out, r)
	return out
}

// shows gets a page and holds it to what it must show, and to what it must not ("!" before).
func (w *world) shows(path string, status int, texts ...string) string {
	w.t.Helper()
	out := w.get(path)
	if out.Code != status {
		w.t.Errorf("%s: status %d, want %d", path, out.Code, status)
	}
	page := strings.Join(strings.Fields(out.Body.String()), " ")
	for _, text := range texts {
		unwanted, not := strings.CutPrefix(text, "!")
		if not && strings.Contains(page, unwanted) {
			w.t.Errorf("%s shows %q", path, unwanted)
		}
		if !not && !strings.Contains(page, text) {
			_, main, _ := strings.Cut(page, "<main")
			w.t.Errorf("%s does not show %q:\n%s", path, text, main)
		}
	}
	return page
}

// login has the person ask a service.
func (w *world) login(s *said) *said {
	w.person.Service = s
	return s
}

// again forgets how lately the service was asked.
func (w *world) again() {
	for _, a := range w.console.fleet.answers.of {
		a.mu.Lock()
		a.tried = time.Time{}
		if !a.last.at.IsZero() {
			a.last.at = time.Now().Add(-waitAfter)
		}
		a.mu.Unlock()
	}
}

// later lets the service's word by which an answer is shown grow old.
func (w *world) later(by time.Duration) {
	for _, a := range w.console.fleet.answers.of {
		a.mu.Lock()
		a.may = a.may.Add(-by)
		a.mu.Unlock()
	}
}

// reported is an answer of a fleet where all that Git places is there and in use.
func (w *world) reported() *keyservicev1.ListLedgerResponse {
	w.t.Helper()
	s, err := w.console.clone.Snapshot(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	now := time.Now().UnixMicro()
	out := &keyservicev1.ListLedgerResponse{Head: s.Commit, Time: now, Accepted: now, Looked: now}
	for _, name := range slices.Sorted(maps.Keys(s.Model.Placements)) {
		out.Placements = append(out.Placements, &keyservicev1.LedgerPlacement{Placement: name,
			Clusters: s.Model.TargetsOf(name)})
	}
	for _, name := range slices.Sorted(maps.Keys(s.Model.Clusters)) {
		c := &keyservicev1.LedgerCluster{Cluster: name, Member: true, Head: s.Commit, Reported: now,
			State: &keyservicev1.ClusterState{Version: "v1.2.3"}}
		for _, p := range s.Model.PlacedOn(name) {
			c.State.Deliveries = append(c.State.Deliveries, &keyservicev1.DeliveryState{Placement: p,
				Ready: keyservicev1.Readiness_READINESS_READY, Objects: 3})
			c.Secrets = append(c.Secrets, &keyservicev1.LedgerSecret{PlacedDigest: "sha256:1", Since: now,
				Secret: &keyservicev1.SecretReport{Placement: p, Namespace: p, Name: p + "-db", Digest: "sha256:1",
					State: keyservicev1.SecretState_SECRET_STATE_IN_USE, Workloads: []string{"Deployment/api"}}})
		}
		out.Clusters = append(out.Clusters, c)
	}
	return out
}

// many is a fleet of n clusters in one set, and placements on it.
func many(clusters, placements int) testfleet.Files {
	files := testfleet.Files{"fleet.yaml": testfleet.Fleet(), "clustersets/stores.yaml": testfleet.Set("stores")}
	for i := range clusters {
		name := fmt.Sprintf("c%04d", i)
		files["clusters/"+name+".yaml"] = testfleet.Cluster(name, "")
	}
	for i := range placements {
		name := fmt.Sprintf("app-%03d", i)
		files["placements/"+name+".yaml"] = testfleet.Placement(name, "apps/"+name, name, "{clusterSet: stores}")
		files["apps/"+name+"/a.yaml"] = testfleet.ConfigMap("a")
	}
	return files
}
