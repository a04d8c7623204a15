package fleetsync

import (
	"errors"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/fixtures/gitserver"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/source"
	"github.com/bulla-dev/bulla/kustomize/source/git"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// failing is a mirror that cannot read one commit.
type failing struct {
	source.Source
	commit string
	err    error
}

func (f failing) Tree(commit string) (*tree.Tree, error) {
	if commit == f.commit {
		return nil, f.err
	}
	return f.Source.Tree(commit)
}

// TestWhatCameBackIsSeenBehindAMerge: a pull has the developer's own commit as the first
// parent, and the branch, with a return and a second removal in it, as the other.
func TestWhatCameBackIsSeenBehindAMerge(t *testing.T) {
	repo, err := gitserver.ForTest(t).NewRepo("fleet")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(err)
	commit := func(files map[string]*string) string {
		t.Helper()
		hash, err := repo.Commit("change", files)
		must(err)
		return hash
	}
	const placement = "placements/shop.yaml"
	shop := new(testfleet.Placement("shop", "apps/shop", "shop", "{clusterName: prod-eu}"))
	commit(map[string]*string{
		"fleet.yaml": new(testfleet.NewRoot(t).Fleet(t, 1)), "clusters/prod-eu.yaml": new(testfleet.Cluster("prod-eu", "")),
		placement: shop, "apps/shop/shop.yaml": new(testfleet.ConfigMap("shop")),
	})
	removal := commit(map[string]*string{placement: nil})
	back := commit(map[string]*string{placement: shop})
	broken := commit(map[string]*string{placement: nil, "fleet.yaml": new("a: [")})
	for _, arguments := range [][]string{
		{"revert", "--no-commit", "HEAD"}, {"rm", "-q", "-f", placement}, {"commit", "-q", "-m", "removed again"},
		{"branch", "theirs"}, {"reset", "-q", "--hard", removal}, {"commit", "-q", "--allow-empty", "-m", "my own"},
		{"merge", "-q", "--no-edit", "theirs"},
	} {
		_, err := repo.Git(arguments...)
		must(err)
	}
	head, err := repo.Push()
	must(err)
	mirror, err := git.Open(t.TempDir(), repo.URL(), "main", git.Auth{Username: repo.Username, Password: repo.Password},
		git.Limits{})
	must(err)
	fetched, err := mirror.Fetch(t.Context(), "")
	must(err)
	if fetched != head {
		t.Fatalf("fetched %s, want %s", fetched, head)
	}
	builder := kustomize.NewBuilder(kustomize.BuilderOptions{Timeout: 3 * time.Minute, SlowAfter: time.Minute})
	source := &failing{Source: mirror}
	c := newConsents(openMirror{Source: source, before: new(model.Loader)}, builder, &view.Snapshot{Head: head}, "prod-eu")
	id := kustomize.ObjectID{Kind: "ConfigMap", Namespace: "shop", Name: "shop"}

	t.Log("a commit that the mirror cannot read now may have placed it")
	for _, err := range []error{tree.ErrCorrupt, errors.New("disk")} {
		source.commit, source.err = back, err
		if placed, ok := c.placedSince(t.Context(), removal); ok {
			t.Errorf("%v: placed %v", err, placed)
		}
		if !c.cameBack(t.Context(), removal, "shop") || !c.cameBack(t.Context(), removal, "tool") {
			t.Errorf("%v: nothing came back", err)
		}
	}
	t.Log("one that nobody takes for what it holds placed nothing, and neither did a broken fleet.yaml: " + broken)
	source.commit, source.err = broken, &tree.Error{Problem: "refused"}
	placed, ok := c.placedSince(t.Context(), removal)
	if !ok || !placed[id] || len(placed) != 1 {
		t.Errorf("placed since: %v, %v", placed, ok)
	}
	if !c.cameBack(t.Context(), removal, "shop") || c.cameBack(t.Context(), removal, "tool") {
		t.Error("the shop did not come back, or the tool did")
	}
}
