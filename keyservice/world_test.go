package keyservice_test

import (
	"context"
	"crypto"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/emptystore"
	"github.com/bulla-dev/bulla/fixtures/gitserver"
	"github.com/bulla-dev/bulla/fixtures/postgres"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/fixtures/token"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/keyservice"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/receiver"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/keyservice/turnstile"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/source/git"
	"github.com/bulla-dev/bulla/notify"
	"github.com/bulla-dev/bulla/sealing"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

func TestMain(m *testing.M) {
	kustomize.MaybeRunBuildWorker()
	hsm.MaybeRunWorker()
	maybeReconnect()
	maybeHold()
	os.Exit(postgres.Main(m))
}

const keyID = "2026-11-a"

// world is a fleet on real parts: a token, a Git remote, a store, and a service
// on loopback.
type world struct {
	t       testing.TB
	dir     string
	fleet   string
	rootKey string
	token   *token.Token
	made    *hsm.Made
	// rootSigner is root's, once that was asked for.
	rootSigner *testfleet.Root

	worker  *hsm.Worker
	repo    *gitserver.Repo
	git     *gitserver.Server
	rows    *store.DB
	offset  atomic.Int64 // of the service's clock
	logs    *logBuffer
	service *keyservice.Server
	builder *kustomize.Builder // of the service
	serial  int64              // of the fleet.yaml signed last
	logKey  *string            // in fleet.yaml; nil: the token's
	people  []config.Person
	signing config.SigningFloor
	url     string
	renewal string
	hooks   string // where webhooks are sent, with hookSecret
	health  string
	stop    func()
	// refresh is how often the service looks for a new authority. It also renews
	// its own certificate then, which a test that moves the clock by days must not
	// have: the client's clock stays.
	refresh time.Duration
	// lookEvery is how often requests may have the service look at Git: tests that
	// push do not wait for their turn.
	lookEvery time.Duration
	// heldFor is how long a call that waits is held; the product's when 0.
	heldFor time.Duration
	// database is the URL of a PostgreSQL database; a SQLite file without one.
	database string
	// remote is where the service reads the repository, where it is not the
	// server's own address.
	remote string
	// between stands between the service and its store.
	between func(keyservice.Store) keyservice.Store
	limits  turnstile.Limits
	stubs   config.Stubs
	oidc    config.OIDC
	// through stands between the service and its token.
	through keyservice.Token
	// maxAge of the last verified look; none when 0.
	maxAge time.Duration
	// refusedGrace of a tip; none when 0.
	refusedGrace time.Duration
	// notify are told, who look tellEvery at how clusters fare.
	notify    []notify.Provider
	tellEvery time.Duration
	// slowAfter is when a build is slow: never, unless a test is about that.
	slowAfter time.Duration
}

func newWorld(t testing.TB) *world { return newWorldWith(t, api.SuiteHybrid, 2) }

func newWorldWith(t testing.TB, suite api.Suite, sessions int) *world {
	return newWorldOf(t, suite, sessions, 0)
}

// newWorldAt has a service whose clock is ahead.
func newWorldAt(t testing.TB, ahead time.Duration) *world {
	return newWorldOf(t, api.SuiteHybrid, 2, ahead)
}

func newWorldOf(t testing.TB, suite api.Suite, sessions int, ahead time.Duration, prepare ...func(*world)) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), logs: &logBuffer{}, refresh: time.Hour,
		lookEvery: 20 * time.Millisecond, slowAfter: time.Minute}
	w.offset.Store(int64(ahead))
	for _, change := range prepare {
		change(w)
	}
	w.token, w.made = token.WithKeys(t, keyID, suite)
	w.fleet = w.made.Fleet
	w.rootKey = sealing.VerifierKey("acme", w.made.Root)
	config := w.token.Config(w.fleet)
	config.Sessions = sessions
	var err error
	if w.worker, err = hsm.Start(t.Context(), config, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.worker.Close)
	w.git = gitserver.ForTest(t)
	if w.repo, err = w.git.NewRepo("fleet"); err != nil {
		t.Fatal(err)
	}
	emptystore.At(t, w.storePath())
	w.rows = w.openStore()
	t.Cleanup(func() {
		w.rows = w.openStore() // a test may have closed it
		w.checkLog()
	})
	w.commit(map[string]string{"fleet.yaml": w.fleetFile(w.made.Key), "clustersets/all.yaml": setFile("all")})
	w.start(sessions)
	return w
}

