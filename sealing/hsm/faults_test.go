package hsm_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/token"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/sealing"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

// Return values of PKCS#11 2.40, named as there.
const (
	ckrGeneralError        = 0x05
	ckrFunctionFailed      = 0x06
	ckrSlotIDInvalid       = 0x03
	ckrDeviceError         = 0x30
	ckrDeviceRemoved       = 0x32
	ckrObjectHandleInvalid = 0x82
	ckrSessionCount        = 0xB1
	ckrSessionHandleBad    = 0xB3
	ckrUserNotLoggedIn     = 0x101
)

func TestPassingFaultsCostNoClientAnError(t *testing.T) {
	for name, f := range map[string]struct {
		function string
		ckr      uint
		every    int
	}{
		"a session is lost at every seventh derivation":  {"C_DeriveKey", ckrSessionHandleBad, 7},
		"a session is lost at every seventh reading":     {"C_GetAttributeValue", ckrSessionHandleBad, 7},
		"the login is lost at every fifth derivation":    {"C_DeriveKey", ckrUserNotLoggedIn, 5},
		"handles are lost at every fifth derivation":     {"C_DeriveKey", ckrObjectHandleInvalid, 5},
		"the token is busy at every fourth derivation":   {"C_DeriveKey", ckrFunctionFailed, 4},
		"the derived object is lost at every destroying": {"C_DestroyObject", ckrSessionHandleBad, 5},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, api.SuiteP256, func(c *hsm.Config) { c.Sessions = 3 })
			b.fault(t, f.function, f.ckr, f.every, 0)
			b.hammer(t, 8, 25)
			if s := b.worker.Stats(); s.Restarts != 0 || s.Failures != 0 {
				t.Errorf("the worker was replaced or failed: %+v", s)
			}
			if n := b.calls(t, "C_DeriveKey"); n <= 8*25 {
				t.Errorf("%d derivations for %d operations: no fault was met", n, 8*25)
			}
		})
	}
}

