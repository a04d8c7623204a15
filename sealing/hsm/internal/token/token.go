//go:build cgo

// Package token is a PKCS#11 token inside of the worker's process: the module, the login,
// and the sessions that work off jobs.
package token

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/miekg/pkcs11"

	"github.com/bulla-dev/bulla/sealing/hsm/internal/wire"
)

// Token is the token inside the worker process: the module, the login, and the
// sessions that work off jobs.
type Token struct {
	Module Module
	// Slot is where the token is.
	Slot uint
	pin  string
	// Fleet is whose keys are looked for.
	Fleet string
	jobs  chan *job

	sessions sync.WaitGroup

	logins atomic.Uint64 // changes with each login; handles of before are dead
	mu     sync.Mutex
	keeper pkcs11.SessionHandle // holds the login and does nothing else
	// refused is set for ever once the token refused the PIN.
	refused error
}

// Open logs in once and opens the sessions one after the other: to open
// them together would try a wrong PIN as often, and lock the token.
func Open(m Module, h *wire.Hello) (*Token, error) {
	slot, err := awaitSlot(m, h.Token)
	if err != nil {
		return nil, err
	}
	t := &Token{Module: m, Slot: slot, pin: h.PIN, Fleet: h.Fleet, jobs: make(chan *job, 4*h.Sessions)}
	if t.keeper, err = m.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION); err != nil {
		return nil, Error("open session", err)
	}
	if err := t.relogin(0); err != nil {
		return nil, err
	}
	for i := range h.Sessions {
		handle, err := m.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
		if errors.Is(err, pkcs11.Error(pkcs11.CKR_SESSION_COUNT)) {
			return nil, &wire.Error{Fault: wire.FaultSetup, Text: fmt.Sprintf("open session %d of %d: %v", i+1, h.Sessions, err),
				Hint: "the token's table of sessions is full: lower token.sessions, or end what else uses the token"}
		}
		if err != nil {
			return nil, Error("open session", err)
		}
		s := newSession(t, handle)
		t.sessions.Go(s.loop)
	}
	return t, nil
}

// relogin logs in unless somebody else did since the login numbered seen.
func (t *Token) relogin(seen uint64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refused != nil {
		return t.refused
	}
	if t.logins.Load() != seen {
		return nil
	}
	err := t.Module.Login(t.keeper, pkcs11.CKU_USER, t.pin)
	if recoveryOf(err) == recoverSession {
		if t.keeper, err = t.Module.OpenSession(t.Slot, pkcs11.CKF_SERIAL_SESSION); err == nil {
			err = t.Module.Login(t.keeper, pkcs11.CKU_USER, t.pin)
		}
	}
	switch {
	case err == nil, errors.Is(err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN)):
		t.logins.Add(1)
		return nil
	case pinRefused(err):
		t.refused = wire.Faulty(wire.FaultPIN, "log in: %v (%v)", wire.ErrPIN, err)
		return t.refused
	default:
		return Error("log in", err)
	}
}

// Do hands an operation to a session and waits for it.
func (t *Token) Do(run func(*Session) error) error {
	j := &job{run: run, done: make(chan error, 1)}
	t.jobs <- j
	return <-j.done
}

// Close lets the jobs under way end, and finalises the module.
func (t *Token) Close() {
	close(t.jobs)
	t.sessions.Wait()
	_ = t.Module.Finalize() // the process ends either way
}

// Writable runs an operation in a session of its own, which may make and destroy
// keys: the others are read-only, so that a worker that serves can do neither.
func (t *Token) Writable(run func(*Session) error) error {
	handle, err := t.Module.OpenSession(t.Slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return Error("open session", err)
	}
	defer func() { _ = t.Module.CloseSession(handle) }() // the process ends next
	return run(newSession(t, handle))
}