func (w *world) storePath() string { return filepath.Join(w.dir, "store.db") }

func (w *world) openStore() *store.DB {
	w.t.Helper()
	ctx := context.WithoutCancel(w.t.Context())
	open := func() (*store.DB, error) { return store.Open(ctx, w.storePath()) }
	if w.database != "" {
		open = func() (*store.DB, error) { return store.OpenPostgres(ctx, w.database) }
	}
	rows, err := open()
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { rows.Close() })
	return rows
}

func (w *world) config(sessions int) *config.Config {
	return &config.Config{
		Fleet: w.fleet, RootKey: w.rootKey, Signing: w.signing, ServerNames: []string{"127.0.0.1"},
		Repository:     config.Repository{Ref: "main", Interval: config.Duration(time.Hour), MaxAge: config.Duration(w.maxAge), RefusedGrace: config.Duration(w.refusedGrace)},
		Token:          config.TokenFile{Sessions: sessions},
		CertificateTTL: config.Duration(24 * time.Hour),
		People:         w.people,
		Limits:         w.limits,
		Stubs:          w.stubs,
		OIDC:           w.oidc,
		Renewal:        config.Renewal{URL: w.renewal, Grace: config.Duration(7 * 24 * time.Hour)},

		ReportAfterRemoval: config.Duration(time.Hour),
	}
}

// now is the service's clock.
func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.offset.Load())) }

// start serves until the test ends, or until stop is called.
func (w *world) start(sessions int) {
	w.t.Helper()
	remote, rows := w.repo.URL(), keyservice.Store(w.rows)
	if w.remote != "" {
		remote = w.remote
	}
	if w.between != nil {
		rows = w.between(rows)
	}
	mirror, err := git.Open(filepath.Join(w.dir, "mirror"), remote, "main",
		git.Auth{Username: w.repo.Username, Password: w.repo.Password}, git.Limits{})
	if err != nil {
		w.t.Fatal(err)
	}
	token := keyservice.Token(w.worker)
	if w.through != nil {
		token = w.through
	}
	// Longer than the product's: the race detector makes a build of many locks slow.
	w.builder = kustomize.NewBuilder(kustomize.BuilderOptions{Timeout: 3 * time.Minute, SlowAfter: w.slowAfter})
	renewal := w.listen()
	w.renewal = "https://" + renewal.Addr().String()
	hooks := w.listen()
	w.hooks = "http://" + hooks.Addr().String()
	w.service, err = keyservice.New(w.t.Context(), keyservice.Options{
		Config: w.config(sessions), Store: rows, Token: token, Source: mirror,
		Builder: w.builder,
		Log:     slog.New(slog.NewJSONHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:     w.now, Renewal: renewal, RefreshEvery: w.refresh, LookEvery: w.lookEvery, HeldFor: w.heldFor,
		Notify: w.notify, TellEvery: w.tellEvery,
		Receiver: hooks, Hooks: []receiver.Hook{{Name: "forge", Type: receiver.GitHub, Secret: []byte(hookSecret)}},
		Version: "v0.1.0-test",
	})
	if err != nil {
		w.t.Fatal(err)
	}
	listener, health := w.listen(), w.listen()
	w.url, w.health = "https://"+listener.Addr().String(), "http://"+health.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := w.service.Serve(ctx, listener, health); err != nil {
			w.t.Errorf("serve: %v", err)
		}
	}()
	w.stop = func() {
		cancel()
		wait.Receive(w.t, "the service stops", done)
	}
	w.t.Cleanup(w.stop)
}