// hammer runs n operations in each of g goroutines; none may fail.
func (b *bench) hammer(t *testing.T, g, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range g {
		wg.Go(func() {
			for k := range n {
				if err := b.roundTrip(t, fmt.Sprint(i, k)); err != nil {
					t.Errorf("operation %d of goroutine %d: %v", k, i, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestALostTokenReplacesTheWorkerOnce(t *testing.T) {
	for name, ckr := range map[string]uint{
		"a general error, as SoftHSM gives for a lost token": ckrGeneralError,
		"a device error":                   ckrDeviceError,
		"a device without memory":          0x31,
		"a token that was removed":         ckrDeviceRemoved,
		"a token that is not present":      0xE0,
		"a token that is not recognised":   0xE1,
		"a library that lost its start":    0x190,
		"a host without memory":            0x02,
		"a slot that is nobody's any more": ckrSlotIDInvalid,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, api.SuiteP256, nil)
			pid := b.worker.Pid()
			b.fault(t, "C_DeriveKey", ckr, 3, 0)
			for i := range 2 {
				if err := b.roundTrip(t, fmt.Sprint(i)); err != nil {
					t.Fatal(err)
				}
			}
			if b.worker.Pid() != pid {
				t.Error("the worker was replaced without a fault")
			}
			if err := b.roundTrip(t, "the third"); err != nil {
				t.Errorf("the operation that met the fault: %v", err)
			}
			if b.worker.Pid() == pid {
				t.Error("the worker was not replaced: C_Initialize alone brings some tokens back")
			}
			if s := b.worker.Stats(); s.Restarts != 1 || s.Failures != 0 {
				t.Errorf("it was replaced more than once, or a caller was failed: %+v", s)
			}
		})
	}
}

func TestTheBreakerOpensForASickTokenAndClosesByItself(t *testing.T) {
	b := newBench(t, api.SuiteHybrid, nil)
	b.fault(t, "C_DeriveKey", ckrDeviceRemoved, 1, 0)
	for range 4 {
		err := b.roundTrip(t, "x")
		var unavailable *hsm.UnavailableError
		if !errors.As(err, &unavailable) || unavailable.RetryAfter <= 0 || errors.Is(err, sealing.ErrOpen) {
			t.Fatalf("open on a removed token: %v, want UnavailableError with a pause", err)
		}
	}
	if b.worker.Stats().Healthy || b.worker.Sick() == nil {
		t.Error("healthy without a token")
	}
	if err := b.worker.Ready(t.Context()); err == nil {
		t.Error("ready without a token")
	}
	b.heal(t)
	wait.Until(t, "the breaker closes", func() bool { return b.roundTrip(t, "x") == nil })
	if err := b.worker.Ready(t.Context()); err != nil {
		t.Errorf("ready after the token came back: %v", err)
	}
	if err := b.worker.Sick(); err != nil {
		t.Errorf("sick after the token came back: %v", err)
	}
}

func TestAnOpenBreakerSparesTheToken(t *testing.T) {
	b := newBench(t, api.SuiteP256, nil)
	b.fault(t, "C_DeriveKey", ckrDeviceRemoved, 1, 0)
	b.fault(t, "C_Initialize", ckrGeneralError, 1, 0) // keeps new processes from getting further
	if err := b.roundTrip(t, "x"); err == nil {
		t.Fatal("opened on a removed token")
	}
	before := b.calls(t, "C_DeriveKey")
	for range 100 {
		if err := b.roundTrip(t, "x"); err == nil {
			t.Fatal("opened on a removed token")
		}
	}
	if n := b.calls(t, "C_DeriveKey") - before; n != 0 {
		t.Errorf("%d derivations while the breaker was open, want none", n)
	}
}

func TestABadStubNeverOpensTheBreaker(t *testing.T) {
	for _, suite := range []api.Suite{api.SuiteHybrid, api.SuiteP256} {
		t.Run(string(suite), func(t *testing.T) {
			b := newBench(t, suite, nil)
			good := seal(t, b.made.Sealing, "info", "x")
			pid := b.worker.Pid()
			for name, bad := range badCiphertexts(suite, good) {
				before := b.calls(t, "C_DeriveKey")
				for range 5 {
					if _, err := b.worker.Open(t.Context(), keyID, []byte("info"), bad.ciphertext); !errors.Is(err, sealing.ErrOpen) {
						t.Errorf("%s: %v, want ErrOpen", name, err)
					}
				}
				if n := b.calls(t, "C_DeriveKey") - before; n != 5*bad.cost {
					t.Errorf("%s: %d derivations in 5 attempts, want %d", name, n, 5*bad.cost)
				}
			}
			if _, err := b.worker.Open(t.Context(), keyID, []byte("another info"), good); !errors.Is(err, sealing.ErrOpen) {
				t.Errorf("another binding: %v, want ErrOpen", err)
			}
			if s := b.worker.Stats(); !s.Healthy || s.Failures != 0 || s.Restarts != 0 || b.worker.Pid() != pid {
				t.Errorf("bad ciphertexts moved the breaker: %+v", s)
			}
			if err := b.roundTrip(t, "still well"); err != nil {
				t.Error(err)
			}
		})
	}
}

type badCiphertext struct {
	ciphertext []byte
	cost       uint64 // derivations
}

// badCiphertexts spoils a good one. Only what is well-formed reaches the token.
func badCiphertexts(suite api.Suite, good []byte) map[string]badCiphertext {
	at := 0 // where the point begins
	if suite == api.SuiteHybrid {
		at = 1088 // FIPS 203, table 3: an ML-KEM-768 ciphertext
	}
	change := func(f func([]byte)) []byte {
		c := append([]byte(nil), good...)
		f(c)
		return c
	}
	return map[string]badCiphertext{
		"nothing":               {nil, 0},
		"one byte":              {[]byte{4}, 0},
		"cut inside the point":  {good[:at+64], 0},
		"a point off the curve": {change(func(c []byte) { c[at+64] ^= 1 }), 0},
		"a compressed point":    {change(func(c []byte) { c[at] = 2 }), 0},
		"the point at infinity": {change(func(c []byte) { clear(c[at : at+65]) }), 0},
		"zero coordinates":      {change(func(c []byte) { clear(c[at+1 : at+65]) }), 0},
		"coordinates above p": {change(func(c []byte) {
			for i := at + 1; i < at+65; i++ {
				c[i] = 0xff
			}
		}), 0},
		"no tag":     {good[:at+65], 1},
		"a bad tag":  {change(func(c []byte) { c[len(c)-1] ^= 1 }), 1},
		"a long one": {append(append([]byte(nil), good...), 0), 1},
	}
}

// shortDeadline is one that a test waits out, and that no operation of a token that is
// well takes, on a busy machine neither.
const shortDeadline = 2 * time.Second

func TestAHungTokenIsKilledAndTheOperationRetried(t *testing.T) {
	b := newBench(t, api.SuiteP256, func(c *hsm.Config) { c.Deadline = shortDeadline })
	pid, before := b.worker.Pid(), b.calls(t, "C_DeriveKey")
	b.fault(t, "C_DeriveKey", 0, 1, time.Hour)
	opened := make(chan error, 1)
	go func() { opened <- b.roundTrip(t, "through a hang") }()
	wait.Until(t, "the call hangs", func() bool { return b.calls(t, "C_DeriveKey") > before })
	b.heal(t)
	if err := <-opened; err != nil {
		t.Errorf("the operation that met the hang: %v", err)
	}
	if b.worker.Pid() == pid {
		t.Error("the hung worker was not replaced")
	}
	wait.Until(t, "the hung process is gone", func() bool { return syscall.Kill(pid, 0) != nil })
	if err := b.roundTrip(t, "afterwards"); err != nil {
		t.Error(err)
	}
}

func TestATokenThatStaysHungIsReportedAndComesBack(t *testing.T) {
	b := newBench(t, api.SuiteP256, func(c *hsm.Config) { c.Deadline = shortDeadline / 4 })
	b.fault(t, "C_DeriveKey", 0, 1, time.Hour)
	var unavailable *hsm.UnavailableError
	if err := b.roundTrip(t, "x"); !errors.As(err, &unavailable) {
		t.Fatalf("open on a hung token: %v, want UnavailableError", err)
	}
	b.heal(t)
	wait.Until(t, "the token is used again", func() bool { return b.roundTrip(t, "x") == nil })
}

func TestAHangIsNoticedAfterTheCallerLeft(t *testing.T) {
	b := newBench(t, api.SuiteP256, func(c *hsm.Config) { c.Deadline, c.Sessions = shortDeadline, 1 })
	pid, before := b.worker.Pid(), b.calls(t, "C_DeriveKey")
	b.fault(t, "C_DeriveKey", 0, 1, time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	sealed := seal(t, b.made.Sealing, "info", "x")
	go func() {
		_, err := b.worker.Open(ctx, keyID, []byte("info"), sealed)
		left <- err
	}()
	wait.Until(t, "the call hangs", func() bool { return b.calls(t, "C_DeriveKey") > before })
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller that left: %v, want its own context's error", err)
	}
	b.heal(t)
	wait.Until(t, "the worker is replaced", func() bool { now := b.worker.Pid(); return now != 0 && now != pid })
}

func TestAKilledWorkerIsReplaced(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{
		"killed": syscall.SIGKILL, "crashed in the module": syscall.SIGSEGV, "stopped": syscall.SIGSTOP,
	} { // the last is seen by the deadline alone
		t.Run(name, func(t *testing.T) {
			b := newBench(t, api.SuiteHybrid, func(c *hsm.Config) { c.Deadline = 2 * shortDeadline })
			before := b.calls(t, "C_Login") // the ceremony's, and the worker's
			var done atomic.Int64
			var wg sync.WaitGroup
			for g := range 4 {
				wg.Go(func() {
					for i := range 40 {
						if err := b.roundTrip(t, fmt.Sprint(g, i)); err != nil {
							t.Errorf("operation %d of goroutine %d: %v", i, g, err)
						}
						done.Add(1)
					}
				})
			}
			wait.Until(t, "operations are under way", func() bool { return done.Load() > 20 })
			if err := syscall.Kill(b.worker.Pid(), signal); err != nil {
				t.Fatal(err)
			}
			wg.Wait()
			if s := b.worker.Stats(); s.Restarts != 1 {
				t.Errorf("%d replacements, want 1", s.Restarts)
			}
			if n := b.calls(t, "C_Login") - before; n != 1 { // its successor
				t.Errorf("%d log-ins, want one for each process", n)
			}
		})
	}
}

func TestATokenThatWentAwayComesBack(t *testing.T) {
	b := newBench(t, api.SuiteHybrid, nil)
	tokens, away := filepath.Join(b.token.Dir, "tokens"), filepath.Join(b.token.Dir, "away")
	if err := os.Rename(tokens, away); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "the loss is noticed", func() bool { return b.roundTrip(t, "x") != nil })
	if err := os.RemoveAll(tokens); err != nil { // SoftHSM may have made an empty one
		t.Fatal(err)
	}
	if err := os.Rename(away, tokens); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "the token is used again", func() bool { return b.roundTrip(t, "x") == nil })
}

func TestAReplacedTokenIsNeverServed(t *testing.T) {
	b := newBench(t, api.SuiteP256, nil)
	// The same labels with other keys, as after somebody initialised it again.
	tokens := filepath.Join(b.token.Dir, "tokens")
	if err := os.Rename(tokens, filepath.Join(b.token.Dir, "away")); err != nil {
		t.Fatal(err)
	}
	for _, each := range []*token.Token{b.token, b.token.Root} {
		if err := each.Initialise(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.token.Ceremony(fleet, keyID, api.SuiteP256); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(b.worker.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "the other key is refused", func() bool { return errors.Is(b.roundTrip(t, "x"), hsm.ErrWrongKey) })
	if b.worker.Stats().Healthy {
		t.Error("healthy with another key")
	}
}
