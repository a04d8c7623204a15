package git

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/fixtures/gitserver"
	"github.com/bulla-dev/bulla/fixtures/signer"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize/signing"
	"github.com/bulla-dev/bulla/kustomize/source"
)

func TestTheFirstHead(t *testing.T) {
	a, b := signer.SSH(t, ada), signer.SSH(t, bob)
	for _, c := range []struct {
		name string
		// begin makes the repository; the branch is then judged as a first head.
		begin func(g *guarded) string
		floor *signing.Rules
		want  string
	}{
		{"nothing is demanded", func(g *guarded) string { return g.as(nil).push(cluster("three")) }, nil, ""},
		{"the tip is signed by one of its own signers", func(g *guarded) string {
			return g.as(a).push(testfleet.Files{"fleet.yaml": fleetWith(t, by(guardedPaths, a))})
		}, nil, ""},
		{"the tip demands signatures and has none", func(g *guarded) string {
			return g.as(nil).push(testfleet.Files{"fleet.yaml": fleetWith(t, by(guardedPaths, a))})
		}, nil, "not signed"},
		{"commits that need no signature follow a signed one", func(g *guarded) string {
			g.as(a).push(testfleet.Files{"fleet.yaml": fleetWith(t, by(guardedPaths, a))})
			g.as(nil).push(testfleet.Files{"README.md": "a\n"})
			return g.push(testfleet.Files{"apps/app/a.yaml": testfleet.ConfigMap("b")})
		}, nil, ""},
		{"an unsigned change follows a signed one", func(g *guarded) string {
			g.as(a).push(testfleet.Files{"fleet.yaml": fleetWith(t, by(guardedPaths, a))})
			return g.as(nil).push(cluster("three"))
		}, nil, "not signed"},
		{"the tip is signed by one of the floor's", func(g *guarded) string { return g.as(a).push(cluster("three")) },
			rules(t, by(guardedPaths, a)), ""},
		{"the tip is signed by one whom only Git lists", func(g *guarded) string {
			return g.as(b).push(testfleet.Files{"fleet.yaml": fleetWith(t, by(guardedPaths, b))})
		}, rules(t, by(guardedPaths, a)), "not an allowed signer"},
		{"a signer whom only Git lists signs over unsigned changes that the floor guards", func(g *guarded) string {
			g.as(nil).push(testfleet.Files{"fleet.yaml": fleetWith(t, by([]string{"placements/"}, b)),
				"clusters/three.yaml": cluster("three")["clusters/three.yaml"]})
			return g.as(b).push(testfleet.Files{"placements/more.txt": "x\n"})
		}, rules(t, by([]string{"clusters/"}, a)), "not signed"},
		{"the floor's signer stands for what Git's signers did not sign before", func(g *guarded) string {
			g.as(nil).push(testfleet.Files{"fleet.yaml": fleetWith(t, by(guardedPaths, b))})
			return g.as(a).push(cluster("three"))
		}, rules(t, by([]string{"clusters/"}, a)), ""},
		{"nobody signed anything, and the floor demands it",
			func(g *guarded) string { return g.as(nil).push(testfleet.Files{"README.md": "a\n"}) },
			rules(t, by(guardedPaths, a)), "not signed"},
	} {
		g := newGuarded(t, nil)
		g.last, g.floor = "", c.floor
		head := c.begin(g)
		_, got, err := g.judge("")
		if c.want == "" && (err != nil || got != head) ||
			c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestARewrittenHeadMustVerify(t *testing.T) {
	a, b := signer.SSH(t, ada), signer.SSH(t, bob)
	g := newGuarded(t, by(guardedPaths, a))
	fetch(t, g.mirror)
	rewrite := func(k *signer.Key, f testfleet.Files) string {
		g.as(nil).back()
		g.push(f)
		g.as(k)
		arguments := []string{"commit-tree", "-m", "history anew"}
		if k != nil {
			arguments = append(arguments, "-S")
		}
		hash := g.git(append(arguments, g.git("rev-parse", "HEAD^{tree}"))...)
		must(t, g.repo.ForcePush(hash))
		return hash
	}
	refused := func(what, head, want string) {
		_, _, err := g.judge(head)
		var unverified *signing.UnverifiedError
		if !errors.As(err, &unverified) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", what, err, want)
		}
	}
	refused("unsigned", rewrite(nil, cluster("three")), "not signed")
	refused(
		"signed by a signer that only it lists",
		rewrite(b, testfleet.Files{"fleet.yaml": fleetWith(t, by(guardedPaths, b))}),
		"not an allowed signer",
	)
	head := rewrite(a, cluster("three"))
	if _, err := g.mirror.Fetch(t.Context(), g.last); !errors.Is(err, source.ErrHistoryRewritten) {
		t.Errorf("fetched without an operator's word: %v", err)
	}
	if _, got, err := g.judge(head); err != nil || got != head {
		t.Errorf("signed: %v", err)
	}
	buried := g.as(nil).push(cluster("four"))
	g.as(a).push(cluster("five"))
	refused("an unsigned commit after the one that was named", head, buried)
	g.floor = rules(t, by(guardedPaths, b))
	refused("signed, and not by one of the floor's", head, "not an allowed signer")
	g.floor = nil
	must(t, g.repo.ForcePush(head))
	// The mirror lost the accepted head: its rules are gone, the head's own and
	// the floor's are left.
	g.mirror = mirror(t, g.repo, t.TempDir(), Limits{})
	if _, _, err := g.judge(head); err != nil {
		t.Errorf("judged as a first head: %v", err)
	}
	refused("unsigned, judged as a first head", rewrite(nil, cluster("six")), "not signed")
}

func TestAnExpiredSignerIsJudgedAtAcceptance(t *testing.T) {
	key := signer.SSH(t, ada)
	key.Allowed = strings.Replace(key.Allowed, ada+" ", ada+` valid-before="20300101Z" `, 1)
	g := newGuarded(t, by(guardedPaths, key))
	commit := g.as(key).push(cluster("three"))
	g.now = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	_, _, err := g.judge("")
	if err == nil || !strings.Contains(err.Error(), commit) || !strings.Contains(err.Error(), "not valid now") {
		t.Errorf("at the second of its expiry: %v", err)
	}
	g.now = g.now.Add(-time.Second)
	g.accepts("a second before")
}

// A tree that is not well-formed may hold anything: it counts as changed.
func TestATreeThatCannotBeReadMustBeSigned(t *testing.T) {
	key := signer.SSH(t, ada)
	g := newGuarded(t, by(guardedPaths, key))
	blob, err := g.repo.InjectObject("blob", []byte("x"))
	must(t, err)
	tree, err := g.repo.InjectTree(
		gitserver.TreeEntry{
			Mode: "100644",
			Name: "a",
			Hash: blob,
		},
		gitserver.TreeEntry{Mode: "100644", Name: "a", Hash: blob},
	)
	must(t, err)
	_, err = g.repo.InjectCommit(tree, g.last)
	must(t, err)
	bad, err := g.repo.Head()
	must(t, err)
	good := g.git("rev-parse", g.last+"^{tree}")
	_, err = g.repo.InjectCommit(good, bad)
	must(t, err)
	g.refuses("an unsigned commit of a tree with one name twice", bad, "not signed")
}

func TestAChangeCostsTheFoldersAboveIt(t *testing.T) {
	key := signer.SSH(t, ada)
	g := newGuarded(t, by([]string{"clusters/", "placements/", "clustersets/"}, key))
	many := testfleet.Files{}
	for i := range 300 {
		many[fmt.Sprintf("clusters/region-%d/c.yaml", i)] = fmt.Sprintf("%d\n", i)
		many[fmt.Sprintf("apps/app-%d/a.yaml", i)] = testfleet.ConfigMap(fmt.Sprint("a", i))
	}
	g.as(key).push(many)
	g.accepts("600 files")
	g.as(key).push(testfleet.Files{"clusters/region-7/c.yaml": "changed\n"})
	// Two roots, two of clusters/, two of region-7 to name the file.
	if v := g.accepts("one of them"); v.Trees > 6 {
		t.Errorf("%d trees read for one changed file", v.Trees)
	}
	g.as(nil).push(testfleet.Files{"apps/app-7/a.yaml": testfleet.ConfigMap("b")})
	if v := g.accepts("what needs no signature"); v.Trees > 2 {
		t.Errorf("%d trees read for a file that needs no signature", v.Trees)
	}
}
