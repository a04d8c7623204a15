package tracecmd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/desk/built"
	"github.com/bulla-dev/bulla/desk/exposure"
)

// fromGit finds the placement, the commit and the stub.
func (t *tracer) fromGit(ctx context.Context) {
	repo, err := t.shell.Open()
	if err != nil {
		p := why(err)
		t.way.Placement.part, t.way.Commit.part, t.way.Locks.part = p, p, p
		t.way.Stub.part = p
		if t.way.Object.Missing == "" && !t.way.Object.Sealed {
			t.way.Stub.part, t.way.Locks.part = why(errNotSealed), why(errNotSealed)
		}
		return
	}
	t.repo, t.history = repo, exposure.OpenClone(repo.Root)
	if t.way.Object.Missing == "" {
		t.way.Placement.Name = t.way.Delivery.Name
		t.commit(revisionHash(t.way.Delivery.Revision))
		switch {
		case t.way.Object.Sealed:
			t.find(ctx)
		case t.way.Object.Unmade && t.way.Object.Kind == "Secret":
			// The inventory has no stub before there is a Secret. Git knows.
			t.build(ctx)
		default:
			t.way.Stub.part = why(errNotSealed)
		}
	} else {
		t.way.Commit.Missing = "the cluster did not say which revision it applied"
		t.build(ctx)
	}
	t.placed()
	t.locks()
}

// revisionHash is the commit of main@sha1:HASH.
func revisionHash(revision string) string {
	_, hash, _ := strings.Cut(revision, "@sha1:")
	return hash
}

func (t *tracer) commit(hash string) {
	if t.way.Commit.Hash = hash; hash == "" {
		t.way.Commit.Missing = "the Delivery applied nothing yet"
		return
	}
	if t.way.Commit.Says = t.history.Describe(hash); t.way.Commit.Says == "" {
		t.way.Commit.Says = "(this clone does not have it: git fetch)"
	}
}

// find looks for the stub of the digest that was applied: in the working tree, then in the
// commit that the cluster applied.
func (t *tracer) find(ctx context.Context) {
	stubs, _ := exposure.Stubs(t.repo.Tree)
	i := slices.IndexFunc(stubs, func(s exposure.Stub) bool { return s.Digest == t.way.Stub.Digest })
	if i >= 0 {
		t.stub(ctx, stubs[i], true)
		return
	}
	if found, ok := t.history.Find(t.way.Commit.Hash, t.way.Stub.Digest); ok {
		t.stub(ctx, found, false)
		return
	}
	t.way.Stub.Missing = fmt.Sprintf("neither the working tree nor the clone's commit %s has a file of digest %s: "+
		"fetch, or look in the clone of the fleet that the cluster follows", shell.Short(t.way.Commit.Hash),
		t.way.Stub.Digest)
}

func (t *tracer) stub(ctx context.Context, s exposure.Stub, current bool) {
	t.way.Stub.File, t.way.Stub.Digest, t.way.Stub.Current, t.way.Stub.Fields = s.Path, s.Digest, current, s.Fields()
	manifest := s.Manifest
	if s.Reference != nil {
		t.way.Stub.Stored = s.Reference.Spec.Stub.Digest
		store := t.shell.Store(t.repo.Model.Fleet.Spec.ID)
		defer store.Close()
		var err error
		if manifest, err = store.Stub(ctx, s.Path, s.Reference); err != nil {
			t.way.Locks.part = why(err)
			return
		}
	}
	for _, block := range manifest.Spec.Blocks {
		for _, l := range block.Locks {
			one := lock{Target: l.Target, Fields: block.Fields, Key: l.Key, KeyStatus: "not in fleet.yaml"}
			if key, ok := t.repo.Model.Fleet.Spec.Key(l.Key); ok {
				one.KeyStatus, one.Suite = string(key.Status), string(key.Suite)
			}
			t.way.Locks.All = append(t.way.Locks.All, one)
		}
	}
}

// build looks for the object in what the working tree builds, where no cluster says.
func (t *tracer) build(ctx context.Context) {
	if word := strings.ToLower(t.kind); word != "secret" && word != "secrets" {
		t.way.Placement.Missing = "the cluster does not say, and of what Git builds sealed Secrets alone are looked for"
		t.way.Stub.part = t.way.Placement.part
		return
	}
	placements := slices.Collect(maps.Values(t.repo.Model.Placements))
	index, err := built.All(ctx, shell.Builder(t.repo.Root), t.repo.Tree, placements, t.shell.Progress())
	if err != nil {
		t.way.Placement.part, t.way.Stub.part = why(err), why(err)
		return
	}
	namespace := t.namespace
	if t.way.Object.Missing == "" {
		namespace = t.way.Object.Namespace
	}
	for _, file := range slices.Sorted(maps.Keys(index.Uses)) {
		for _, use := range index.Uses[file] {
			if use.Name != t.name || namespace != "" && use.Namespace != namespace {
				continue
			}
			t.way.Placement.Name = use.Placement
			stubs, _ := exposure.Stubs(t.repo.Tree)
			i := slices.IndexFunc(stubs, func(s exposure.Stub) bool { return s.Path == file })
			if i >= 0 {
				t.stub(ctx, stubs[i], true)
			}
			return
		}
	}
	t.way.Stub.part = why(errors.New("no placement of the working tree builds it"))
	if t.way.Placement.Name == "" {
		t.way.Placement.part = t.way.Stub.part
	}
}

// placed says where the placement stands in the working tree.
func (t *tracer) placed() {
	name := t.way.Placement.Name
	if name == "" {
		return
	}
	p, ok := t.repo.Model.Placements[name]
	if !ok {
		t.way.Placement.Missing = fmt.Sprintf("placement %q is not in the working tree", name)
		return
	}
	t.way.Placement.File, t.way.Placement.Path = t.repo.Model.Files[api.KindPlacement+"/"+name], p.Spec.Path
	cluster := t.way.Object.Cluster
	if got, err := t.repo.Model.For(name, cluster); err == nil {
		t.way.Placement.Path = got.Spec.Path
	}
	t.way.Placement.Placed = cluster == "" || slices.Contains(t.repo.Model.PlacedOn(cluster), name)
}

func (t *tracer) locks() {
	if len(t.way.Locks.All) == 0 && t.way.Locks.Missing == "" {
		t.way.Locks.part = t.way.Stub.part
	}
}
