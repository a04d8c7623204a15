package keyservice

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/keyservice/clerk"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/sealing"
)

// ErrRootInToken reports that the service's login shows it a root key. The service
// answers the network and reads a repository that others write: who gets to run
// code in it must not be able to sign a recovery recipient or a root key of their
// own.
var ErrRootInToken = errors.New("the service's login shows it a root key")

// rootWatch keeps root keys off the service's login.
type rootWatch struct {
	*clerk.Clerk

	store knownStore
	token Token
	// pinned is the configured root key; accepted says that somebody decided to leave
	// it where the service logs in.
	pinned   string
	accepted bool
	shown    shownRoots
}

// knownStore says what was accepted before.
type knownStore interface {
	KnownFleet(ctx context.Context, fleet string) (sealing.Known, error)
}

// lookForRoots fails when one of the keys, or any that is labelled as a root key,
// is where the service logs in.
func (s *rootWatch) lookForRoots(ctx context.Context, keys ...string) error {
	var known []*ecdsa.PublicKey
	for _, text := range slices.Compact(slices.Sorted(slices.Values(keys))) {
		if text == "" {
			continue
		}
		public, err := sealing.ReadVerifierKey(text)
		if err != nil {
			return fmt.Errorf("look for root keys: read root verifier key: %w", err)
		}
		known = append(known, public)
	}
	labels, err := s.token.RootKeys(ctx, known...)
	if err != nil {
		return err
	}
	if len(labels) > 0 {
		return fmt.Errorf("%w: %s", ErrRootInToken, strings.Join(labels, ", "))
	}
	return nil
}

// refuseRoots is the look at the start: for the key that is pinned, and for the one
// that signed the newest fleet.yaml.
func (s *rootWatch) refuseRoots(ctx context.Context) error {
	last, err := s.store.KnownFleet(ctx, s.Fleet)
	if err != nil {
		return err
	}
	err = s.lookForRoots(ctx, s.pinned, last.RootKey, last.Pinned)
	s.shown.line = s.pinned // a line of more keys is looked at with its head
	if s.accepted && errors.Is(err, ErrRootInToken) {
		s.Log.Warn("a root key hangs on the service's login, as rootInServiceToken accepts", "detail", err.Error())
		return nil
	}
	return err
}

// shownRoots is what the last look at a changed line of root keys found.
type shownRoots struct {
	looking sync.Mutex // one look at a time

	mu   sync.Mutex
	line string
	err  error
}

func (r *shownRoots) problem() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

func (r *shownRoots) lookedAt(line string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.line == line
}

func (r *shownRoots) found(line string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.line, r.err = line, err
}

// watchRoots looks again when a head has another line of root keys. The service
// goes on, as refusing answers would help nobody; readiness and log say it, and
// the next start is refused. A token that cannot be asked is asked at the next head.
func (s *rootWatch) watchRoots(of *heads.Head) {
	keys, err := sealing.RootKeys(&of.Model.Fleet.Spec, s.pinned)
	if s.accepted || err != nil {
		return
	}
	s.shown.looking.Lock()
	defer s.shown.looking.Unlock()
	line := strings.Join(keys, "\n")
	if s.shown.lookedAt(line) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err = s.lookForRoots(ctx, keys...)
	if err != nil {
		s.Log.Error("the token is not as it must be, or cannot be asked about root keys", "error", err.Error())
	}
	if err == nil || errors.Is(err, ErrRootInToken) {
		s.shown.found(line, err)
	}
}
