package git

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/signer"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/signing"
)

const ada, bob = "ada@acme.example", "bob@acme.example"

func cluster(name string) testfleet.Files {
	return testfleet.Files{"clusters/" + name + ".yaml": testfleet.Cluster(name, "")}
}

func TestEveryCommitOnTheChainIsJudged(t *testing.T) {
	key := signer.SSH(t, ada)
	g := newGuarded(t, by(guardedPaths, key))

	g.as(key).push(cluster("three"))
	if v := g.accepts("a signed commit"); v.Commits != 1 || v.Signatures != 1 || !strings.HasPrefix(v.Signers[0], ada) {
		t.Errorf("a signed commit: %+v", v)
	}
	buried := g.as(nil).push(cluster("four"))
	g.refuses("an unsigned commit", buried, "not signed")

	buried = g.as(nil).push(cluster("four"))
	g.as(key).push(cluster("five"))
	g.refuses("an unsigned commit under a signed one", buried, "not signed")

	buried = g.as(nil).push(cluster("four"))
	g.as(key).push(testfleet.Files{"clusters/four.yaml": ""})
	g.refuses("an unsigned commit that a signed one takes back", buried, "not signed")

	buried = g.as(nil).push(cluster("four"))
	g.git("checkout", "--quiet", "-b", "side")
	g.as(key).push(testfleet.Files{"clusters/five.yaml": testfleet.Cluster("five", "")})
	g.refuses("an unsigned commit under a signed branch", buried, "not signed")
	g.git("checkout", "--quiet", "main")
	g.back()

	g.as(nil).push(testfleet.Files{"apps/app/a.yaml": testfleet.ConfigMap("b")})
	g.as(key).push(cluster("four"))
	g.as(nil).push(testfleet.Files{"README.md": "read\n"})
	if v := g.accepts("unsigned commits of what needs no signature"); v.Commits != 3 || v.Signatures != 1 {
		t.Errorf("three commits, one to be signed: %+v", v)
	}
	g.as(nil).push(nil)
	g.accepts("an unsigned commit that changes nothing")
}

func TestAMergeIsJudgedByItsFirstParent(t *testing.T) {
	key := signer.SSH(t, ada)
	g := newGuarded(t, by(guardedPaths, key))
	// branch makes unsigned commits beside main and merges them.
	branch := func(merger *signer.Key, f testfleet.Files, merge ...string) string {
		g.as(nil).git("checkout", "--quiet", "-B", "side", g.last)
		for name, text := range f {
			must(t, os.WriteFile(filepath.Join(g.repo.Dir(), name), []byte(text), 0o600))
		}
		g.git("add", "--all")
		g.git("commit", "--quiet", "--message", "beside")
		g.git("checkout", "--quiet", "-B", "main", g.last)
		g.as(merger).git(append([]string{"merge", "--quiet", "--no-ff", "-m", "merge", "side"}, merge...)...)
		hash, err := g.repo.Push()
		must(t, err)
		return hash
	}
	merge := branch(nil, cluster("three"))
	g.refuses("an unsigned merge of an unsigned change", merge, "not signed")
	branch(key, cluster("three"))
	if v := g.accepts("a signed merge vouches for what it brings in"); v.Commits != 1 || v.Signatures != 1 {
		t.Errorf("a signed merge: %+v", v)
	}
	branch(nil, testfleet.Files{"apps/app/a.yaml": testfleet.ConfigMap("c")})
	g.accepts("an unsigned merge of what needs no signature")

	// The accepted head comes in from the side: the chain runs through a branch
	// that nobody judged, under rules as old as it likes.
	g.as(nil).git("checkout", "--quiet", "-B", "side", g.last+"^")
	must(t, os.WriteFile(filepath.Join(g.repo.Dir(), "note"), []byte("x"), 0o600))
	g.git("add", "--all")
	g.git("commit", "--quiet", "--message", "beside")
	g.as(key).git("merge", "--quiet", "--no-ff", "-m", "main into side", g.last)
	tip, err := g.repo.Push()
	must(t, err)
	g.refuses("main merged into a branch, and pushed as main", tip, "not on its first-parent chain")
}

