package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console"
	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/console/remote"
	"github.com/bulla-dev/bulla/desk/auditlog"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/desk/trust"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/sealing"
)

// fetchEvery is how long pages may be behind the remote, unless somebody waits for a merge.
const fetchEvery = time.Minute

// fleet is what the pages are of.
type fleet struct {
	remote  *remote.Clone
	clone   *clone.Clone
	options console.Options
}

// open opens the clone, and fetches: pages of what was fetched before the last end are better
// than none, but none at all is an error.
func (o *options) open(ctx context.Context, log *slog.Logger) (*fleet, error) {
	accounts, place, err := o.forge.accounts(o.url, o.repository)
	if err != nil {
		return nil, err
	}
	at, err := remote.Open(ctx, o.data, o.repository, o.credentials)
	if err != nil {
		return nil, err
	}
	branch, err := at.Counts(ctx, o.branch)
	if err != nil {
		return nil, err
	}
	fetched := at.Fetch(ctx)
	if fetched != nil {
		log.Warn("the repository cannot be fetched", "error", fetched.Error(), "hint", fault.Hint(fetched))
	}
	builder := kustomize.NewBuilder(kustomize.BuilderOptions{})
	opened, err := clone.Open(at.Folder, branch, builder)
	if err != nil {
		return nil, err
	}
	pin := &pin{store: trust.OpenIn(o.data), key: o.rootKey}
	opened.Verify = func(f *api.Fleet) error {
		_, err := pin.verified(f)
		return err
	}
	if _, err := opened.Snapshot(ctx); err != nil {
		if fetched != nil {
			return nil, errors.Join(fetched, err) // the cause first
		}
		log.Warn("the fleet cannot be shown", "error", err.Error(), "hint", fault.Hint(err))
	}
	remembering := func(fleet string) client.Checkpoints {
		return auditlog.NewMemory(o.data, fleet, func(format string, args ...any) {
			log.Warn("what was seen of the audit log is not kept", "error", fmt.Sprintf(format, args...))
		})
	}
	return &fleet{at, opened, console.Options{Clone: opened, RootKey: pin.verified, Checkpoints: remembering,
		Accounts: accounts,
		Proposals: &console.Proposals{Reading: at.Repository, Place: place,
			Base: strings.TrimPrefix(branch, "refs/remotes/"+remote.Name+"/"),
			Bars: fault.New("an operator of the console gives it --forge, and you connect your account",
				"this console proposes nothing in your name: it knows no account of yours at a forge")}}}, nil
}

func (f *fleet) follow(ctx context.Context) { f.clone.Follow(ctx, fetchEvery, f.remote.Fetch) }

// pin is the root key that an operator gave, and the newest fleet.yaml that was shown.
type pin struct {
	store *trust.Store
	key   string

	mu sync.Mutex // of the store's file
}

// verified is the root key of a fleet whose keys verify under it, and which is no older than
// one that did.
func (p *pin) verified(f *api.Fleet) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before, was, err := p.store.Lookup(f.Spec.ID)
	if err != nil {
		return "", err
	}
	if was && before.RootKey != p.key {
		// The operator's word counts: the file is what this program wrote.
		if err := p.store.Add(trust.Pin{Fleet: f.Spec.ID, Name: f.Metadata.Name, RootKey: p.key}, true); err != nil {
			return "", err
		}
	}
	known, err := fleetrepo.VerifyFleet(p.store, f, p.key)
	if err != nil {
		return "", fault.WithHint(err, whyNot(err))
	}
	if !was {
		if err := p.store.Add(trust.Pin{Fleet: f.Spec.ID, Name: f.Metadata.Name, RootKey: p.key}, false); err != nil {
			return "", err
		}
	}
	return p.key, p.store.Remember(f.Spec.ID, known)
}

// whyNot says what to do about a fleet that does not verify.
func whyNot(err error) string {
	if errors.Is(err, sealing.ErrRolledBack) {
		return "this console showed a newer one before: an operator looks at who put the older one back; where that is " +
			"right, the fleet's entry in trust.yaml of --data goes, while the console does not run"
	}
	return "it may be another fleet, or somebody changed its keys: an operator compares --root-key with what " +
		"`bulla-keyservice init` printed, and looks at who changed fleet.yaml"
}