func (w *world) listen() net.Listener {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// commit pushes files; an empty text deletes.
func (w *world) commit(files map[string]string) string {
	w.t.Helper()
	changes := map[string]*string{}
	for path, text := range files {
		changes[path] = &text
		if text == "" {
			changes[path] = nil
		}
	}
	hash, err := w.repo.Commit("change the fleet", changes)
	if err != nil {
		w.t.Fatal(err)
	}
	return hash
}

// fleetFile is fleet.yaml with the next serial, signed by the root key in the
// token.
func (w *world) fleetFile(keys ...api.SealingKey) string {
	w.t.Helper()
	w.serial++
	spec := api.FleetSpec{ID: w.fleet, Serial: w.serial, SealingKeys: keys, LogKey: sealing.VerifierKey(audit.Origin(w.fleet), w.made.Log)}
	if w.logKey != nil {
		spec.LogKey = *w.logKey
	}
	return w.root().File(w.t, &spec)
}

// root signs with the root key, which the service's login does not show.
func (w *world) root() *testfleet.Root {
	if w.rootSigner == nil {
		w.rootSigner = w.rootOf(w.token.RootSigner(w.t, w.fleet))
	}
	return w.rootSigner
}

// rootOf signs for the fleet with another key.
func (w *world) rootOf(key crypto.Signer) *testfleet.Root {
	return testfleet.RootOf(w.fleet, key, w.made.Key)
}

func kindOf(kind string) api.TypeMeta {
	return api.TypeMeta{APIVersion: api.APIVersion, Kind: kind}
}

func marshal(t testing.TB, object any) string {
	t.Helper()
	data, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func setFile(name string) string {
	return "apiVersion: bulla.dev/v1alpha1\nkind: ClusterSet\nmetadata: {name: " + name + "}\nspec: {selector: {matchLabels: {set: " + name + "}}}\n"
}

func placementFile(name, namespace string, targets ...string) string {
	kinds := strings.NewReplacer("set/", "clusterSet: ", "cluster/", "clusterName: ")
	var flow []string
	for _, target := range targets {
		flow = append(flow, "{"+kinds.Replace(target)+"}")
	}
	return testfleet.Placement(name, "apps/"+name, namespace, strings.Join(flow, ", "))
}

// stub describes a SealedManifest to seal.
type stub struct {
	namespace, name string
	// built is the namespace and name that it is sealed for; its own by default.
	builtNamespace, builtName string
	targets                   []sealing.LockTarget
	values                    map[string]string
	key                       api.SealingKey
	fleet                     string
	fleetScope                bool
	// change edits the manifest after sealing.
	change func(*api.SealedManifest)
}

var toAll = []sealing.LockTarget{{Target: sealing.Target{Kind: sealing.Set, Name: "all"}}}

// seal returns the stub's file and digest.
func (w *world) seal(s stub) (file, digest string) {
	w.t.Helper()
	if s.key.ID == "" {
		s.key = w.made.Key
	}
	if s.targets == nil {
		s.targets = toAll
	}
	if s.fleet == "" {
		s.fleet = w.fleet
	}
	secret := testfleet.Secret{
		Namespace: s.namespace, Name: s.name, BuiltNamespace: s.builtNamespace, BuiltName: s.builtName,
		Values: map[string]string{},
	}
	if s.fleetScope {
		secret.Scope = api.ScopeFleet
	}
	for pointer, value := range s.values {
		secret.Values[strings.TrimPrefix(pointer, "/data/")] = value
	}
	sealer := testfleet.Sealer{Fleet: s.fleet, Key: s.key}
	for _, lock := range s.targets {
		secret.Targets = append(secret.Targets, lock.Target.String())
		if lock.Target.Kind == sealing.Cluster {
			sealer.Recovery = []string{lock.Recipient} // two-lock demands one; any will do here
			sealer.Recipient = func(string) string { return lock.Recipient }
		}
	}
	manifest, err := sealer.Seal(secret)
	if err != nil {
		w.t.Fatal(err)
	}
	if s.change != nil {
		s.change(manifest)
	}
	file = marshal(w.t, manifest)
	return file, api.StubDigest([]byte(file))
}

// operations counts the key agreements in the token so far.
func (w *world) operations() uint64 {
	w.t.Helper()
	return w.calls("C_DeriveKey")
}

func (w *world) calls(function string) uint64 {
	w.t.Helper()
	calls, err := w.token.Calls()
	if err != nil {
		w.t.Fatal(err)
	}
	return calls[function]
}

// eventually polls until what is true, for at most a minute.
func (w *world) eventually(what string, is func() bool) {
	w.t.Helper()
	wait.Until(w.t, what, is)
}
