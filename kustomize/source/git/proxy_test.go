package git

import (
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/fixtures/proxy"
)

const proxyPassword = "proxysecret"

// TestARemoteIsReachedThroughItsProxy: over HTTP, over TLS under an authority of the
// company's own, and over SSH; and what the proxy is told stays with it.
func TestARemoteIsReachedThroughItsProxy(t *testing.T) {
	_, r, first := repo(t)
	target, err := url.Parse(r.URL())
	must(t, err)
	forwarded := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: target.Scheme, Host: target.Host})
	secure := httptest.NewTLSServer(forwarded)
	t.Cleanup(secure.Close)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	basic := Auth{Username: r.Username, Password: r.Password, CAFile: authority}
	plainly := basic
	plainly.InsecureHTTP = true
	for name, test := range map[string]struct {
		url  string
		auth Auth
	}{
		"http":  {r.URL(), plainly},
		"https": {secure.URL + target.Path, basic},
		"ssh":   {r.SSHURL(), Auth{SSHKey: r.SSHKey, KnownHosts: r.KnownHosts()}},
	} {
		t.Run(name, func(t *testing.T) {
			p := proxy.ForwardForTest(t, "build", proxyPassword)
			open := func(password string) *Mirror {
				auth := test.auth
				auth.Proxy = Proxy{Address: p.URL, Username: "build", Password: password}
				m, err := Open(t.TempDir(), test.url, "main", auth, Limits{})
				must(t, err)
				return m
			}
			if got := fetch(t, open(proxyPassword)); got != first || p.Passed() == 0 {
				t.Errorf("fetched %s, %d times through the proxy", got, p.Passed())
			}
			passed := p.Passed()
			_, err := open("mistypedsecret").Look(t.Context())
			if err == nil || p.Refused() == 0 || p.Passed() != passed {
				t.Fatalf("looked around the proxy: %v", err)
			}
			text := fmt.Sprintf("%v %+v %#v", err, err, err)
			if !strings.Contains(text, "407") && !strings.Contains(text, "proxy wants other credentials") ||
				strings.Contains(text, "secret") {
				t.Errorf("the error is %s", text)
			}
		})
	}
}

// A proxy reads what goes over plain http, to this machine's own loopback too.
func TestNoCredentialsGoThroughAProxyInTheClear(t *testing.T) {
	auth := Auth{Username: "bulla", Password: "secret", Proxy: Proxy{Address: "http://proxy.example.com:3128"}}
	_, err := Open(t.TempDir(), "http://127.0.0.1:8080/fleet.git", "main", auth, Limits{})
	if err == nil || !strings.Contains(err.Error(), "over plain http") {
		t.Errorf("credentials go to a proxy: %v", err)
	}
}

func TestAProxyThatIsNoneIsRefused(t *testing.T) {
	for address, want := range map[string]string{
		"proxy.example.com:3128":                      "proxy address:",
		"ftp://proxy.example.com":                     "scheme",
		"http://build:proxysecret@proxy.example.com":  "credentials",
		"http://build:proxysecret%zz@proxy.example:1": "not a URL",
		"http://": "not a URL",
	} {
		_, err := Open(t.TempDir(), "https://git.example.com/fleet.git", "main", Auth{Proxy: Proxy{Address: address}},
			Limits{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", strings.ReplaceAll(address, proxyPassword, "…"), err)
		}
	}
	_, r, _ := repo(t)
	auth := Auth{SSHKey: r.SSHKey, KnownHosts: r.KnownHosts(), Proxy: Proxy{Address: "socks5://proxy.example.com:1080"}}
	if _, err := Open(t.TempDir(), r.SSHURL(), "main", auth, Limits{}); err == nil {
		t.Error("ssh goes through a proxy that it does not speak with")
	}
	printed := Proxy{Address: "http://proxy.example.com", Username: "build", Password: proxyPassword}
	if text := fmt.Sprintf("%v %+v %#v %s", printed, printed, printed, &printed); strings.Contains(text, "secret") {
		t.Errorf("printed as %s", text)
	}
}
