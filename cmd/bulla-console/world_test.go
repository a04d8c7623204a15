package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/fixtures/gitserver"
	"github.com/bulla-dev/bulla/fixtures/openid"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

func TestMain(m *testing.M) {
	kustomize.MaybeRunBuildWorker()
	hsm.MaybeRunWorker()
	os.Exit(m.Run())
}

const (
	clientID     = "bulla-console"
	clientSecret = "canary-client-secret"
)

// said is a log that a test reads while it is written.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// pair is a certificate for loopback in two files.
func pair(t *testing.T, folder, name string) (cert, key string, roots *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"},
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	hidden, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der},
		key: {Type: "PRIVATE KEY", Bytes: hidden}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(parsed)
	return cert, key, roots
}

// port is one that nobody has.
func port(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// running is a console of a team, as its command line starts it.
type running struct {
	t             *testing.T
	url, health   string
	data, folder  string
	args          []string
	roots         *x509.CertPool
	provider      *openid.Provider
	log           *said
	stop          context.CancelFunc
	ended         chan error
	cert, private string
}

// prepare puts together what a console is started with, of the fleet in a remote.
func prepare(t *testing.T, repo *gitserver.Repo, rootKey string, p *openid.Provider) *running {
	t.Helper()
	c := &running{t: t, folder: t.TempDir(), log: &said{}, provider: p}
	p.Add(ada)
	p.Add(eve)
	c.data = filepath.Join(c.folder, "data")
	credentials := filepath.Join(c.folder, "credentials")
	c.write("secret", clientSecret+"\n")
	c.write("root-key", rootKey+"\n")
	c.write("credentials/username", repo.Username)
	c.write("credentials/password", repo.Password)
	c.cert, c.private, c.roots = pair(t, c.folder, "console")
	at := port(t)
	c.url, c.health = "https://"+at, port(t)
	c.provider.AddServer(clientID, clientSecret, c.url+"/callback", c.url+"/signed-out")
	c.args = []string{"serve", "--listen", at, "--url", c.url, "--metrics-listen", c.health,
		"--tls-cert", c.cert, "--tls-key", c.private, "--repository", repo.URL(), "--git-credentials", credentials,
		"--root-key", "@" + filepath.Join(c.folder, "root-key"), "--data", c.data,
		"--oidc-issuer", c.provider.Issuer, "--oidc-client-id", clientID,
		"--oidc-client-secret-file", filepath.Join(c.folder, "secret"), "--oidc-ca", c.provider.CAFile}
	return c
}

func (c *running) write(name, text string) {
	c.t.Helper()
	file := filepath.Join(c.folder, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// start starts it, and waits until it answers.
func (c *running) start(more ...string) {
	c.t.Helper()
	ctx, stop := context.WithCancel(c.t.Context())
	c.stop, c.ended = stop, make(chan error, 1)
	cmd := newCommand()
	cmd.SetArgs(append(c.args, more...))
	cmd.SetErr(c.log)
	go func() { c.ended <- cmd.ExecuteContext(ctx) }()
	c.t.Cleanup(stop)
	wait.Until(c.t, "the console answers", func() bool {
		select {
		case err := <-c.ended:
			c.t.Fatalf("it ended: %v\n%s", err, c.log)
		default:
		}
		answer, err := http.Get("http://" + c.health + "/readyz")
		return err == nil && answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
	})
}

// end ends it, as a signal does.
func (c *running) end() {
	c.t.Helper()
	c.stop()
	if err := <-c.ended; err != nil {
		c.t.Errorf("it ends with %v", err)
	}
}

// browser is one person's.
func (c *running) browser() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{RootCAs: c.roots, MinVersion: tls.VersionTLS12}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (c *running) get(browser *http.Client, url string) (status int, text string, header http.Header) {
	c.t.Helper()
	if strings.HasPrefix(url, "/") {
		url = c.url + url
	}
	answer, err := browser.Get(url)
	if err != nil {
		c.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer.StatusCode, strings.Join(strings.Fields(string(body)), " "), answer.Header
}

// signIn has somebody sign in, in a browser of their own.
func (c *running) signIn(who openid.User) *http.Client {
	c.t.Helper()
	b := c.browser()
	_, _, header := c.get(b, "/sign-in")
	back, err := c.provider.SignIn(c.t.Context(), header.Get("Location"), who.Name)
	if err != nil {
		c.t.Fatal(err)
	}
	if status, text, _ := c.get(b, back); status != http.StatusOK {
		c.t.Fatalf("%s is not in: %d %s", who.Name, status, text)
	}
	return b
}
