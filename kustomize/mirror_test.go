package kustomize

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/fixtures/gitserver"
)

// repo is a served repository with one commit.
func repo(t testing.TB) (*gitserver.Server, *gitserver.Repo, string) {
	t.Helper()
	server := gitserver.ForTest(t)
	r, err := server.NewRepo("fleet")
	if err != nil {
		t.Fatal(err)
	}
	return server, r, push(t, r, files{"fleet.yaml": "one\n", "apps/app/a.yaml": configMap("a")})
}

func push(t testing.TB, r *gitserver.Repo, f files) string {
	t.Helper()
	contents := map[string]*string{}
	for name, content := range f {
		contents[name] = &content
		if content == "" {
			contents[name] = nil
		}
	}
	hash, err := r.Commit("change", contents)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func mirror(t testing.TB, r *gitserver.Repo, dir string, limits Limits) *Mirror {
	t.Helper()
	m, err := OpenMirror(dir, r.URL(), "main", Auth{Username: r.Username, Password: r.Password}, limits)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func fetch(t testing.TB, m *Mirror) string {
	t.Helper()
	hash, err := m.Fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func content(t testing.TB, m *Mirror, hash, path string) string {
	t.Helper()
	tr, err := m.Tree(hash)
	if err != nil {
		t.Fatal(err)
	}
	data, err := tr.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestMirrorFollowsTheRemoteForward(t *testing.T) {
	server, r, first := repo(t)
	dir := t.TempDir()
	m := mirror(t, r, dir, Limits{})
	if got := fetch(t, m); got != first {
		t.Fatalf("fetched %s, want %s", got, first)
	}
	second := push(t, r, files{"fleet.yaml": "two\n"})
	before := server.Requests()
	head, err := m.RemoteHead(t.Context())
	if err != nil || head != second {
		t.Fatalf("remote head is %q (%v), want %s", head, err, second)
	}
	if after := server.Requests(); after.UploadPacks != before.UploadPacks || after.ListRefs != before.ListRefs+1 {
		t.Errorf("a look at the head took %+v after %+v, want one list of refs", after, before)
	}
	if got := m.Head(); got != first {
		t.Errorf("a look at the head moved the mirror to %s", got)
	}
	if got := fetch(t, m); got != second {
		t.Fatalf("fetched %s, want %s", got, second)
	}
	for path, want := range map[string]string{first: "one\n", second: "two\n"} {
		if got := content(t, m, path, "fleet.yaml"); got != want {
			t.Errorf("fleet.yaml at %s is %q, want %q", path, got, want)
		}
	}
	for _, test := range []struct {
		newer, older string
		want         bool
	}{{second, first, true}, {first, second, false}, {first, first, true}} {
		if got, err := m.Descends(test.newer, test.older); err != nil || got != test.want {
			t.Errorf("Descends(%s, %s) = %v, %v; want %v", test.newer, test.older, got, err, test.want)
		}
	}
	if _, err := m.Descends(second, strings.Repeat("1", 40)); !errors.Is(err, ErrUnknownRevision) {
		t.Errorf("unknown revision: %v", err)
	}
	if m.Contains(strings.Repeat("1", 40)) || m.Contains("main") || !m.Contains(first) {
		t.Error("Contains is wrong about what the mirror holds")
	}
	tr, err := m.Tree(second)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := tr.Revision(), "main@sha1:"+second; got != want {
		t.Errorf("revision %q, want %q", got, want)
	}
	// Opened again, it knows where it was.
	again := mirror(t, r, dir, Limits{})
	if again.Head() != second || content(t, again, second, "fleet.yaml") != "two\n" {
		t.Error("the mirror on disk does not hold what was fetched")
	}
}

func TestFetchTakesTheChangeOnly(t *testing.T) {
	_, r, _ := repo(t)
	big := strings.Repeat("x", 1<<20)
	push(t, r, files{"big": big})
	m := mirror(t, r, t.TempDir(), Limits{})
	fetch(t, m)
	m.limits.Pack, m.limits.Unpacked, m.limits.Object = 8<<10, 64<<10, 64<<10
	m.remote.(*httpRemote).limits = m.limits
	m.objects.limits = m.limits
	next := push(t, r, files{"fleet.yaml": "two\n"})
	if got := fetch(t, m); got != next {
		t.Errorf("fetched %s, want %s", got, next)
	}
}

func TestMirrorNeverMovesBack(t *testing.T) {
	for _, test := range []struct {
		name    string
		rewrite func(t *testing.T, r *gitserver.Repo, first string)
		damage  bool
		want    error
	}{
		{"the branch is rewound", func(t *testing.T, r *gitserver.Repo, first string) { must(t, r.ForcePush(first)) }, false, ErrHistoryRewritten},
		{"the branch is rewound and the mirror is damaged", func(t *testing.T, r *gitserver.Repo, first string) { must(t, r.ForcePush(first)) }, true, ErrHistoryRewritten},
		{"the last commit is amended", func(t *testing.T, r *gitserver.Repo, _ string) {
			_, err := r.Rewrite("other")
			must(t, err)
		}, false, ErrHistoryRewritten},
		{"unrelated history is pushed over it", func(t *testing.T, r *gitserver.Repo, first string) {
			tree, err := r.InjectTree()
			must(t, err)
			c, err := r.InjectCommit(tree)
			must(t, err)
			must(t, r.SetRef("refs/heads/main", c))
		}, true, ErrHistoryRewritten},
		{"the branch is deleted", func(t *testing.T, r *gitserver.Repo, first string) {
			must(t, r.SetRef("refs/heads/other", first))
			must(t, r.DeleteBranch("main"))
		}, false, ErrRefGone},
		{"every branch is deleted", func(t *testing.T, r *gitserver.Repo, first string) { must(t, r.DeleteBranch("main")) }, false, ErrEmptyRepository},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, r, first := repo(t)
			second := push(t, r, files{"fleet.yaml": "two\n"})
			dir := t.TempDir()
			m := mirror(t, r, dir, Limits{})
			fetch(t, m)
			if test.damage {
				must(t, os.RemoveAll(filepath.Join(m.store().path, "objects")))
			}
			test.rewrite(t, r, first)
			_, err := m.Fetch(t.Context())
			if !errors.Is(err, test.want) {
				t.Errorf("fetch: %v, want %v", err, test.want)
			}
			if m.Head() != second {
				t.Errorf("head moved to %s", m.Head())
			}
			if !test.damage && content(t, m, second, "fleet.yaml") != "two\n" {
				t.Error("what stood is gone")
			}
			if reopened := mirror(t, r, dir, Limits{}); reopened.Head() != second {
				t.Errorf("opened again, head is %s", reopened.Head())
			}
		})
	}
}

func TestARewriteIsTakenOnceAnOperatorAcceptsIt(t *testing.T) {
	_, r, _ := repo(t)
	push(t, r, files{"fleet.yaml": "two\n"})
	m := mirror(t, r, t.TempDir(), Limits{})
	fetch(t, m)
	rewritten, err := r.Rewrite("other")
	must(t, err)
	if _, err := m.Fetch(t.Context()); !errors.Is(err, ErrHistoryRewritten) {
		t.Fatalf("fetch: %v", err)
	}
	if m.Contains(rewritten) {
		t.Error("what was refused stayed in the mirror")
	}
	must(t, m.AcceptRewrite())
	if got := fetch(t, m); got != rewritten {
		t.Errorf("fetched %s, want %s", got, rewritten)
	}
}

func TestADamagedMirrorIsClonedAgain(t *testing.T) {
	damages := map[string]func(t *testing.T, objects string){
		"a pack is cut": func(t *testing.T, objects string) {
			for _, pack := range glob(t, filepath.Join(objects, "pack", "*.pack")) {
				must(t, os.Chmod(pack, 0o600))
				must(t, os.Truncate(pack, 40))
			}
		},
		"an index is cut": func(t *testing.T, objects string) {
			for _, idx := range glob(t, filepath.Join(objects, "pack", "*.idx")) {
				must(t, os.Chmod(idx, 0o600))
				must(t, os.Truncate(idx, 40))
			}
		},
		"a pack has other bytes": func(t *testing.T, objects string) {
			for _, pack := range glob(t, filepath.Join(objects, "pack", "*.pack")) {
				data, err := os.ReadFile(pack)
				must(t, err)
				for i := 12; i < len(data)-20; i++ {
					data[i] ^= 0x55
				}
				must(t, os.Chmod(pack, 0o600))
				must(t, os.WriteFile(pack, data, 0o600))
			}
		},
		"the packs are gone": func(t *testing.T, objects string) { must(t, os.RemoveAll(filepath.Join(objects, "pack"))) },
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			_, r, first := repo(t)
			dir := t.TempDir()
			fetch(t, mirror(t, r, dir, Limits{}))
			m := mirror(t, r, dir, Limits{}) // nothing is kept in memory
			damage(t, filepath.Join(m.store().path, "objects"))
			if tr, err := m.Tree(first); err == nil {
				if data, err := tr.ReadFile("fleet.yaml"); err == nil {
					t.Fatalf("read %q from a damaged mirror", data)
				}
			}
			if got := fetch(t, m); got != first {
				t.Fatalf("fetched %s, want %s", got, first)
			}
			if got := content(t, m, first, "fleet.yaml"); got != "one\n" {
				t.Errorf("fleet.yaml is %q", got)
			}
			if reopened := mirror(t, r, dir, Limits{}); content(t, reopened, first, "fleet.yaml") != "one\n" {
				t.Error("opened again, the mirror is still damaged")
			}
		})
	}
}

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
		{"it refuses the credentials", Limits{}, func(s *gitserver.Server) { s.Refuse(http.StatusUnauthorized) }, ErrUnauthorized, ""},
		{"it is broken", Limits{}, func(s *gitserver.Server) { s.Refuse(http.StatusBadGateway) }, nil, "502"},
		{"it lists too many refs", Limits{Refs: 16}, func(*gitserver.Server) {}, ErrTooLarge, ""},
		{"its pack is too large", Limits{Pack: 64}, func(*gitserver.Server) {}, ErrTooLarge, ""},
		{"its pack has too many objects", Limits{Objects: 2}, func(*gitserver.Server) {}, ErrTooLarge, ""},
		{"an object is too large", Limits{Object: 1 << 10}, func(*gitserver.Server) {}, ErrTooLarge, ""},
		{"its objects are too large together", Limits{Unpacked: 1 << 10}, func(*gitserver.Server) {}, ErrTooLarge, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, r, _ := repo(t)
			push(t, r, files{"zeros": strings.Repeat("0", 2<<10)})
			m := mirror(t, r, t.TempDir(), test.limits)
			test.fault(server)
			_, err := m.Fetch(t.Context())
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
	if _, err := m.Fetch(t.Context()); !errors.Is(err, ErrEmptyRepository) {
		t.Errorf("fetch: %v, want %v", err, ErrEmptyRepository)
	}
	if _, err := m.RemoteHead(t.Context()); !errors.Is(err, ErrEmptyRepository) {
		t.Errorf("look: %v, want %v", err, ErrEmptyRepository)
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
	m, err := OpenMirror(t.TempDir(), redirector.URL+"/fleet.git", "main", Auth{Username: "u", Password: "passwordsecret"}, Limits{})
	must(t, err)
	_, err = m.RemoteHead(t.Context())
	if !errors.Is(err, ErrRedirected) {
		t.Errorf("look: %v, want %v", err, ErrRedirected)
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
			m, err := OpenMirror(t.TempDir(), server.URL+"/fleet.git", "main", Auth{Username: "u", Password: "passwordsecret"}, Limits{})
			must(t, err)
			_, err = m.RemoteHead(t.Context())
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
		{"file:///etc/urlsecret", key, "host"},
		{"file://host/etc/urlsecret", key, "scheme"},
		{"git://git.example.com/urlsecret", key, "scheme"},
		{"ssh://-oProxyCommand=urlsecret/x", key, "host"},
		{"ssh://git@git.example.com/--upload-pack=urlsecret", key, "path"},
		{"/srv/urlsecret", key, "user@host"},
		{"--upload-pack=urlsecret", key, "user@host"},
		{"git@git.example.com:org/fleet", key, "known_hosts"},
	} {
		t.Run(test.url, func(t *testing.T) {
			_, err := OpenMirror(t.TempDir(), test.url, "main", test.auth, Limits{})
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
		if _, err := OpenMirror(t.TempDir(), "https://git.example.com/fleet", ref, Auth{}, Limits{}); err == nil {
			t.Errorf("ref %q is accepted", ref)
		}
	}
}

func TestMetadataAddressesAreNotDialled(t *testing.T) {
	for _, address := range []string{"169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "0.0.0.0", "[::ffff:169.254.169.254]", "224.0.0.1"} {
		m, err := OpenMirror(t.TempDir(), "http://"+address+"/latest/meta-data", "main", Auth{}, Limits{Head: 5 * time.Second})
		must(t, err)
		if _, err := m.RemoteHead(t.Context()); !errors.Is(err, errForbiddenAddress) {
			t.Errorf("%s: %v, want %v", address, err, errForbiddenAddress)
		}
	}
}

func TestMirrorOverSSH(t *testing.T) {
	_, r, first := repo(t)
	_, other, _ := repo(t)
	open := func(auth Auth) *Mirror {
		m, err := OpenMirror(t.TempDir(), r.SSHURL(), "main", auth, Limits{})
		must(t, err)
		return m
	}
	m := open(Auth{SSHKey: r.SSHKey, KnownHosts: r.KnownHosts()})
	if got := fetch(t, m); got != first {
		t.Fatalf("fetched %s, want %s", got, first)
	}
	second := push(t, r, files{"fleet.yaml": "two\n"})
	if head, err := m.RemoteHead(t.Context()); err != nil || head != second {
		t.Errorf("remote head is %q (%v), want %s", head, err, second)
	}
	if got := fetch(t, m); got != second || content(t, m, second, "fleet.yaml") != "two\n" {
		t.Errorf("fetched %s, want %s", got, second)
	}
	// The same host with another key: what a changed host key looks like.
	changed := strings.Replace(string(other.KnownHosts()), strings.Fields(string(other.KnownHosts()))[0], strings.Fields(string(r.KnownHosts()))[0], 1)
	for name, known := range map[string]string{"changed": changed, "unknown": string(other.KnownHosts())} {
		if _, err := open(Auth{SSHKey: r.SSHKey, KnownHosts: []byte(known)}).Fetch(t.Context()); !errors.Is(err, ErrHostKey) {
			t.Errorf("%s host key: %v, want %v", name, err, ErrHostKey)
		}
	}
	if _, err := open(Auth{SSHKey: other.SSHKey, KnownHosts: r.KnownHosts()}).Fetch(t.Context()); !errors.Is(err, ErrUnauthorized) {
		t.Errorf("unknown key: %v, want %v", err, ErrUnauthorized)
	}
}

func TestASilentSSHServerIsGivenUp(t *testing.T) {
	server, r, _ := repo(t)
	m, err := OpenMirror(t.TempDir(), r.SSHURL(), "main", Auth{SSHKey: r.SSHKey, KnownHosts: r.KnownHosts()}, Limits{Head: 300 * time.Millisecond})
	must(t, err)
	server.Hang()
	defer server.Heal()
	if _, err := m.RemoteHead(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("look: %v, want %v", err, context.DeadlineExceeded)
	}
}

func TestAuthNeverPrintsCredentials(t *testing.T) {
	auth := Auth{Username: "u", Password: "passwordsecret", SSHKey: []byte("keysecret")}
	if text := fmt.Sprintf("%v %+v %#v %s", auth, auth, auth, &auth); strings.Contains(text, "secret") {
		t.Errorf("printed as %s", text)
	}
}

func TestManyFetchesDoNotPileUpPacks(t *testing.T) {
	_, r, _ := repo(t)
	m := mirror(t, r, t.TempDir(), Limits{})
	fetch(t, m)
	for range 3 {
		push(t, r, files{"fleet.yaml": time.Now().String()})
		fetch(t, m)
	}
	if got := len(m.store().packNames()); got != 4 {
		t.Errorf("%d packs, want 4: one a fetch", got)
	}
	tr, err := m.Tree(m.Head())
	must(t, err)
	last := push(t, r, files{"fleet.yaml": "last\n"})
	m.maxPacks = 4
	if got := fetch(t, m); got != last || len(m.store().packNames()) != 1 {
		t.Errorf("fetched %s in %d packs, want %s in one", got, len(m.store().packNames()), last)
	}
	if _, err := tr.ReadFile("fleet.yaml"); err != nil {
		t.Errorf("a tree in use before the swap: %v", err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func glob(t testing.TB, pattern string) []string {
	t.Helper()
	matches, err := filepath.Glob(pattern)
	if err != nil || len(matches) == 0 {
		t.Fatalf("nothing matches %s: %v", pattern, err)
	}
	return matches
}

func sameEntries(t *testing.T, want, got []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
