package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/fixtures/gitserver"
	"github.com/bulla-dev/bulla/fixtures/openid"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/fixtures/wait"
)

var (
	ada = openid.User{Name: "u-ada", Email: "ada@acme.example", Groups: []string{"fleet-ops"}}
	eve = openid.User{Name: "u-eve", Email: "eve@acme.example"}
)

// newRemote is a fleet's, at a Git server.
func newRemote(t *testing.T, files testfleet.Files) (*gitserver.Server, *gitserver.Repo) {
	t.Helper()
	server, err := gitserver.Start(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	repo, err := server.NewRepo("fleet")
	if err != nil {
		t.Fatal(err)
	}
	files.Write(t, repo.Dir())
	if _, err := repo.CommitAll("begin"); err != nil {
		t.Fatal(err)
	}
	return server, repo
}

// TestATeamsConsoleIsServed from its command line: pages over TLS to who signed in, health to
// a port of its own, out of a clone of its own that outlives the remote; and what it was given
// to read stands in nothing that it writes.
func TestATeamsConsoleIsServed(t *testing.T) {
	root := testfleet.NewRoot(t)
	server, repo := newRemote(t, testfleet.Two().With(testfleet.Files{"fleet.yaml": root.Fleet(t, 1)}))
	c := prepare(t, repo, root.Key, openid.ForTest(t))
	c.start()
	stranger := c.browser()
	if status, text, header := c.get(stranger, "/"); status != http.StatusUnauthorized ||
		!strings.Contains(text, "Sign in at") || strings.Contains(text, "acme") ||
		header.Get("Strict-Transport-Security") == "" {
		t.Errorf("a stranger: %d %s %v", status, text, header)
	}
	b := c.signIn(ada)
	status, text, _ := c.get(b, "/")
	if status != http.StatusOK || !strings.Contains(text, "acme") ||
		!strings.Contains(text, "this console has no key service") {
		t.Errorf("the fleet: %d %s", status, text)
	}
	wait.Until(t, "the repository is fetched", func() bool {
		return strings.Contains(c.healthPage("/metrics"), "bulla_console_fetched_timestamp_seconds 1")
	})
	metrics := c.healthPage("/metrics")
	for _, want := range []string{"bulla_console_sessions 1", "bulla_console_fleet_shown 1", "bulla_console_build_info{",
		`bulla_console_requests_total{status="401"} 1`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("/metrics has no %s", want)
		}
	}
	c.healthPage("/healthz")
	c.end()
	// The remote is away: it serves what it has.
	server.Refuse(http.StatusServiceUnavailable)
	c.start()
	later := c.signIn(ada)
	wait.Until(t, "the page says that the remote is away", func() bool {
		status, text, _ := c.get(later, "/")
		if status != http.StatusOK || !strings.Contains(text, "acme") {
			t.Fatalf("the remote is away: %d %s", status, text)
		}
		return strings.Contains(text, "the repository cannot be reached")
	})
	if status, _, _ := c.get(b, "/"); status != http.StatusUnauthorized {
		t.Errorf("a session outlives the console: %d", status)
	}
	c.end()
	everything := c.log.String()
	if err := filepath.WalkDir(c.data, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		everything += string(data)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, never := range []string{clientSecret, repo.Password, "eyJ"} {
		if strings.Contains(everything, never) {
			t.Errorf("the log, or a file, has %q", never)
		}
	}
	if info, err := os.Stat(c.data); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("--data: %v, %v", info.Mode(), err)
	}
}

func (c *running) healthPage(path string) string {
	c.t.Helper()
	answer, err := http.Get("http://" + c.health + path)
	if err != nil {
		c.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		c.t.Errorf("%s: %d, %v", path, answer.StatusCode, err)
	}
	return string(text)
}

