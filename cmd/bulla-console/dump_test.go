package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/browser"
	"github.com/bulla-dev/bulla/fixtures/canary"
	"github.com/bulla-dev/bulla/fixtures/child"
	"github.com/bulla-dev/bulla/fixtures/forge"
	"github.com/bulla-dev/bulla/fixtures/module"
	"github.com/bulla-dev/bulla/fixtures/openid"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/sealing"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

// team is a console that runs as its users have it, and what it has to do with.
type team struct {
	*testing.T

	gitea    *forge.Gitea
	provider *openid.Provider
	root     *testfleet.Root
	// way writes down what the console asks of the forge, Git among it.
	way     *httptest.Server
	mu      sync.Mutex
	asked   bytes.Buffer
	url     string
	data    string
	log     string
	process *os.Process
	secrets []canary.Canary // the fleet's private keys
	keys    *keys           // the service that has them
}

const workload = `apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers: [{name: api, image: "example.com/api:1"}]
`

func newTeam(t *testing.T) *team {
	t.Helper()
	g, err := forge.StartGitea(t)
	if errors.Is(err, forge.ErrNoGitea) {
		t.Skip(err)
	}
	w := &team{T: t, gitea: g, provider: openid.ForTest(t), data: filepath.Join(t.TempDir(), "data"),
		log: filepath.Join(t.TempDir(), "log")}
	w.must(err)
	w.must(g.Join("rob", "Rob Reviewer"))
	w.provider.Add(openid.User{Name: "u-rob", Email: "rob@people.example", Groups: []string{"developers"}})
	at, err := url.Parse(g.URL)
	w.must(err)
	proxy := httputil.NewSingleHostReverseProxy(at)
	w.way = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		w.mu.Lock()
		fmt.Fprintf(&w.asked, "%s %s\n", r.Method, r.URL)
		_ = r.Header.Write(&w.asked)
		w.asked.Write(body)
		w.mu.Unlock()
		proxy.ServeHTTP(out, r)
	}))
	t.Cleanup(w.way.Close)
	w.fleet()
	w.start()
	return w
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return must(t, key, err)
}

func (w *team) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// fleet pushes one whose private keys are known here, and has a key service serve it.
func (w *team) fleet() {
	w.Helper()
	id, seed := make([]byte, 16), make([]byte, 64)
	_, _ = rand.Read(id)
	_, _ = rand.Read(seed)
	fleet, keyID := hex.EncodeToString(id), "2026-11-a"
	key, err := softkey.FromSeed(api.SuiteHybrid, seed)
	w.must(err)
	on := softToken{softkey.NewOpener(map[string]softkey.Key{keyID: key}), map[string]*ecdsa.PrivateKey{}}
	for _, role := range []string{hsm.RoleRoot, hsm.RoleCA, hsm.RoleLog} {
		on.signers[hsm.SignerLabel(fleet, role)] = newKey(w.T)
	}
	w.secrets, err = on.secrets()
	w.must(err)
	w.secrets = append(w.secrets, canary.Of("sealing key", string(seed)))
	w.root = testfleet.RootOf(fleet, on.signers[hsm.SignerLabel(fleet, hsm.RoleRoot)], key.Record(keyID))
	spec := w.root.Spec(1)
	spec.LogKey = sealing.VerifierKey(audit.Origin(fleet), &on.signers[hsm.SignerLabel(fleet, hsm.RoleLog)].PublicKey)
	repo := testfleet.NewRepository(w.T, testfleet.Two().With(testfleet.Files{
		"fleet.yaml": w.root.File(w.T, &spec), "apps/app/api.yaml": workload,
		"apps/app/kustomization.yaml": "resources:\n- a.yaml\n- api.yaml\n",
	}))
	repo.Git(w.T, "push", "--quiet", strings.Replace(w.gitea.URL, "://", "://ann:"+w.gitea.Password+"@", 1)+"/"+
		w.gitea.Repository+".git", "HEAD:refs/heads/main")
	w.must(w.gitea.Took("main"))
	w.keys = serveKeys(w.T, on, origin{w.gitea.URL + "/" + w.gitea.Repository + ".git", "ann", w.gitea.Password},
		&config.Config{Fleet: fleet, RootKey: w.root.Key, OIDC: config.OIDC{Issuer: w.provider.Issuer,
			ClientID: openid.ClientID, CAFile: w.provider.CAFile,
			Groups: []config.Group{{Name: "developers", Roles: []config.Role{config.RoleDeveloper, config.RoleAuditor}}}}})
}