func TestNobodyLetsHimselfIn(t *testing.T) {
	a, b := signer.SSH(t, ada), signer.SSH(t, bob)
	g := newGuarded(t, by(guardedPaths, a))
	withBob := testfleet.Files{"fleet.yaml": fleetWith(t, by(guardedPaths, a, b))}

	commit := g.as(b).push(withBob)
	g.refuses("a signer who adds himself", commit, "not an allowed signer")
	commit = g.as(b).push(withBob.With(cluster("three")))
	g.refuses("a signer who adds himself and a cluster in one commit", commit, "not an allowed signer")
	commit = g.as(nil).push(testfleet.Files{"fleet.yaml": fleetWith(t, nil)})
	g.refuses("an unsigned commit that lifts every signing.Demand", commit, "not signed")
	commit = g.as(nil).push(testfleet.Files{"fleet.yaml": ""})
	g.refuses("an unsigned commit without fleet.yaml", commit, "not signed")
	g.as(a).push(testfleet.Files{"fleet.yaml": "kind: Fleet\n"})
	commit = g.as(nil).push(cluster("three"))
	g.refuses("an unsigned commit after a fleet.yaml that cannot be read", commit, "not signed")
	g.as(a).push(testfleet.Files{"fleet.yaml": ""})
	g.as(nil).push(testfleet.Files{"README.md": "x\n"})
	commit = g.as(nil).push(withBob)
	g.refuses("an unsigned fleet.yaml where there was none for two commits", commit, "not signed")

	g.as(a).push(withBob)
	g.as(b).push(cluster("three"))
	g.accepts("a signer whom a signer added one commit before")
	g.as(b).push(testfleet.Files{"fleet.yaml": fleetWith(t, by(guardedPaths, b))})
	commit = g.as(a).push(cluster("four"))
	g.refuses("a signer who was removed one commit before", commit, "not an allowed signer")
	g.as(b).push(testfleet.Files{"fleet.yaml": fleetWith(t, nil)})
	g.as(nil).push(cluster("four"))
	g.accepts("unsigned commits after a signer lifted the signing.Demand")
}

func TestWhatMustBeSigned(t *testing.T) {
	key := signer.SSH(t, ada)
	g := newGuarded(t, by([]string{"clusters/", "placements", "apps/secret/"}, key))
	g.as(key).
		push(testfleet.Files{"clusters-x/a.yaml": "a\n", "CODEOWNERS": "a\n", "apps/secret/a.yaml": testfleet.ConfigMap("a"),
			"clusters/run.yaml": "x\n"})
	g.accepts("the start")
	in := func(name string) string { return filepath.Join(g.repo.Dir(), name) }
	write := func(name string) func() {
		return func() {
			must(t, os.MkdirAll(filepath.Dir(in(name)), 0o700))
			must(t, os.WriteFile(in(name), []byte("new\n"), 0o600))
		}
	}
	for _, c := range []struct {
		name   string
		change func()
		path   string // "" when no signature is needed
	}{
		{"a new file in a folder", write("clusters/new.yaml"), "clusters/new.yaml"},
		{"a new file deep in a folder", write("clusters/eu/west/new.yaml"), "clusters/eu/west/new.yaml"},
		{"a folder whose name begins alike", write("clusters-x/new.yaml"), ""},
		{"a file whose name begins alike", write("clusters.yaml"), ""},
		{"a folder in other letters", write("Clusters/new.yaml"), ""},
		{"a folder of that name elsewhere", write("apps/clusters/new.yaml"), ""},
		{"a folder written without a slash", write("placements/new.yaml"), "placements/new.yaml"},
		{"a folder inside a folder", write("apps/secret/new.yaml"), "apps/secret/new.yaml"},
		{"a folder beside that", write("apps/other/new.yaml"), ""},
		{"fleet.yaml, though it is not listed", write("fleet.yaml"), "fleet.yaml"},
		{"fleet.yaml elsewhere", write("apps/fleet.yaml"), ""},
		{"another file at the root", write("CODEOWNERS"), ""},
		{"a file removed", func() { must(t, os.Remove(in("clusters/one.yaml"))) }, "clusters/one.yaml"},
		{"a folder removed", func() { must(t, os.RemoveAll(in("placements"))) }, "placements/app.yaml"},
		{"a file moved out", func() { must(t, os.Rename(in("clusters/one.yaml"), in("apps/one.yaml"))) },
			"clusters/one.yaml"},
		{"a file moved in", func() { must(t, os.Rename(in("clusters-x/a.yaml"), in("clusters/a.yaml"))) }, "clusters/a.yaml"},
		{"a folder moved away", func() { must(t, os.Rename(in("clusters"), in("old"))) }, "clusters/eu/two.yaml"},
		{"a file's mode", func() { must(t, os.Chmod(in("clusters/run.yaml"), 0o755)) }, "clusters/run.yaml"},
		{"a file that becomes a link", func() {
			must(t, os.Remove(in("clusters/one.yaml")))
			must(t, os.Symlink("../apps/app/a.yaml", in("clusters/one.yaml")))
		}, "clusters/one.yaml"},
		{"a folder that becomes a link", func() {
			must(t, os.RemoveAll(in("clusters")))
			must(t, os.Symlink("apps", in("clusters")))
		}, "clusters/eu/two.yaml"},
		{"a folder that becomes a file", func() {
			must(t, os.RemoveAll(in("clusters")))
			write("clusters")()
		}, "clusters/eu/two.yaml"},
		{"the folder above becomes a file", func() {
			must(t, os.RemoveAll(in("apps")))
			write("apps")()
		}, "apps/secret/a.yaml"},
	} {
		g.as(nil)
		c.change()
		hash, err := g.repo.CommitAll(c.name)
		must(t, err)
		if c.path == "" {
			if _, _, err := g.judge(""); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			g.back()
			continue
		}
		g.refuses(c.name, hash, fmt.Sprintf("changes %q", c.path))
	}
}