// TestCredentialsThatChangeAreTaken by pages that ask the remote themselves, without another
// start.
func TestCredentialsThatChangeAreTaken(t *testing.T) {
	root := testfleet.NewRoot(t)
	_, repo := newRemote(t, testfleet.Two().With(testfleet.Files{"fleet.yaml": root.Fleet(t, 1)}))
	c := prepare(t, repo, root.Key, openid.ForTest(t))
	c.start()
	c.end()
	c.write("credentials/password", "canary-spent")
	c.start()
	b := c.signIn(ada)
	const denied = "list the branches of"
	if status, text, _ := c.get(b, "/requests"); status != http.StatusOK || !strings.Contains(text, denied) ||
		strings.Contains(text, "canary-spent") {
		t.Errorf("by credentials that count no more: %d %s", status, text)
	}
	c.write("credentials/password", repo.Password)
	if status, text, _ := c.get(b, "/requests"); status != http.StatusOK || strings.Contains(text, denied) {
		t.Errorf("by those of now: %d %s", status, text)
	}
	c.end()
	if strings.Contains(c.log.String(), "canary-spent") {
		t.Error("the log has credentials")
	}
}

// TestAFleetThatDoesNotVerifyIsNotShown: of another root key, or older than one that was; not
// after a new start either.
func TestAFleetThatDoesNotVerifyIsNotShown(t *testing.T) {
	root, other := testfleet.NewRoot(t), testfleet.NewRoot(t)
	_, repo := newRemote(t, testfleet.Two().With(testfleet.Files{"fleet.yaml": root.Fleet(t, 5)}))
	pages := []string{"/", "/clusters", "/secrets", "/new", "/keys"}
	look := func(c *running, status int, want string) {
		t.Helper()
		b := c.signIn(ada)
		for _, path := range pages {
			got, text, _ := c.get(b, path)
			if got != status || !strings.Contains(text, want) || status != http.StatusOK && strings.Contains(text, "frontend") {
				t.Errorf("%s: %d %s", path, got, text)
			}
		}
	}
	wrong := prepare(t, repo, other.Key, openid.ForTest(t))
	wrong.start()
	look(wrong, http.StatusInternalServerError, "an operator compares --root-key")
	wrong.end()

	c := prepare(t, repo, root.Key, openid.ForTest(t))
	c.start()
	pages = pages[:2]
	look(c, http.StatusOK, "Commit shown")
	c.end()
	testfleet.Files{"fleet.yaml": root.Fleet(t, 4)}.Write(t, repo.Dir())
	if _, err := repo.CommitAll("put an older key back"); err != nil {
		t.Fatal(err)
	}
	c.start()
	look(c, http.StatusInternalServerError, "rolled back")
	c.end()
	testfleet.Files{"fleet.yaml": root.Fleet(t, 6)}.Write(t, repo.Dir())
	if _, err := repo.CommitAll("mend it"); err != nil {
		t.Fatal(err)
	}
	c.start()
	look(c, http.StatusOK, "Commit shown")
	c.end()
}