// program builds the console with the sealer in it, as a release has it.
func (w *team) program() string {
	w.Helper()
	root, err := module.Root()
	w.must(err)
	dir, replace := w.TempDir(), map[string]string{}
	run := func(args ...string) {
		w.Helper()
		cmd := exec.CommandContext(w.Context(), "go", args...)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			w.Fatalf("go %v: %v: %s", args, err, out)
		}
	}
	run("run", "./console/sealer/pack", "-level", "3", "-o", dir)
	made, err := os.ReadDir(dir)
	w.must(err)
	for _, file := range made {
		replace[filepath.Join(root, "console/sealer/static/built", file.Name())] = filepath.Join(dir, file.Name())
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	w.must(err)
	w.must(os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600))
	w.Setenv("CGO_ENABLED", "0")
	run("build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", filepath.Join(dir, "bulla-console"),
		"./cmd/bulla-console")
	return filepath.Join(dir, "bulla-console")
}

// start starts the console, with a credential that may only read.
func (w *team) start() {
	w.Helper()
	address, err := child.FreeAddress()
	w.must(err)
	w.url = "http://" + address
	credentials := w.TempDir()
	reads, err := w.gitea.TokenOf("ann", "read:repository")
	w.must(err)
	for name, text := range map[string]string{"username": "ann", "password": reads} {
		w.must(os.WriteFile(filepath.Join(credentials, name), []byte(text), 0o600))
	}
	cmd := exec.Command(w.program(), "serve", "--url", w.url, "--listen", address, "--data", w.data,
		"--root-key", w.root.Key, "--repository", w.way.URL+"/"+w.gitea.Repository+".git", "--git-credentials", credentials,
		"--oidc-issuer", w.provider.Issuer, "--oidc-client-id", openid.ClientID, "--oidc-ca", w.provider.CAFile,
		"--key-service", "https://"+w.keys.address,
		"--key-service-authority", protocol.SPKIHash(w.keys.server.Authority()),
		"--oidc-scopes", "openid,email,profile", "--forge", "gitea", "--forge-url", w.way.URL)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + w.TempDir()}
	log, err := os.Create(w.log)
	w.must(err)
	cmd.Stdout, cmd.Stderr = log, log
	w.must(child.Start(cmd, syscall.SIGKILL))
	w.process = cmd.Process
	w.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		_ = log.Close()
		if text, _ := os.ReadFile(w.log); w.Failed() {
			w.Logf("its log:\n%s", text[max(0, len(text)-4000):])
		}
	})
	wait.For(w.T, "the console answers", func() error {
		answer, err := http.Get(w.url + "/static/bulla.css")
		if err == nil {
			err = answer.Body.Close()
		}
		return err
	})
}

// signIn signs somebody in, and gives what their browser is then known by.
func (w *team) signIn(user string) *http.Cookie {
	w.Helper()
	jar, err := cookiejar.New(nil)
	w.must(err)
	person := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	answer, err := person.Get(w.url + "/sign-in?next=/")
	w.must(err)
	answer.Body.Close()
	page, err := answer.Location()
	w.must(err)
	back, err := w.provider.SignIn(w.Context(), page.String(), user)
	w.must(err)
	answer, err = person.Get(back)
	w.must(err)
	answer.Body.Close()
	for _, cookie := range answer.Cookies() {
		if cookie.MaxAge >= 0 && cookie.Value != "" {
			return cookie
		}
	}
	w.Fatalf("%s does not sign in: %s", user, answer.Status)
	return nil
}

