package keyservice_test

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/source/git"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

// shower is a token whose login shows some keys as well, as one does in which
// somebody put a root key.
type shower struct {
	*hsm.Worker

	mu    sync.Mutex
	shows []*ecdsa.PublicKey
}

func (s *shower) RootKeys(_ context.Context, known ...*ecdsa.PublicKey) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range s.shows {
		if slices.ContainsFunc(known, func(k *ecdsa.PublicKey) bool { return k.Equal(key) }) {
			return []string{`"harmless"`}, nil
		}
	}
	return nil, nil
}

func (w *world) open(token keyservice.Token, change func(*config.Config)) error {
	w.t.Helper()
	config := w.config(2)
	change(config)
	mirror, err := git.Open(w.t.TempDir(), w.repo.URL(), "main",
		git.Auth{Username: w.repo.Username, Password: w.repo.Password}, git.Limits{})
	if err != nil {
		w.t.Fatal(err)
	}
	_, err = keyservice.New(w.t.Context(), keyservice.Options{
		Config: config, Store: w.rows, Token: token, Source: mirror, Builder: kustomize.NewBuilder(kustomize.BuilderOptions{}),
		Log: slog.New(slog.NewTextHandler(w.logs, nil)), Now: w.now,
	})
	return err
}

// The service does not start beside a root key: not the pinned one, not the one
// that its successor is; nor is a root key overlooked that a head brings.
func TestARootKeyOnTheServicesLoginKeepsItFromStarting(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	f.stop()
	next := softRoot(t)
	f.serial++
	step := f.root().HandOver(t, f.serial, f.rootOf(next))
	token := &shower{Worker: f.worker}
	f.through = token
	f.start(2)
	f.eu.client, f.us.client = f.eu.dial(), f.us.dial()
	token.mu.Lock()
	token.shows = []*ecdsa.PublicKey{&next.PublicKey}
	token.mu.Unlock()
	f.head = f.commit(map[string]string{"fleet.yaml": f.signFleet(f.rootOf(next), func(s *api.FleetSpec) {
		s.RootSuccession = []string{step}
	})})
	if answers, result := f.eu.unseal(f.head, f.digest); answers.Head != f.head || !result.Granted() {
		t.Errorf("the service that runs stops: %v at %s", result.Refusal, answers.Head)
	}
	f.eventually("readiness tells the root key", func() bool {
		return strings.Contains(f.get("/readyz"), `not ready: root key: the service's login shows it a root key: "harmless"`)
	})
	f.stop()

	for name, shows := range map[string]*ecdsa.PublicKey{"the pinned key": f.made.Root, "the key that signed the accepted head": &next.PublicKey} {
		token := &shower{Worker: f.worker, shows: []*ecdsa.PublicKey{shows}}
		if err := f.open(token, func(*config.Config) {}); !errors.Is(err, keyservice.ErrRootInToken) || !strings.Contains(err.Error(), `"harmless"`) {
			t.Errorf("%s: %v, want ErrRootInToken with the label", name, err)
		}
		if err := f.open(token, func(c *config.Config) { c.RootInServiceToken = "accepted" }); err != nil {
			t.Errorf("%s, accepted: %v", name, err)
		}
	}
}
