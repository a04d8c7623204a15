package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/gitserver"
	"github.com/bulla-dev/bulla/fixtures/openid"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/fixtures/token"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/keyservice"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1/keyservicev1connect"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/source/git"
	"github.com/bulla-dev/bulla/sealing"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

// keys is a whole key service on a token in SoftHSM, and the remote of its fleet.
type keys struct {
	t       *testing.T
	server  *keyservice.Server
	config  *config.Config
	repo    *gitserver.Repo
	address string
	rootKey string
	said    *said
	rows    *store.DB

	provider *openid.Provider
}

func must[T any](t *testing.T, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const fleetID = "5e0c0d0e5a7b4c3d8e9f001122334455"

func startKeys(t *testing.T) *keys {
	t.Helper()
	device := token.ForTest(t)
	made, err := device.Ceremony(fleetID, "2026-11-a", api.SuiteHybrid)
	must(t, made, err)
	access := device.Config(fleetID)
	access.PinnedKeys = []api.SealingKey{made.Key}
	worker, err := hsm.Start(t.Context(), access, nil)
	must(t, worker, err)
	t.Cleanup(func() { worker.Close() })
	root := testfleet.RootOf(fleetID, device.RootSigner(t, fleetID), made.Key)
	spec := root.Spec(1)
	spec.LogKey = sealing.VerifierKey(audit.Origin(fleetID), made.Log)
	_, repo := newRemote(t, testfleet.Two().With(testfleet.Files{"fleet.yaml": root.File(t, &spec)}))
	provider := openid.ForTest(t)
	k := serveKeys(t, worker, origin{repo.URL(), repo.Username, repo.Password}, &config.Config{
		Fleet: fleetID, RootKey: root.Key,
		OIDC: config.OIDC{Issuer: provider.Issuer, ClientID: openid.ClientID, Consoles: []string{clientID},
			CAFile: provider.CAFile, Groups: []config.Group{{Name: "fleet-ops", Roles: []config.Role{config.RoleOperator}}}},
	})
	k.repo, k.provider = repo, provider
	return k
}

// origin is a fleet's, and who reads it.
type origin struct{ url, user, password string }

// serveKeys serves a key service on a token, of a fleet in a remote.
func serveKeys(t *testing.T, on keyservice.Token, from origin, of *config.Config) *keys {
	t.Helper()
	k := &keys{t: t, rootKey: of.RootKey, said: &said{}, config: of}
	of.ServerNames, of.CertificateTTL = []string{"127.0.0.1"}, config.Duration(time.Hour)
	of.Repository = config.Repository{Ref: "main", Interval: config.Duration(time.Second)}
	of.Token = config.TokenFile{Sessions: 2}
	rows, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "keyservice.db"))
	must(t, rows, err)
	k.rows = rows
	mirror, err := git.Open(filepath.Join(t.TempDir(), "mirror"), from.url, "main",
		git.Auth{Username: from.user, Password: from.password}, git.Limits{})
	must(t, mirror, err)
	k.server, err = keyservice.New(t.Context(), keyservice.Options{Config: k.config, Store: rows, Token: on,
		Source: mirror, Builder: kustomize.NewBuilder(kustomize.BuilderOptions{SlowAfter: 20 * time.Second}),
		Log: slog.New(slog.NewTextHandler(k.said, nil)), Version: "v0.1.0-test"})
	must(t, k.server, err)
	public, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, public, err)
	health, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, health, err)
	k.address = public.Addr().String()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- k.server.Serve(ctx, public, health) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, rows.Close()); err != nil {
			t.Logf("the key service ends: %v", err)
		}
	})
	wait.Until(t, "the key service is ready", func() bool {
		answer, err := http.Get("http://" + health.Addr().String() + "/readyz")
		return err == nil && answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
	})
	return k
}

// groups is the service's operator, who says anew what groups may.
func (k *keys) groups(all ...config.Group) {
	k.t.Helper()
	to := k.config.OIDC
	to.Groups = all
	if err := k.server.SetGroups(k.t.Context(), to); err != nil {
		k.t.Fatal(err)
	}
}

// TestWhoMayAskWhoTheyAreMaySeeTheLedger, and nobody else: the console shows what it keeps of
// the second to whom the service answers the first.
func TestWhoMayAskWhoTheyAreMaySeeTheLedger(t *testing.T) {
	of := func(path string) []config.Role {
		for _, route := range keyservice.Routes() {
			if route.Path == path {
				return slices.Sorted(slices.Values(route.Roles))
			}
		}
		t.Fatalf("there is no %s", path)
		return nil
	}
	who := of(keyservicev1connect.AdminServiceDescribeProcedure)
	if ledger := of(keyservicev1connect.AdminServiceListLedgerProcedure); !slices.Equal(who, ledger) {
		t.Errorf("who one is may be asked by %v, the ledger by %v", who, ledger)
	}
}

