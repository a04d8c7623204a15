package uicmd

import (
	"cmp"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/console"
	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/desk/auditlog"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/desk/trust"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/sealing"
)

// console opens the clone, and says what it shows.
func (r run) console(ctx context.Context) (*console.Console, error) {
	root, err := fleetrepo.FindRoot(r.Repo)
	if err != nil {
		return nil, err
	}
	g := gitOf{root}
	branch, err := g.counted(ctx, r.branch)
	if err != nil {
		return nil, err
	}
	c, err := clone.Open(root, branch.Ref, shell.TellingBuilder(root))
	if err != nil {
		return nil, fault.New("run it in a clone of the fleet repository: git clone", "open the console: %w", err)
	}
	s, err := c.Snapshot(ctx)
	if err != nil {
		hint := "`git log " + branch.Ref + "` shows what the clone has; another branch is named by --branch"
		return nil, fault.New(cmp.Or(fault.Hint(err), hint), "read the fleet at %s: %w", branch.Ref, err)
	}
	store, err := trust.Open()
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex // of the store's file
	rootKey := func(fleet *api.Fleet) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		return verified(store, fleet, r.RootKey)
	}
	key, err := rootKey(s.Model.Fleet)
	if err != nil {
		return nil, err
	}
	fingerprint, err := sealing.Fingerprint(key)
	if err != nil {
		return nil, fault.NewUsage(trust.VerifierKeyHint, "read the root key: %w", err)
	}
	who := newPerson(s.Model.Fleet.Spec.ID, g.person(ctx))
	r.Printf("fleet %s at %.12s of %s, %s\n", s.Model.Fleet.Metadata.Name, s.Commit, branch.Ref, branch.since())
	r.Printf("its keys verify under the root key %s\n", fingerprint)
	if p := who.is(); p.NotAsked != nil {
		r.Notef("what clusters have is not shown: %s", fault.Line(p.NotAsked))
	}
	proposals, err := console.NewProposals(ctx, root, branch.Ref, r.forge, os.Getenv)
	if err != nil {
		return nil, err
	}
	follow(ctx, c, proposals, fetchEvery)
	// What the command line saw of the log binds the pages, and the other way round.
	seen := func(fleet string) client.Checkpoints {
		return auditlog.NewMemory(filepath.Dir(store.Path()), fleet, r.Warnf)
	}
	return console.New(console.Options{Clone: c, RootKey: rootKey, Proposals: proposals, Checkpoints: seen,
		Who: func(*http.Request) (console.Person, error) { return who.is(), nil }})
}

// fetchEvery is as often as editors fetch.
const fetchEvery = 3 * time.Minute

// follow has the clone brought up to date by the person's own git: what a page waits for,
// such as a merge, would never be seen.
func follow(ctx context.Context, c *clone.Clone, p *console.Proposals, every time.Duration) {
	if p.Git.Remote != "" {
		c.Follow(ctx, every, p.Git.Fetch)
	}
}

// verified is the root key under which the fleet's keys verify. It keeps that this
// fleet.yaml was seen: what is sealed under an older one afterwards is refused.
func verified(store *trust.Store, fleet *api.Fleet, rootKey string) (string, error) {
	known, err := fleetrepo.VerifyFleet(store, fleet, rootKey)
	if err != nil {
		return "", err
	}
	if rootKey != "" {
		return rootKey, nil
	}
	pin, _, err := store.Lookup(fleet.Spec.ID)
	if err != nil {
		return "", err
	}
	return pin.RootKey, store.Remember(fleet.Spec.ID, known)
}
