package git

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/fixtures/gitserver"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize/source"
	"github.com/bulla-dev/bulla/kustomize/source/git/transport"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

func TestARemoteThatMisbehavesIsBounded(t *testing.T) {
	patient := Limits{Head: 300 * time.Millisecond, Fetch: 300 * time.Millisecond}
	for _, test := range []struct {
		name   string
		limits Limits
		fault  func(*gitserver.Server)
		want   error
		words  string
	}{
		{"it hangs", patient, (*gitserver.Server).Hang, context.DeadlineExceeded, "in time"},
		{"it drops the connection", Limits{}, func(s *gitserver.Server) { s.Drop(60) }, nil, "early"},
		{"it refuses the credentials", Limits{}, func(s *gitserver.Server) { s.Refuse(http.StatusUnauthorized) },
			source.ErrUnauthorized, ""},
		{"it is broken", Limits{}, func(s *gitserver.Server) { s.Refuse(http.StatusBadGateway) }, nil, "502"},
		{"it lists too many refs", Limits{Refs: 16}, func(*gitserver.Server) {}, tree.ErrTooLarge, ""},
		{"its pack is too large", Limits{Pack: 64}, func(*gitserver.Server) {}, tree.ErrTooLarge, ""},
		{"its pack has too many objects", Limits{Objects: 2}, func(*gitserver.Server) {}, tree.ErrTooLarge, ""},
		{"its objects are too large together", Limits{Unpacked: 1 << 10}, func(*gitserver.Server) {}, tree.ErrTooLarge, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, r, _ := repo(t)
			push(t, r, testfleet.Files{"zeros": strings.Repeat("0", 2<<10)})
			m := mirror(t, r, t.TempDir(), test.limits)
			test.fault(server)
			_, err := m.Fetch(t.Context(), "")
			if err == nil {
				t.Fatal("fetch did not fail")
			}
			if test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("fetch: %v, want %v", err, test.want)
			}
			if !strings.Contains(err.Error(), test.words) {
				t.Errorf("fetch: %v, does not say %q", err, test.words)
			}
			if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), r.Password) {
				t.Error("the error holds the password")
			}
			server.Heal()
			healed := mirror(t, r, m.path, Limits{})
			fetch(t, healed)
		})
	}
}

func TestAnEmptyRepositoryIsNotAFleetOfNothing(t *testing.T) {
	server := gitserver.ForTest(t)
	r, err := server.NewRepo("empty")
	must(t, err)
	m := mirror(t, r, t.TempDir(), Limits{})
	if _, err := m.Fetch(t.Context(), ""); !errors.Is(err, source.ErrEmptyRepository) {
		t.Errorf("fetch: %v, want %v", err, source.ErrEmptyRepository)
	}
	if _, err := m.Look(t.Context()); !errors.Is(err, source.ErrEmptyRepository) {
		t.Errorf("look: %v, want %v", err, source.ErrEmptyRepository)
	}
}

func TestCredentialsStayWithTheConfiguredHost(t *testing.T) {
	var seen, hits atomic.Int64
	thief := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		if _, _, ok := r.BasicAuth(); ok {
			seen.Add(1)
		}
		http.NotFound(w, r)
	}))
	defer thief.Close()
	redirector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, thief.URL+r.URL.Path+"?"+r.URL.RawQuery+"&token=querysecret", http.StatusFound)
	}))
	defer redirector.Close()
	m, err := Open(
		t.TempDir(),
		redirector.URL+"/fleet.git",
		"main",
		Auth{Username: "u", Password: "passwordsecret"},
		Limits{},
	)
	must(t, err)
	_, err = m.Look(t.Context())
	if !errors.Is(err, source.ErrRedirected) {
		t.Errorf("look: %v, want %v", err, source.ErrRedirected)
	}
	if hits.Load() != 0 || seen.Load() != 0 {
		t.Errorf("the other host got %d requests, %d with credentials", hits.Load(), seen.Load())
	}
	for _, secret := range []string{"passwordsecret", "querysecret"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error holds %s", secret)
		}
	}
}

func TestAServerCannotEchoCredentialsIntoAnError(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"as a refs line": func(w http.ResponseWriter, r *http.Request) {
			_, password, _ := r.BasicAuth()
			w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
			line := "ERR " + password
			fmt.Fprintf(w, "%04x%s", len(line)+4, line)
		},
		"as a body": func(w http.ResponseWriter, r *http.Request) {
			_, password, _ := r.BasicAuth()
			http.Error(w, password, http.StatusInternalServerError)
		},
		"as a page": func(w http.ResponseWriter, r *http.Request) {
			_, password, _ := r.BasicAuth()
			fmt.Fprint(w, password)
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(answer)
			defer server.Close()
			m, err := Open(
				t.TempDir(),
				server.URL+"/fleet.git",
				"main",
				Auth{Username: "u", Password: "passwordsecret"},
				Limits{},
			)
			must(t, err)
			_, err = m.Look(t.Context())
			if err == nil || strings.Contains(err.Error(), "passwordsecret") {
				t.Errorf("look: %v", err)
			}
		})
	}
}