func TestTheFloorIsNotLoweredByGit(t *testing.T) {
	a, b := signer.SSH(t, ada), signer.SSH(t, bob)
	floor := func(g *guarded) *guarded {
		g.floor = rules(t, by([]string{"placements/"}, a))
		return g
	}
	t.Run("where Git demands nothing", func(t *testing.T) {
		g := floor(newGuarded(t, nil))
		commit := g.as(nil).push(testfleet.Files{"placements/app.yaml": ""})
		g.refuses("an unsigned change", commit, `changes of "placements" must be signed`)
		g.as(nil).push(cluster("three"))
		g.accepts("an unsigned change of what the floor does not name")
		g.as(a).push(testfleet.Files{"placements/app.yaml": ""})
		g.accepts("a change signed by one of the floor's")
	})
	t.Run("where Git has other signers", func(t *testing.T) {
		g := floor(newGuarded(t, by(guardedPaths, b)))
		commit := g.as(b).push(testfleet.Files{"placements/app.yaml": ""})
		g.refuses("a change signed by one of Git's", commit, "not an allowed signer")
		commit = g.as(b).push(testfleet.Files{"fleet.yaml": fleetWith(t, by(guardedPaths, a, b))})
		g.refuses("fleet.yaml, which the floor always holds", commit, "not an allowed signer")
		g.as(b).push(cluster("three"))
		g.accepts("what only Git demands")
		g.as(a).push(cluster("four"))
		g.accepts("what only Git demands, signed by one of the floor's")
	})
	t.Run("with a signing.Demand and no signers of its own", func(t *testing.T) {
		g := newGuarded(t, by([]string{"clusters/"}, b))
		g.floor = rules(t, by([]string{"placements/"}))
		commit := g.as(a).push(testfleet.Files{"placements/app.yaml": ""})
		g.refuses("a change that Git does not signing.Demand to be signed", commit, "not an allowed signer")
		g.as(b).push(testfleet.Files{"placements/app.yaml": ""})
		g.accepts("the same, signed by one of Git's")
	})
	t.Run("where nobody can sign", func(t *testing.T) {
		g := newGuarded(t, nil)
		g.floor = rules(t, by([]string{"placements/"}))
		commit := g.as(a).push(testfleet.Files{"placements/app.yaml": ""})
		g.refuses("a change", commit, "not an allowed signer")
	})
}

func TestOpenPGPCommitsOfGit(t *testing.T) {
	key, other := signer.OpenPGP(t, ada, "never"), signer.OpenPGP(t, bob, "never")
	g := newGuarded(t, by(guardedPaths, key))
	g.as(key).push(cluster("three"))
	g.accepts("a commit signed with gpg")
	commit := g.as(other).push(cluster("four"))
	g.refuses("a commit signed with somebody's gpg", commit, "not an allowed signer's")
	commit = g.as(signer.SSH(t, ada)).push(cluster("four"))
	g.refuses("a commit signed with an SSH key of the same address", commit, "not an allowed signer")
}

// CVE-2026-44309: a verifier that decodes a commit with a library and encodes it
// again checks other bytes than those that were hashed.
func TestASignatureOverReencodedBytesIsRefused(t *testing.T) {
	key := signer.SSH(t, ada)
	g := newGuarded(t, by(guardedPaths, key))
	raw, err := g.repo.RawCommit(g.as(nil).push(cluster("three")))
	must(t, err)
	g.back()
	// A zone that go-git reads and writes in another way.
	hostile := []byte(strings.ReplaceAll(string(raw), " +0000\n", " -0000\n"))
	memory := &plumbing.MemoryObject{}
	memory.SetType(plumbing.CommitObject)
	_, err = memory.Write(hostile)
	must(t, err)
	decoded := &object.Commit{}
	must(t, decoded.Decode(memory))
	again := &plumbing.MemoryObject{}
	must(t, decoded.Encode(again))
	reader, err := again.Reader()
	must(t, err)
	encoded := make([]byte, again.Size())
	_, err = reader.Read(encoded)
	must(t, err)
	if string(encoded) == string(hostile) {
		t.Fatal("the library encodes what it decoded: the vector shows nothing")
	}
	armored, err := key.Sign("git", encoded)
	must(t, err)
	commit, err := g.repo.InjectMain(signer.Attach(hostile, armored))
	must(t, err)
	g.refuses("a signature over the bytes that a library encodes", commit, "not over this commit")

	armored, err = key.Sign("git", hostile)
	must(t, err)
	_, err = g.repo.InjectMain(signer.Attach(hostile, armored))
	must(t, err)
	g.accepts("a signature over the bytes that Git hashed")
}

