package git

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/fixtures/gitserver"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize/source"
)

// repo is a served repository with one commit.
func repo(t testing.TB) (*gitserver.Server, *gitserver.Repo, string) {
	t.Helper()
	server := gitserver.ForTest(t)
	r, err := server.NewRepo("fleet")
	if err != nil {
		t.Fatal(err)
	}
	return server, r, push(t, r, testfleet.Files{"fleet.yaml": "one\n", "apps/app/a.yaml": testfleet.ConfigMap("a")})
}

func push(t testing.TB, r *gitserver.Repo, f testfleet.Files) string {
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
	m, err := Open(dir, r.URL(), "main", Auth{Username: r.Username, Password: r.Password}, limits)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func fetch(t testing.TB, m *Mirror) string {
	t.Helper()
	hash, err := m.Fetch(t.Context(), "")
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
	second := push(t, r, testfleet.Files{"fleet.yaml": "two\n"})
	before := server.Requests()
	head, err := m.Look(t.Context())
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
		if got, err := m.Follows(test.newer, test.older); err != nil || got != test.want {
			t.Errorf("Follows(%s, %s) = %v, %v; want %v", test.newer, test.older, got, err, test.want)
		}
	}
	if _, err := m.Follows(second, strings.Repeat("1", 40)); !errors.Is(err, source.ErrUnknownRevision) {
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

func TestAMirrorMayBeInAFolderAboveThisOne(t *testing.T) {
	_, r, first := repo(t)
	below := filepath.Join(t.TempDir(), "below")
	if err := os.Mkdir(below, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(below)
	if got := fetch(t, mirror(t, r, filepath.Join("..", "mirror"), Limits{})); got != first {
		t.Errorf("fetched %s, want %s", got, first)
	}
}

func TestFetchTakesTheChangeOnly(t *testing.T) {
	_, r, _ := repo(t)
	big := strings.Repeat("x", 1<<20)
	push(t, r, testfleet.Files{"big": big})
	dir := t.TempDir()
	fetch(t, mirror(t, r, dir, Limits{}))
	m := mirror(t, r, dir, Limits{Pack: 8 << 10, Unpacked: 64 << 10, Object: 64 << 10})
	next := push(t, r, testfleet.Files{"fleet.yaml": "two\n"})
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
		{"the branch is rewound", func(t *testing.T, r *gitserver.Repo, first string) { must(t, r.ForcePush(first)) }, false,
			source.ErrHistoryRewritten},
		{"the branch is rewound and the mirror is damaged",
			func(t *testing.T, r *gitserver.Repo, first string) { must(t, r.ForcePush(first)) }, true,
			source.ErrHistoryRewritten},
		{"the last commit is amended", func(t *testing.T, r *gitserver.Repo, _ string) {
			_, err := r.Rewrite("other")
			must(t, err)
		}, false, source.ErrHistoryRewritten},
		{"unrelated history is pushed over it", func(t *testing.T, r *gitserver.Repo, first string) {
			tree, err := r.InjectTree()
			must(t, err)
			c, err := r.InjectCommit(tree)
			must(t, err)
			must(t, r.SetRef("refs/heads/main", c))
		}, true, source.ErrHistoryRewritten},
		{"the branch is deleted", func(t *testing.T, r *gitserver.Repo, first string) {
			must(t, r.SetRef("refs/heads/other", first))
			must(t, r.DeleteBranch("main"))
		}, false, source.ErrRefGone},
		{"every branch is deleted", func(t *testing.T, r *gitserver.Repo, first string) { must(t, r.DeleteBranch("main")) },
			false, source.ErrEmptyRepository},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, r, first := repo(t)
			second := push(t, r, testfleet.Files{"fleet.yaml": "two\n"})
			dir := t.TempDir()
			m := mirror(t, r, dir, Limits{})
			fetch(t, m)
			if test.damage {
				must(t, os.RemoveAll(filepath.Join(m.store().path, "objects")))
			}
			test.rewrite(t, r, first)
			_, err := m.Fetch(t.Context(), "")
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
	push(t, r, testfleet.Files{"fleet.yaml": "two\n"})
	m := mirror(t, r, t.TempDir(), Limits{})
	fetch(t, m)
	rewritten, err := r.Rewrite("other")
	must(t, err)
	if _, err := m.Fetch(t.Context(), ""); !errors.Is(err, source.ErrHistoryRewritten) {
		t.Fatalf("fetch: %v", err)
	}
	if m.Contains(rewritten) {
		t.Error("what was refused stayed in the mirror")
	}
	if _, err := m.Fetch(t.Context(), strings.Repeat("1", 40)); !errors.Is(err, source.ErrHistoryRewritten) {
		t.Fatalf("fetch from a commit that the history does not have: %v", err)
	}
	if got, err := m.Fetch(t.Context(), rewritten); err != nil || got != rewritten {
		t.Errorf("fetched %s, %v; want %s", got, err, rewritten)
	}
}

// A commit that was fetched and never accepted may leave the branch again.
func TestAForcePushOverWhatWasNotAcceptedIsForward(t *testing.T) {
	_, r, accepted := repo(t)
	m := mirror(t, r, t.TempDir(), Limits{})
	fetch(t, m)
	push(t, r, testfleet.Files{"fleet.yaml": "mistake\n"})
	fetch(t, m)
	must(t, r.ForcePush(accepted))
	mended := push(t, r, testfleet.Files{"fleet.yaml": "mended\n"})
	if _, err := m.Fetch(t.Context(), ""); !errors.Is(err, source.ErrHistoryRewritten) {
		t.Fatalf("fetch forward from what was fetched: %v", err)
	}
	if got, err := m.Fetch(t.Context(), accepted); err != nil || got != mended {
		t.Errorf("fetched %s, %v; want %s", got, err, mended)
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

func TestManyFetchesDoNotPileUpPacks(t *testing.T) {
	_, r, _ := repo(t)
	m := mirror(t, r, t.TempDir(), Limits{})
	fetch(t, m)
	for range 3 {
		push(t, r, testfleet.Files{"fleet.yaml": time.Now().String()})
		fetch(t, m)
	}
	if got := len(m.store().packNames()); got != 4 {
		t.Errorf("%d packs, want 4: one a fetch", got)
	}
	tr, err := m.Tree(m.Head())
	must(t, err)
	last := push(t, r, testfleet.Files{"fleet.yaml": "last\n"})
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