func TestRepositoryURLs(t *testing.T) {
	key := Auth{Username: "u", Password: "p"}
	for _, test := range []struct {
		url  string
		auth Auth
		want string // words of the error; "" when it is accepted
	}{
		{"https://git.example.com/org/fleet.git", key, ""},
		{"https://git.example.com/org/fleet", Auth{}, ""},
		{"http://127.0.0.1:8080/fleet", key, ""},
		{"http://git.example.com/fleet", Auth{}, ""},
		{"http://git.example.com/fleet", key, "plain http"},
		{"https://user:urlsecret@git.example.com/fleet", key, "credentials"},
		{"https://urlsecret@git.example.com/fleet", key, "credentials"},
		{"https://git.example.com/fleet?token=urlsecret", key, "query"},
		{"https://git.example.com/fleet#urlsecret", key, "fragment"},
		{"https://urlsecret%zz@git.example.com/fleet", key, "parse"},
		{"https://git.example.com", key, "path"},
		{"ext::sh -c urlsecret", key, "user@host"},
		{"-sh@-c:urlsecret", key, "host"},
		{"file:///etc/urlsecret", key, "scheme"},
		{"file://host/etc/urlsecret", key, "scheme"},
		{"git://git.example.com/urlsecret", key, "scheme"},
		{"ssh://-oProxyCommand=urlsecret/x", key, "host"},
		{"ssh://git@git.example.com/--upload-pack=urlsecret", key, "path"},
		{"/srv/urlsecret", key, "user@host"},
		{"--upload-pack=urlsecret", key, "user@host"},
		{"git@git.example.com:org/fleet", key, "known_hosts"},
	} {
		t.Run(test.url, func(t *testing.T) {
			_, err := Open(t.TempDir(), test.url, "main", test.auth, Limits{})
			switch {
			case test.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error %v, want one about %q", err, test.want)
			case err != nil && strings.Contains(err.Error(), "urlsecret"):
				t.Errorf("error quotes the URL: %v", err)
			}
		})
	}
	for _, ref := range []string{"refs/tags/v1", "a..b", "-x", ""} {
		if _, err := Open(t.TempDir(), "https://git.example.com/fleet", ref, Auth{}, Limits{}); err == nil {
			t.Errorf("ref %q is accepted", ref)
		}
	}
}

func TestMetadataAddressesAreNotDialled(t *testing.T) {
	for _, address := range []string{"169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "0.0.0.0",
		"[::ffff:169.254.169.254]", "224.0.0.1"} {
		m, err := Open(
			t.TempDir(),
			"http://"+address+"/latest/meta-data",
			"main",
			Auth{},
			Limits{Head: 5 * time.Second},
		)
		must(t, err)
		if _, err := m.Look(t.Context()); !errors.Is(err, transport.ErrForbiddenAddress) {
			t.Errorf("%s: %v, want %v", address, err, transport.ErrForbiddenAddress)
		}
	}
}

func TestMirrorOverSSH(t *testing.T) {
	_, r, first := repo(t)
	_, other, _ := repo(t)
	open := func(auth Auth) *Mirror {
		m, err := Open(t.TempDir(), r.SSHURL(), "main", auth, Limits{})
		must(t, err)
		return m
	}
	m := open(Auth{SSHKey: r.SSHKey, KnownHosts: r.KnownHosts()})
	if got := fetch(t, m); got != first {
		t.Fatalf("fetched %s, want %s", got, first)
	}
	second := push(t, r, testfleet.Files{"fleet.yaml": "two\n"})
	if head, err := m.Look(t.Context()); err != nil || head != second {
		t.Errorf("remote head is %q (%v), want %s", head, err, second)
	}
	if got := fetch(t, m); got != second || content(t, m, second, "fleet.yaml") != "two\n" {
		t.Errorf("fetched %s, want %s", got, second)
	}
	// The same host with another key: what a changed host key looks like.
	changed := strings.Replace(
		string(other.KnownHosts()),
		strings.Fields(string(other.KnownHosts()))[0],
		strings.Fields(string(r.KnownHosts()))[0],
		1,
	)
	for name, known := range map[string]string{"changed": changed, "unknown": string(other.KnownHosts())} {
		if _, err := open(Auth{SSHKey: r.SSHKey, KnownHosts: []byte(known)}).Fetch(t.Context(), ""); !errors.Is(
			err,
			source.ErrHostKey,
		) {
			t.Errorf("%s host key: %v, want %v", name, err, source.ErrHostKey)
		}
	}
	if _, err := open(Auth{SSHKey: other.SSHKey, KnownHosts: r.KnownHosts()}).Fetch(t.Context(), ""); !errors.Is(
		err,
		source.ErrUnauthorized,
	) {
		t.Errorf("unknown key: %v, want %v", err, source.ErrUnauthorized)
	}
}

func TestASilentSSHServerIsGivenUp(t *testing.T) {
	server, r, _ := repo(t)
	m, err := Open(
		t.TempDir(),
		r.SSHURL(),
		"main",
		Auth{SSHKey: r.SSHKey, KnownHosts: r.KnownHosts()},
		Limits{Head: 300 * time.Millisecond},
	)
	must(t, err)
	server.Hang()
	defer server.Heal()
	if _, err := m.Look(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("look: %v, want %v", err, context.DeadlineExceeded)
	}
}

func TestAuthNeverPrintsCredentials(t *testing.T) {
	auth := Auth{Username: "u", Password: "passwordsecret", SSHKey: []byte("keysecret")}
	if text := fmt.Sprintf("%v %+v %#v %s", auth, auth, auth, &auth); strings.Contains(text, "secret") {
		t.Errorf("printed as %s", text)
	}
}