// TestACertificateThatChangesIsTaken, and one that is half written is not.
func TestACertificateThatChangesIsTaken(t *testing.T) {
	folder := t.TempDir()
	cert, key, _ := pair(t, folder, "first")
	c, err := openCertificate(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	names := func() string {
		t.Helper()
		c.looked = time.Time{}
		got, err := c.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return got.Leaf.Subject.CommonName
	}
	change := func(file, text string, at time.Duration) {
		t.Helper()
		if text != "" {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chtimes(file, time.Now(), time.Now().Add(at)); err != nil {
			t.Fatal(err)
		}
	}
	pair(t, folder, "second")
	change(cert, "", time.Minute)
	if got := names(); got != "second" {
		t.Errorf("it is still %q", got)
	}
	change(key, "-----BEGIN", 2*time.Minute)
	if got := names(); got != "second" {
		t.Errorf("half a key gives %q", got)
	}
	pair(t, folder, "third")
	change(cert, "", 3*time.Minute)
	if got := names(); got != "third" {
		t.Errorf("it is still %q", got)
	}
	if _, err := openCertificate(cert, filepath.Join(folder, "none")); err == nil {
		t.Error("a key that is not there")
	}
}

// TestFlagsThatCannotBeServedWith: each is wrong usage, says what to do, and quotes no secret.
func TestFlagsThatCannotBeServedWith(t *testing.T) {
	root := testfleet.NewRoot(t)
	folder := t.TempDir()
	empty := filepath.Join(folder, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	digest := "sha256:" + strings.Repeat("a", 64)
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"http beyond loopback":     {[]string{"--url", "http://console.example.com"}, "not of this machine"},
		"an address with a path":   {[]string{"--url", "https://console.example.com/bulla"}, "--url is no"},
		"somebody in an address":   {[]string{"--url", "https://u:canary@console.example.com"}, "--url is no"},
		"a file as an address":     {[]string{"--url", "file:///etc"}, "--url is no"},
		"no root key":              {[]string{"--root-key", "canary"}, "not a root verifier key"},
		"a file that is not there": {[]string{"--root-key", "@" + folder + "/none"}, "read the root key"},
		"a certificate alone":      {[]string{"--tls-cert", empty}, "stand together"},
		"an empty certificate":     {[]string{"--tls-cert", empty, "--tls-key", empty}, "--tls-cert and --tls-key"},
		"a service without a pin":  {[]string{"--key-service", "https://keys.example.com"}, "stand together"},
		"a pin that is none": {[]string{"--key-service", "https://k.example.com", "--key-service-authority", "x"},
			"sha256:"},
		"a service in the clear": {[]string{"--key-service", "http://k.example.com", "--key-service-authority", digest},
			"--key-service"},
		"an issuer in the clear":    {[]string{"--oidc-issuer", "http://login.example.com"}, "--oidc-issuer is not"},
		"an issuer with a query":    {[]string{"--oidc-issuer", "https://login.example.com?a=b"}, "--oidc-issuer is not"},
		"a secret that is empty":    {[]string{"--oidc-client-secret-file", empty}, "the file is empty"},
		"authorities that are none": {[]string{"--oidc-ca", empty}, "issuer's authorities"},
		"a group without a name":    {[]string{"--oidc-groups", "ops,,dev"}, "a group without a name"},
		"groups of nothing":         {[]string{"--oidc-groups", "ops", "--oidc-groups-claim", ""}, "no claim says"},
		"a password in an address":  {[]string{"--repository", "https://u:canary@git.example.com/fleet"}, "--repository"},
		"credentials of nothing":    {[]string{"--git-credentials", folder}, "no credentials"},
		"a memory that is none":     {[]string{"--memory", "plenty"}, "--memory is no size"},
		"no room for anything":      {[]string{"--memory", "64Mi"}, "--memory is no size"},
		"a session for ever":        {[]string{"--session-life", "1000h"}, "--session-life"},
		"a session for no time":     {[]string{"--session-idle", "0s"}, "--session-idle"},
		"a folder of a file":        {[]string{"--data", filepath.Join(empty, "data")}, "make data folder"},
		"a remote without answer":   {nil, "hint: an operator of the console looks at --repository"},
		"a forge that is none":      {[]string{"--forge", "sourceforge"}, "sourceforge"},
		"a forge of no kind":        {[]string{"--forge-client-id", "x"}, "--forge is missing"},
	} {
		good := map[string]string{"--url": "https://console.example.com", "--repository": "https://127.0.0.1:1/fleet",
			"--branch": "main", "--root-key": root.Key, "--data": filepath.Join(folder, "data"),
			"--oidc-issuer": "https://login.example.com", "--oidc-client-id": "x", "--listen": "127.0.0.1:0"}
		for i := 0; i < len(c.args); i += 2 {
			good[c.args[i]] = c.args[i+1]
		}
		args := []string{"serve"}
		for flag, value := range good {
			args = append(args, flag, value)
		}
		cmd := newCommand()
		cmd.SetArgs(args)
		cmd.SetErr(io.Discard)
		err := cmd.ExecuteContext(t.Context())
		if err == nil || !strings.Contains(fault.Line(err), c.want) || fault.Hint(err) == "" ||
			strings.Contains(fault.Line(err), "canary") {
			t.Errorf("%s: %v; %s", name, err, fault.Hint(err))
		}
	}
	cmd := newCommand()
	cmd.SetArgs([]string{"serve", "--url", "https://console.example.com"})
	if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), "--repository is missing") {
		t.Errorf("flags that are missing: %v", err)
	}
}
