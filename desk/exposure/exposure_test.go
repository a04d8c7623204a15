package exposure

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/kustomize/built"
)

// stub is one with a block for each payload, whose field is named after it.
func stub(file, name string, payloads ...string) Stub {
	m := &api.SealedManifest{Metadata: api.Metadata{Namespace: "shop", Name: name}}
	for _, p := range payloads {
		m.Spec.Blocks = append(m.Spec.Blocks, api.Block{Fields: []string{"/data/" + p}, Payload: p})
	}
	return Stub{Stub: built.Stub{Path: file, Digest: "digest of " + file, Manifest: m}}
}

// past is a history with one file.
type past struct {
	digest string
	stub   Stub
}

func (p past) Describe(string) string { return "" }

func (p past) Find(_, digest string) (Stub, bool) { return p.stub, digest == p.digest }

func TestWhatIsRotatedAfterAClusterIsLost(t *testing.T) {
	old := past{digest: "old", stub: stub("", "db", "one", "two")}
	for name, c := range map[string]struct {
		digest string
		now    []Stub
		state  State
		rotate []Still
	}{
		"the very file": {
			"digest of a", []Stub{stub("a", "db", "one")}, Same,
			[]Still{{"a", []string{"/data/one"}}},
		},
		"new locks alone": {
			"old", []Stub{stub("a", "db", "one", "two")}, Same,
			[]Still{{"a", []string{"/data/one", "/data/two"}}},
		},
		"one value is new": {
			"old", []Stub{stub("a", "db", "new", "two")}, Part,
			[]Still{{"a", []string{"/data/two"}}},
		},
		"a value was taken out": {"old", []Stub{stub("a", "db", "two")}, Part, []Still{{"a", []string{"/data/two"}}}},
		"a value was added": {
			"old", []Stub{stub("a", "db", "one", "two", "three")}, Same,
			[]Still{{"a", []string{"/data/one", "/data/two"}}},
		},
		"the file moved": {
			"old", []Stub{stub("b", "elsewhere", "one", "two")}, Same,
			[]Still{{"b", []string{"/data/one", "/data/two"}}},
		},
		"two files share it": {
			"old", []Stub{stub("a", "db", "one"), stub("b", "x", "two")}, Same,
			[]Still{{"a", []string{"/data/one"}}, {"b", []string{"/data/two"}}},
		},
		"every value is new":        {"old", []Stub{stub("a", "db", "new")}, Changed, []Still{}},
		"no stub is left":           {"old", []Stub{stub("a", "other", "new")}, Removed, []Still{}},
		"a commit that is not here": {"older", []Stub{stub("a", "db", "one")}, Unknown, []Still{{"a", []string{}}}},
		"neither commit nor a stub": {"older", nil, Unknown, []Still{}},
		"a shallow clone, same file": {
			"digest of b", []Stub{stub("a", "db", "one"), stub("b", "db2", "two")}, Same,
			[]Still{{"b", []string{"/data/two"}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			lost := After([]Reading{{Cluster: "prod-eu", Object: "shop/db", Digest: c.digest, Head: "head"}}, c.now, old, Kept{})
			if lost[0].State != c.state {
				t.Errorf("state %s, want %s", lost[0].State, c.state)
			}
			if diff := cmp.Diff(c.rotate, lost[0].Rotate); diff != "" {
				t.Errorf("rotate (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnswersForOneVersionAreOneReading(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 11, 22, 5, minute, 0, 0, time.UTC) }
	entry := func(index int64, cluster, digest, head string) client.AuditEntry {
		return client.AuditEntry{
			Index: index,
			Entry: audit.Entry{
				Time: at(int(index)), Cluster: cluster, Object: "shop/db", Digest: digest, Placement: "shop",
				Head: head,
			},
		}
	}
	got := Readings([]client.AuditEntry{
		entry(1, "eu", "one", "h1"), entry(2, "us", "one", "h1"), entry(3, "eu", "one", "h2"), entry(4, "eu", "two", "h3"),
	})
	want := []Reading{
		{
			Cluster: "eu", Object: "shop/db", Digest: "one", Placement: "shop", First: at(1), Last: at(3), Times: 2, Entry: 1,
			Head: "h1",
		},
		{
			Cluster: "us", Object: "shop/db", Digest: "one", Placement: "shop", First: at(2), Last: at(2), Times: 1, Entry: 2,
			Head: "h1",
		},
		{
			Cluster: "eu", Object: "shop/db", Digest: "two", Placement: "shop", First: at(4), Last: at(4), Times: 1, Entry: 4,
			Head: "h3",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("readings (-want +got):\n%s", diff)
	}
}

func TestAFolderWithoutHistorySaysNothing(t *testing.T) {
	clone := OpenClone(t.TempDir())
	if _, found := clone.Find("1111111111111111111111111111111111111111", "d"); found ||
		clone.Describe("1111111111111111111111111111111111111111") != "" {
		t.Error("it says something")
	}
}

func TestAnEntryCountsForEveryObjectThatItNames(t *testing.T) {
	e := audit.Entry{
		Cluster: "eu", Placement: "ldap-prod", Object: "prod/ldap",
		Also: []string{"ldap-staging staging/ldap"}, Digest: "one",
	}
	var got []string
	for _, r := range Readings([]client.AuditEntry{{Index: 1, Entry: e}}) {
		got = append(got, r.Placement+" "+r.Object)
	}
	if diff := cmp.Diff([]string{"ldap-prod prod/ldap", "ldap-staging staging/ldap"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for object, is := range map[string]bool{"prod/ldap": true, "staging/ldap": true, "staging/db": false} {
		if e.Names(object) != is {
			t.Errorf("Names(%q) is %v", object, !is)
		}
	}
}

// TestHistoryKnowsEveryStubThatABuildTakes: what is read of a head that is past is what
// was built of it, whatever its file was called.
func TestHistoryKnowsEveryStubThatABuildTakes(t *testing.T) {
	dir := t.TempDir()
	files := testfleet.Files{"apps/a.yaml": testfleet.Stub("a"), "apps/B.YML": testfleet.Stub("b")}
	asJSON, err := yaml.YAMLToJSON([]byte(testfleet.Stub("c")))
	if err != nil {
		t.Fatal(err)
	}
	files["apps/c.json"] = string(asJSON)
	files.Write(t, dir)
	git := func(arguments ...string) string {
		t.Helper()
		who := []string{"-C", dir, "-c", "user.name=Ann", "-c", "user.email=a@b"}
		cmd := exec.Command("git", append(who, arguments...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v: %s", arguments, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "-q", "-b", "main")
	git("add", "-A")
	git("commit", "-qm", "seal three\n\nfor a test")
	first := git("rev-parse", "HEAD")
	git("rm", "-q", "-r", "apps")
	git("commit", "-qm", "take them away")
	second := git("rev-parse", "HEAD")
	clone := OpenClone(dir)
	for file, content := range files {
		if _, found := clone.Find(first, api.StubDigest([]byte(content))); !found {
			t.Errorf("%s is not found", file)
		}
		if _, found := clone.Find(second, api.StubDigest([]byte(content))); found {
			t.Errorf("%s is found where it is not", file)
		}
	}
	if got := clone.Describe(first); got != "Ann: seal three" {
		t.Errorf("described as %q", got)
	}
	nowhere := strings.Repeat("1", 40)
	for _, pair := range [][2]string{{first, second}, {second, nowhere}, {nowhere, first}, {"main", first}} {
		if clone.Descends(pair[0], pair[1]) {
			t.Errorf("%s descends from %s", pair[0], pair[1])
		}
	}
	if !clone.Descends(second, first) || clone.Describe(nowhere) != "" {
		t.Error("what is there is not told from what is not")
	}
}
