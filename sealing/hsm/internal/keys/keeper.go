//go:build cgo

// Package keys are a fleet's keys in a token: what they may do, how they are made,
// loaded, tried and used.
package keys

import (
	"fmt"
	"sync/atomic"

	"github.com/bulla-dev/bulla/sealing/hsm/internal/token"
	"github.com/bulla-dev/bulla/sealing/hsm/internal/wire"
)

// Keeper uses the keys. It is safe for concurrent use.
type Keeper struct {
	*token.Token
	keys atomic.Pointer[map[string]*sealingKey]
}

// Open opens the token and loads the pinned keys.
func Open(h *wire.Hello) (*Keeper, error) {
	m, err := token.Load(h.Module)
	if err != nil {
		return nil, err
	}
	t, err := OpenWith(m, h)
	if err != nil {
		return nil, err
	}
	if err := t.setPins(h.Pins); err != nil {
		return nil, err
	}
	return t, nil
}

// OpenWith opens the token of a module that is loaded, and no key.
func OpenWith(m token.Module, h *wire.Hello) (*Keeper, error) {
	opened, err := token.Open(m, h)
	if err != nil {
		return nil, err
	}
	t := &Keeper{Token: opened}
	t.keys.Store(&map[string]*sealingKey{})
	return t, nil
}

// session is a session with the keys in mind.
type session struct {
	*token.Session
	keeper *Keeper
}

// do hands an operation to a session and waits for it.
func (t *Keeper) do(run func(*session) error) error {
	return t.Do(func(s *token.Session) error { return run(&session{s, t}) })
}

// Handle answers one request.
func (t *Keeper) Handle(req *wire.Request) *wire.Response {
	r, err := t.answer(req)
	if err != nil {
		return &wire.Response{Err: token.Error(fmt.Sprintf("use token for %s", req.Op), err)}
	}
	return r
}

func (t *Keeper) answer(req *wire.Request) (*wire.Response, error) {
	switch req.Op {
	case wire.OpOpen:
		return t.open(req)
	case wire.OpSign:
		return t.sign(req)
	case wire.OpSigner:
		return t.signer(req)
	case wire.OpPublic:
		return t.public(req)
	case wire.OpPin:
		return &wire.Response{}, t.setPins(req.Pins)
	case wire.OpReady:
		return &wire.Response{}, t.ready()
	case wire.OpCeremony:
		return t.ceremony(req)
	case wire.OpList:
		return t.list()
	case wire.OpCheck:
		return t.check(req)
	case wire.OpMakeSigner:
		return t.makeSigner(req)
	case wire.OpAddSealing:
		return t.addSealing(req)
	case wire.OpFree:
		return &wire.Response{}, t.do(func(s *session) error { return s.checkAllFree(req.Key) })
	case wire.OpRoots:
		return t.roots(req)
	case wire.OpForget:
		return t.forget(req)
	}
	return nil, wire.Faulty(wire.FaultSetup, "operation %d is unknown", req.Op)
}