// TestTheConsolesMemoryHasNoValueAndNoKey: a person seals a password in their browser, and
// requests it, beside a key service that answers them. Then all that the process has in
// memory, open or in its folders, and all that it asked of Git and forge, is swept for the
// value and for the fleet's private keys. That the sweep sees memory is shown by what must
// be there: the person's own token.
func TestTheConsolesMemoryHasNoValueAndNoKey(t *testing.T) {
	w := newTeam(t)
	b := browser.ForTest(t)
	value := canary.New("database password")
	token, err := w.gitea.TokenOf("rob", "read:user", "write:repository", "write:issue")
	w.must(err)
	session := w.signIn("u-rob")
	b.Open(t, w.url+"/sign-in-not-yet")
	b.Must(t, nil, fmt.Sprintf("void (document.cookie = %q)", session.Name+"="+session.Value+"; path=/"))
	b.Open(t, w.url+"/account")
	b.Act(t, chromedp.SendKeys("#token", token), chromedp.Click(`form[action="/account/forge/paste"] button`),
		chromedp.WaitVisible(`form[action="/account/forge/forget"]`))
	b.Open(t, w.url+"/new")
	b.Act(t, chromedp.Click(`input[name=application][value=app]`), chromedp.Click("button.primary"),
		chromedp.WaitVisible("#name"), chromedp.Click(`input[name=shape][value=password]`),
		chromedp.SendKeys("#name", "payments-db"), chromedp.Click("button.primary"),
		chromedp.WaitVisible("#prefix"), chromedp.SendKeys("#prefix", "DB_"), chromedp.Click("button.primary"),
		chromedp.WaitVisible(`input[name=set]`), chromedp.Click("button.primary"),
		chromedp.WaitVisible("#seal button:enabled"),
		chromedp.SendKeys("#value-0", value.Value()), chromedp.Click("#seal button.primary"),
		chromedp.WaitVisible(`form[action$="/propose"]`), chromedp.Click(`form[action$="/propose"] button.primary`))
	var request struct {
		User struct{ Login string }
		Head struct{ Ref string }
	}
	wait.For(t, "the pull request is open", func() error {
		err := w.gitea.Ask(http.MethodGet, "/repos/"+w.gitea.Repository+"/pulls/1", nil, &request)
		if err != nil { // who is told that Gitea is late presses again
			_ = b.Do(nil, `[...document.querySelectorAll("button")].find(e => e.innerText === "Try again")?.click() ?? 0`)
		}
		return err
	})
	if request.User.Login != "rob" {
		t.Errorf("the pull request is by %s", request.User.Login)
	}
	// What the key service says to this person is in memory, too.
	for path, want := range map[string]string{"/": "Configured", "/audit": "ListLedger", "/keys": "2026-11-a"} {
		wait.For(t, path+" has what the key service says", func() error {
			b.Open(t, w.url+path)
			var text string
			b.Must(t, &text, `document.querySelector("main").innerText`)
			if strings.Contains(text, "this shows what Git says") || strings.Contains(text, "not shown") ||
				!strings.Contains(text, want) {
				return errors.New(text)
			}
			return nil
		})
	}
	memory := filepath.Join(t.TempDir(), "memory")
	w.dump(memory)
	held, err := canary.Sweep([]canary.Canary{canary.Of("the person's token", token)}, canary.Path(memory))
	if err != nil || len(held) == 0 {
		t.Fatalf("the dump has not even what the process must have: %v", err)
	}
	objects, err := exec.Command("git", "-C", filepath.Join(w.data, "fleet.git"), "cat-file", "--batch-all-objects",
		"--batch").Output()
	w.must(err)
	if !bytes.Contains(objects, []byte("DB_PASSWORD")) {
		t.Error("the clone has not what was sealed")
	}
	w.mu.Lock()
	asked := bytes.Clone(w.asked.Bytes())
	w.mu.Unlock()
	if !bytes.Contains(asked, []byte("git-receive-pack")) || !bytes.Contains(asked, []byte("/api/v1/")) {
		t.Error("what was asked of Git and forge is not written down")
	}
	places := append(w.open(), canary.Path(memory), canary.Path(w.data), canary.Path(w.log),
		canary.Bytes("objects", objects), canary.Bytes("asked of Git and forge", asked),
		canary.Bytes("sent by the browser", b.Sent()))
	canary.Check(t, append(w.secrets, value), places...)
	// A person's token is in memory alone.
	canary.Check(t, []canary.Canary{canary.Of("the person's token", token)}, append(w.open(), canary.Path(w.data),
		canary.Path(w.log), canary.Bytes("objects", objects))...)
}

// dump writes what the process can read of its own memory.
func (w *team) dump(file string) {
	w.Helper()
	proc := filepath.Join("/proc", strconv.Itoa(w.process.Pid))
	maps, err := os.ReadFile(filepath.Join(proc, "maps"))
	w.must(err)
	memory, err := os.Open(filepath.Join(proc, "mem"))
	w.must(err)
	defer memory.Close()
	out, err := os.Create(file)
	w.must(err)
	defer out.Close()
	to, total := bufio.NewWriter(out), int64(0)
	for line := range strings.Lines(string(maps)) {
		var from, end int64
		var rights string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &end, &rights); err != nil || rights[0] != 'r' ||
			strings.Contains(line, "[v") { // the kernel's own
			continue
		}
		n, err := io.Copy(to, io.NewSectionReader(memory, from, end-from))
		if err != nil && n == 0 && rights[1] == 'w' {
			w.Logf("not read: %s: %v", strings.TrimSpace(line), err)
		}
		total += n
	}
	w.must(to.Flush())
	w.Logf("%d MB of memory", total>>20)
}

// open are the files that the process has open.
func (w *team) open() (places []canary.Place) {
	w.Helper()
	at := filepath.Join("/proc", strconv.Itoa(w.process.Pid), "fd")
	all, err := os.ReadDir(at)
	w.must(err)
	for _, one := range all {
		file, err := os.Readlink(filepath.Join(at, one.Name()))
		if info, gone := os.Stat(file); err == nil && gone == nil && info.Mode().IsRegular() && file != w.log {
			places = append(places, canary.Path(file))
		}
	}
	return places
}