func TestASignatureIsForOneCommit(t *testing.T) {
	key := signer.SSH(t, ada)
	g := newGuarded(t, by(guardedPaths, key))
	signed, err := g.repo.RawCommit(g.as(key).push(cluster("three")))
	must(t, err)
	g.back()
	unsigned, err := g.repo.RawCommit(g.as(nil).push(cluster("four")))
	must(t, err)
	g.back()
	_, field, _ := strings.Cut(string(signed), "\ngpgsig ")
	field, _, _ = strings.Cut(field, "\n\n")
	commit, err := g.repo.InjectMain([]byte(strings.Replace(string(unsigned), "\n\n", "\ngpgsig "+field+"\n\n", 1)))
	must(t, err)
	g.refuses("the signature of another commit", commit, "not over this commit")

	file, err := key.Sign("file", unsigned)
	must(t, err)
	commit, err = g.repo.InjectMain(signer.Attach(unsigned, file))
	must(t, err)
	g.refuses("a signature made over a file of the same bytes", commit, `namespace "file"`)
}

// The branch must point to a commit: what a tag says, or a tag of a tag, is
// nobody's commit.
func TestABranchThatPointsToATagIsNotFollowed(t *testing.T) {
	key := signer.SSH(t, ada)
	g := newGuarded(t, by(guardedPaths, key))
	fetch(t, g.mirror)
	tip := g.as(key).push(cluster("three"))
	tag, err := g.repo.InjectObject(
		"tag",
		[]byte("object "+tip+"\ntype commit\ntag one\ntagger A <a@acme.example> 1790000000 +0000\n\none\n"),
	)
	must(t, err)
	tagOfTag, err := g.repo.InjectObject(
		"tag",
		[]byte("object "+tag+"\ntype tag\ntag two\ntagger A <a@acme.example> 1790000000 +0000\n\ntwo\n"),
	)
	must(t, err)
	for _, hash := range []string{tag, tagOfTag} {
		must(t, os.WriteFile(filepath.Join(g.repo.Bare(), "refs", "heads", "main"), []byte(hash+"\n"), 0o600))
		if head, err := g.mirror.Fetch(t.Context(), g.last); err == nil {
			t.Errorf("followed the branch to %s, which is a tag", head)
		}
	}
}

// A list of signers is read whole or not at all, and never silently in part.
func TestAFleetWhoseSignersCannotBeReadIsNoFleet(t *testing.T) {
	key := signer.SSH(t, ada)
	for name, change := range map[string]func(*api.Signing){
		"a line that is no key": func(s *api.Signing) { s.AllowedSigners = append(s.AllowedSigners, "bob ssh-ed25519 AAAA") },
		"a certificate authority": func(s *api.Signing) {
			s.AllowedSigners[0] = strings.Replace(key.Allowed, " ", " cert-authority ", 1)
		},
		"an OpenPGP key of nothing": func(s *api.Signing) {
			s.OpenPGPKeys = []string{"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----\n"}
		},
	} {
		s := by(guardedPaths, key)
		if _, err := model.Load(testfleet.Open(t,
			testfleet.Two().With(testfleet.Files{"fleet.yaml": fleetWith(t, s)}))); err != nil {
			t.Fatal(err)
		}
		change(s)
		if _, err := model.Load(testfleet.Open(t,
			testfleet.Two().With(testfleet.Files{"fleet.yaml": fleetWith(t, s)}))); err == nil ||
			!strings.Contains(err.Error(), "spec.signing") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAFloorThatIsRefused(t *testing.T) {
	key := signer.SSH(t, ada)
	for name, s := range map[string]*api.Signing{
		"signers and no signing.Demand": {AllowedSigners: []string{key.Allowed}},
		"a path that is not clean":      {Require: []string{"./clusters"}},
		"an absolute path":              {Require: []string{"/clusters"}},
		"a line that is no key":         {AllowedSigners: []string{"ada"}, Require: []string{"clusters/"}},
	} {
		if _, err := signing.Floor(s); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for name, s := range map[string]*api.Signing{"nothing": nil, "an empty one": {},
		"a signing.Demand alone": {Require: []string{"clusters/"}}} {
		if _, err := signing.Floor(s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