// toldBy waits until somebody's page has what the key service says: it shows what Git says
// until the first answer, which a busy machine may take long for.
func (c *running) toldBy(browser *http.Client) {
	c.t.Helper()
	wait.For(c.t, "the key service has told this person", func() error {
		status, text, _ := c.get(browser, "/")
		if status != http.StatusOK || strings.Contains(text, "this shows what Git says") {
			return fmt.Errorf("%d %s", status, text)
		}
		return nil
	})
}

// TestAPageLeftOpenAddsFewEntries to the audit log, however often it asks again.
func TestAPageLeftOpenAddsFewEntries(t *testing.T) {
	k := startKeys(t)
	c := prepare(t, k.repo, k.rootKey, k.provider)
	c.args = append(c.args, "--key-service", "https://"+k.address,
		"--key-service-authority", protocol.SPKIHash(k.server.Authority()))
	c.start()
	operator := c.signIn(ada)
	c.toldBy(operator)
	asked := func() (entries int) {
		leaves, _, err := k.rows.FindLeaves(t.Context(), fleetID, store.LogFilter{Limit: 1 << 10})
		must(t, leaves, err)
		for _, leaf := range leaves {
			e, err := audit.ParseEntry(leaf.Entry)
			if err == nil && e.Kind == audit.Person && strings.Contains(e.Identity, ada.Name) {
				entries++
			}
		}
		return entries
	}
	const refreshes = 6
	for range refreshes {
		status, text, _ := c.get(operator, "/")
		if status != http.StatusOK || strings.Contains(text, "this shows what Git says") {
			t.Fatalf("an operator: %d %s", status, text)
		}
		time.Sleep(2100 * time.Millisecond) // after it the word counts no more by which the ledger is shown
	}
	if n := asked(); n == 0 || n > 2 {
		t.Errorf("a page that asked %d times made %d entries", refreshes, n)
	}
	c.end()
}

// TestTheKeyServiceDecidesWhatAPersonSees: by their own token, which the console passes on
// with each question. Who is in no group sees what Git says, and why no more; a role that was
// taken away counts at the next question; and two people at one console see each their own.
func TestTheKeyServiceDecidesWhatAPersonSees(t *testing.T) {
	k := startKeys(t)
	c := prepare(t, k.repo, k.rootKey, k.provider)
	c.args = append(c.args, "--key-service", "https://"+k.address,
		"--key-service-authority", protocol.SPKIHash(k.server.Authority()))
	c.start()
	const notShown = "The audit log is not shown"
	operator, nobody := c.signIn(ada), c.signIn(eve)
	c.toldBy(operator)
	if status, text, _ := c.get(operator, "/audit"); status != http.StatusOK ||
		strings.Count(text, ada.Email) < 2 || strings.Contains(text, notShown) { // the foot names her too
		t.Errorf("an operator's log: %d %s", status, text)
	}
	for _, page := range []string{"/", "/audit", "/enrolment"} {
		status, text, _ := c.get(nobody, page)
		if status != http.StatusOK || strings.Contains(text, ada.Email) ||
			!strings.Contains(text, "gives no role to any group that the provider has you in") {
			t.Errorf("somebody without groups, %s: %d %s", page, status, text)
		}
	}
	if _, text, _ := c.get(nobody, "/"); !strings.Contains(text, "frontend") && !strings.Contains(text, "Commit shown") {
		t.Errorf("somebody without groups does not see what Git says: %s", text)
	}
	// Between two pages. What is kept of the ledger is shown by a word of a moment ago.
	if _, text, _ := c.get(operator, "/"); strings.Contains(text, "this shows what Git says") {
		t.Errorf("an operator: %s", text)
	}
	k.groups(config.Group{Name: "others", Roles: []config.Role{config.RoleOperator}})
	time.Sleep(2 * time.Second)
	if _, text, _ := c.get(operator, "/"); !strings.Contains(text, "this shows what Git says") ||
		!strings.Contains(text, "gives no role to any group") {
		t.Errorf("an operator who was sees what clusters have: %s", text)
	}
	if status, text, _ := c.get(operator, "/audit"); status != http.StatusOK || !strings.Contains(text, notShown) ||
		!strings.Contains(text, "gives no role to any group") {
		t.Errorf("an operator who was: %d %s", status, text)
	}
	k.groups(config.Group{Name: "fleet-ops", Roles: []config.Role{config.RoleDeveloper}})
	if status, text, _ := c.get(operator, "/audit"); !strings.Contains(text, notShown) ||
		!strings.Contains(text, "it takes the role") || status != http.StatusOK {
		t.Errorf("a developer reads the log: %d %s", status, text)
	}
	c.end()
	for name, log := range map[string]string{"console": c.log.String(), "key service": k.said.String()} {
		if strings.Contains(log, "eyJ") || strings.Contains(log, clientSecret) {
			t.Errorf("the log of the %s has a token", name)
		}
	}
}
