//go:build cgo

package hsm

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/miekg/pkcs11"
)

// token is the token inside the worker process: the module, the login, and the
// sessions that work off jobs.
type token struct {
	m     module
	slot  uint
	pin   string
	fleet string
	jobs  chan *job
	keys  atomic.Pointer[map[string]*sealingKey]

	sessions sync.WaitGroup

	logins atomic.Uint64 // changes with each login; handles of before are dead
	mu     sync.Mutex
	keeper pkcs11.SessionHandle // holds the login and does nothing else
	// refused is set for ever once the token refused the PIN.
	refused error
}

func openBackend(h *hello) (backend, error) {
	m, err := loadModule(h.Module)
	if err != nil {
		return nil, err
	}
	t, err := openToken(m, h)
	if err != nil {
		return nil, err
	}
	if err := t.setPins(h.Pins); err != nil {
		return nil, err
	}
	return t, nil
}

// openToken logs in once and opens the sessions one after the other: to open
// them together would try a wrong PIN as often, and lock the token.
func openToken(m module, h *hello) (*token, error) {
	slot, err := awaitSlot(m, h.Token)
	if err != nil {
		return nil, err
	}
	t := &token{m: m, slot: slot, pin: h.PIN, fleet: h.Fleet, jobs: make(chan *job, 4*h.Sessions)}
	t.keys.Store(&map[string]*sealingKey{})
	if t.keeper, err = m.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION); err != nil {
		return nil, tokenError("open session", err)
	}
	if err := t.relogin(0); err != nil {
		return nil, err
	}
	for i := range h.Sessions {
		handle, err := m.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
		if errors.Is(err, pkcs11.Error(pkcs11.CKR_SESSION_COUNT)) {
			return nil, &workerError{Fault: faultSetup, Text: fmt.Sprintf("open session %d of %d: %v", i+1, h.Sessions, err),
				Hint: "the token's table of sessions is full: lower token.sessions, or end what else uses the token"}
		}
		if err != nil {
			return nil, tokenError("open session", err)
		}
		s := newSession(t, handle)
		t.sessions.Go(s.loop)
	}
	return t, nil
}

// relogin logs in unless somebody else did since the login numbered seen.
func (t *token) relogin(seen uint64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refused != nil {
		return t.refused
	}
	if t.logins.Load() != seen {
		return nil
	}
	err := t.m.Login(t.keeper, pkcs11.CKU_USER, t.pin)
	if recoveryOf(err) == recoverSession {
		if t.keeper, err = t.m.OpenSession(t.slot, pkcs11.CKF_SERIAL_SESSION); err == nil {
			err = t.m.Login(t.keeper, pkcs11.CKU_USER, t.pin)
		}
	}
	switch {
	case err == nil, errors.Is(err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN)):
		t.logins.Add(1)
		return nil
	case pinRefused(err):
		t.refused = faulty(faultPIN, "log in: %v (%v)", ErrPIN, err)
		return t.refused
	default:
		return tokenError("log in", err)
	}
}

// do hands an operation to a session and waits for it.
func (t *token) do(run func(*session) error) error {
	j := &job{run: run, done: make(chan error, 1)}
	t.jobs <- j
	return <-j.done
}

func (t *token) close() {
	close(t.jobs)
	t.sessions.Wait()
	_ = t.m.Finalize() // the process ends either way
}

func (t *token) handle(req *request) *response {
	r, err := t.answer(req)
	if err != nil {
		return &response{Err: tokenError(fmt.Sprintf("use token for %s", req.Op), err)}
	}
	return r
}

func (t *token) answer(req *request) (*response, error) {
	switch req.Op {
	case opOpen:
		return t.open(req)
	case opSign:
		return t.sign(req)
	case opSigner:
		return t.signer(req)
	case opPublic:
		return t.public(req)
	case opPin:
		return &response{}, t.setPins(req.Pins)
	case opReady:
		return &response{}, t.ready()
	case opRandom:
		return t.random(req)
	case opCeremony:
		return t.ceremony(req)
	case opList:
		return t.list()
	case opCheck:
		return t.check(req)
	case opMakeSigner:
		return t.makeSigner(req)
	case opAddSealing:
		return t.addSealing(req)
	case opFree:
		return &response{}, t.do(func(s *session) error { return s.checkAllFree(req.Key) })
	case opRoots:
		return t.roots(req)
	case opForget:
		return t.forget(req)
	}
	return nil, faulty(faultSetup, "operation %d is unknown", req.Op)
}
