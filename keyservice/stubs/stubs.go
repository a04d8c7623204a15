// Package stubs keeps stubs that references in Git name, and collects those that none
// does. A stub that is kept is inert: what opens is what the accepted head places, and a
// stub comes into a decision through a reference of the head alone.
package stubs

import (
	"context"
	"errors"
	"fmt"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/clerk"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// Keeping answers PutStub and GetStub.
type Keeping struct {
	*clerk.Clerk

	Store Store
	// Bounds are of the configuration, with its defaults.
	Bounds config.Stubs
}

// Store is what is asked of the store.
type Store interface {
	// PutStub says store.ErrStubQuota and store.ErrStubsFull beyond the room.
	PutStub(fleet, person string, data []byte, room store.StubRoom, now time.Time, was *bool) store.Change
	// Stub returns store.ErrNotFound when there is none.
	Stub(ctx context.Context, fleet, digest string) ([]byte, error)
	// CollectStubs removes what was put before the window and no head of it names.
	CollectStubs(ctx context.Context, fleet string, now time.Time, window time.Duration) (int64, error)
}

// PutStub keeps a stub. The row and its entry are one transaction.
func (s *Keeping) PutStub(ctx context.Context, in *keyservicev1.PutStubRequest) (*keyservicev1.PutStubResponse, error) {
	who, err := authority.CallingPerson(ctx)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonCertificate, err)
	}
	data := in.GetStub()
	if err := check(data); err != nil {
		return nil, s.Refuse(keyservicev1.ReasonRequest, err, "person", who.Name)
	}
	out := &keyservicev1.PutStubResponse{Digest: api.StubDigest(data)}
	e := who.Entry(audit.Stub, audit.Done, fmt.Sprintf("put, %d bytes", len(data)))
	e.Digest = out.Digest
	room := store.StubRoom{Person: s.Bounds.PerPerson, All: s.Bounds.InAll}
	_, err = s.Journal.Append(ctx, []audit.Entry{e}, s.Store.PutStub(s.Fleet, who.Name, data, room, s.Now(), &out.Was))
	switch {
	case errors.Is(err, store.ErrStubQuota), errors.Is(err, store.ErrStubsFull):
		e.Outcome = keyservicev1.ReasonStubQuota
		return nil, s.RefuseRecorded(ctx, e, err)
	case err != nil:
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "person", who.Name)
	}
	return out, nil
}

// check takes stubs alone: what is kept is ciphertext, and what is public beside it. A
// store of any bytes would be a place to leave a value in, by mistake, for all
// developers to read.
func check(data []byte) error {
	if len(data) > api.MaxStoredStub {
		return fmt.Errorf("the stub has %d bytes, the most is %d", len(data), api.MaxStoredStub)
	}
	if _, err := api.ParseSealedManifest("stub", data); err != nil {
		return errors.New("it is no stub that parses") // err repeats parts of it
	}
	return nil
}

// GetStub returns a stub that is kept. Ciphertext, as in a clone of the repository.
func (s *Keeping) GetStub(ctx context.Context, in *keyservicev1.GetStubRequest) (*keyservicev1.GetStubResponse, error) {
	who, err := authority.CallingPerson(ctx)
	if err != nil {
		return nil, s.Refuse(keyservicev1.ReasonCertificate, err)
	}
	digest := in.GetDigest()
	if !hexid.IsDigest(digest) {
		return nil, s.Refuse(keyservicev1.ReasonRequest, errors.New("digest is none"), "person", who.Name)
	}
	data, err := s.Store.Stub(ctx, s.Fleet, digest)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, s.Refuse(keyservicev1.ReasonNoStub, err, "person", who.Name)
	case err != nil:
		return nil, s.Refuse(keyservicev1.ReasonUnavailable, err, "person", who.Name)
	case api.StubDigest(data) != digest:
		// Only who writes into the database can do this.
		return nil, s.Refuse(keyservicev1.ReasonUnavailable,
			fmt.Errorf("the bytes that are kept as stub %s have another hash", digest), "person", who.Name)
	}
	return &keyservicev1.GetStubResponse{Stub: data}, nil
}

// Collect removes, now and every so often, what is older than the rollback window and
// named by no head of it, until ctx ends.
func (s *Keeping) Collect(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		removed, err := s.Store.CollectStubs(ctx, s.Fleet, s.Now(), time.Duration(s.Bounds.Window))
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.Log.Warn("stubs are not collected", "error", err.Error())
		case removed > 0:
			s.Log.Info("stubs that no head of the rollback window names are removed", "stubs", removed)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
