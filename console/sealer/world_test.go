package sealer_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/sealer"
	"github.com/bulla-dev/bulla/console/sealer/static"
	"github.com/bulla-dev/bulla/fixtures/browser"
	"github.com/bulla-dev/bulla/fixtures/canary"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/fixtures/token"
	"github.com/bulla-dev/bulla/sealing"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

const (
	fleetID = "6f1c0a52b9d84e37a1c5d2e8f0947b36"
	keyID   = "2026-11-a"
)

func TestMain(m *testing.M) {
	hsm.MaybeRunWorker()
	os.Exit(m.Run())
}

// packed is what `make sealer` builds, built once for all tests, in less time.
var packed = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "bulla-sealer-")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "run", "./pack", "-level", "3", "-o", dir).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the sealer: %w\n%s", err, out)
	}
	return dir, nil
})

// world is a fleet whose keys are in a token, and a server with one page that seals.
type world struct {
	worker  *hsm.Worker
	root    *testfleet.Root
	spec    api.FleetSpec
	suite   api.Suite
	cluster *softkey.Identity
	url     string

	// mu guards what the server reads and writes: of the above, root and spec.
	mu sync.Mutex
	// policy is of the page, program what serves sealer.wasm where that is another.
	policy  string
	program http.HandlerFunc
	sent    [][]byte
}

// change changes what the server says from here on.
func (w *world) change(how func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	how()
}

// got is what the page sent.
func (w *world) got() [][]byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.sent)
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{suite: api.SuiteHybrid, policy: static.PagePolicy}
	tok := token.ForTest(t)
	made, err := tok.Ceremony(fleetID, keyID, w.suite)
	if err != nil {
		t.Fatal(err)
	}
	config := tok.Config(fleetID)
	config.PinnedKeys = []api.SealingKey{made.Key}
	if w.worker, err = hsm.Start(t.Context(), config, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.worker.Close)
	if w.cluster, err = softkey.NewIdentity("test cluster"); err != nil {
		t.Fatal(err)
	}
	recovery, err := softkey.NewIdentity("test recovery")
	if err != nil {
		t.Fatal(err)
	}
	w.root = testfleet.RootOf(fleetID, tok.RootSigner(t, fleetID), made.Key)
	w.spec = w.root.Spec(1)
	w.spec.RecoveryRecipients = []string{recovery.Recipient()}
	w.root.Sign(t, &w.spec)
	w.serve(t)
	return w
}

func (w *world) serve(t testing.TB) {
	t.Helper()
	dir, err := packed()
	if err != nil {
		t.Fatal(err)
	}
	files, err := static.Handler(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(out http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		out.Header().Set("Content-Security-Policy", w.policy)
		w.mu.Unlock()
		http.FileServer(http.Dir("testdata/page")).ServeHTTP(out, r)
	})
	mux.Handle("/sealer/", files)
	mux.HandleFunc("/sealer/sealer.wasm", func(out http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		program := w.program
		w.mu.Unlock()
		if program == nil {
			program = files.ServeHTTP
		}
		program(out, r)
	})
	mux.HandleFunc("/fleet", func(out http.ResponseWriter, _ *http.Request) { out.Write(w.asked(t)) })
	mux.HandleFunc("/send", func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.sent = append(w.sent, body)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	w.url = server.URL + "/"
}

// asked is what the page is told of the fleet.
func (w *world) asked(t testing.TB) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	fleet, err := json.Marshal(api.Fleet{TypeMeta: api.TypeMeta{APIVersion: api.APIVersion, Kind: api.KindFleet},
		Metadata: api.Metadata{Name: "acme"}, Spec: w.spec})
	if err != nil {
		t.Error(err)
	}
	text, err := json.Marshal(map[string]string{"fleet": string(fleet), "rootKey": w.root.Key})
	if err != nil {
		t.Error(err)
	}
	return text
}

// said is what the page tells of a job.
type said struct {
	Error, Hint, Fingerprint string
	Notes                    []sealer.Note
	Load, Seal               float64
	Kept                     int
}

// submit has the page seal what stands in its fields.
func submit(t testing.TB, b *browser.Browser, job sealer.Job, fields map[string]string, repinned bool) said {
	t.Helper()
	args := make([]string, 0, 3)
	for _, arg := range []any{job, fields, repinned} {
		text, err := json.Marshal(arg)
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, string(text))
	}
	var s said
	b.Must(t, &s, "submitted("+strings.Join(args, ", ")+")")
	return s
}

func newJob(blocks ...[]string) sealer.Job {
	return sealer.Job{Namespace: "shop", Name: "db", Blocks: blocks, Targets: []sealer.Target{{Set: "retail"}}}
}

// blocks are what the page sent last.
func (w *world) blocks(t testing.TB) (blocks []api.Block) {
	t.Helper()
	sent := w.got()
	if len(sent) == 0 {
		t.Fatal("nothing was sent")
	}
	if err := json.Unmarshal(sent[len(sent)-1], &blocks); err != nil {
		t.Fatal(err)
	}
	return blocks
}

// open opens each lock of a block by the token, as the key service does, and gives the
// values by their fields, in base64.
func (w *world) open(t testing.TB, block *api.Block) map[string]string {
	t.Helper()
	c := sealing.Context{Fleet: fleetID, Scope: api.ScopeStrict, Kind: "Secret", Namespace: "shop", Name: "db",
		Fields: block.Fields}
	var values map[string]string
	for _, lock := range block.Locks {
		stanza, err := softkey.Unlock(t.Context(), w.worker, c, block, lock, w.suite, w.cluster.Recipient())
		if err != nil {
			t.Fatal(err)
		}
		fileKey, err := sealing.OpenStanza(w.cluster, stanza)
		if err != nil {
			t.Fatal(err)
		}
		payload, err := sealing.ParsePayload(block.Payload)
		if err != nil {
			t.Fatal(err)
		}
		if values, err = payload.Open(c, fileKey); err != nil {
			t.Fatal(err)
		}
	}
	return values
}

// sweep looks for values in all that left the browser, that it keeps, and that it shows.
func (w *world) sweep(t testing.TB, b *browser.Browser, secrets ...canary.Canary) {
	t.Helper()
	var shown string
	b.Must(t, &shown, `JSON.stringify([location.href, document.documentElement.outerHTML, {...localStorage},
		{...sessionStorage}, document.cookie, [...document.querySelectorAll('input, textarea')].map((f) => [f.value,
		f.defaultValue])])`)
	got := bytes.Join(w.got(), []byte("\n"))
	canary.Check(t, secrets, canary.Bytes("requests", b.Sent()), canary.Bytes("the server's", got),
		canary.Bytes("page", []byte(shown)), canary.Bytes("console", []byte(b.Said())), canary.Path(b.Profile))
	if strays := b.Strays(); len(strays) > 0 {
		t.Errorf("the page asked elsewhere: %v", strays)
	}
}
