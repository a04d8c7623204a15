package hsm_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/token"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/sealing"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

// What happens to a token beside being sick: it is slow or full, its slot, its
// keys and its PIN change, and it comes back from a backup.

func TestASlotThatWasRenumberedIsFoundAgain(t *testing.T) {
	b := newBench(t, api.SuiteHybrid, func(c *hsm.Config) { c.Sessions = 2 })
	if err := b.token.ShiftSlots(7); err != nil {
		t.Fatal(err)
	}
	if err := b.roundTrip(t, "on the sessions that are open"); err != nil {
		t.Error(err)
	}
	b.fault(t, "C_DeriveKey", ckrSessionHandleBad, 3, 0)
	b.hammer(t, 4, 10)
	if s := b.worker.Stats(); s.Failures != 0 || s.Restarts == 0 {
		t.Errorf("a caller was failed, or nothing had to be found again: %+v", s)
	}
}

func TestATokenIsFoundByItsLabelAmongOthersWhateverItsSlot(t *testing.T) {
	b := newBench(t, api.SuiteP256, nil)
	for i := range 3 {
		more := exec.Command("softhsm2-util", "--init-token", "--free", "--label", fmt.Sprint("other-", i), "--pin", "1234",
			"--so-pin", "12345678")
		more.Env = append(os.Environ(), b.token.Env...)
		if out, err := more.CombinedOutput(); err != nil {
			t.Fatalf("make another token: %v\n%s", err, out)
		}
	}
	if err := syscall.Kill(b.worker.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := b.roundTrip(t, "among four tokens"); err != nil {
		t.Error(err)
	}
}

func TestASlowTokenIsWaitedFor(t *testing.T) {
	b := newBench(t, api.SuiteP256, func(c *hsm.Config) { c.Sessions, c.Deadline = 2, 30*time.Second })
	b.fault(t, "C_DeriveKey", 0, 1, 100*time.Millisecond)
	b.hammer(t, 4, 4)
	if s := b.worker.Stats(); s.Failures != 0 || s.Restarts != 0 || !s.Healthy {
		t.Errorf("slowness was taken for sickness: %+v", s)
	}
	if err := b.worker.Ready(t.Context()); err != nil {
		t.Errorf("a slow token is ready all the same: %v", err)
	}
}

func TestAFullSessionTableIsReportedAndLeftWithoutARestart(t *testing.T) {
	b := newBench(t, api.SuiteP256, func(c *hsm.Config) { c.Sessions = 2 })
	b.fault(t, "C_OpenSession", ckrSessionCount, 1, 0)
	if err := b.roundTrip(t, "on the sessions that are open"); err != nil {
		t.Errorf("a full table harms nobody who has a session: %v", err)
	}
	b.fault(t, "C_DeriveKey", ckrSessionHandleBad, 1, 0)
	var unavailable *hsm.UnavailableError
	wait.Until(t, "it is not ready", func() bool { return errors.As(b.worker.Ready(t.Context()), &unavailable) })
	if err := b.roundTrip(t, "x"); !errors.As(err, &unavailable) || errors.Is(err, sealing.ErrOpen) {
		t.Errorf("open without a session: %v, want UnavailableError", err)
	}
	b.heal(t)
	wait.Until(t, "it is ready again", func() bool { return b.worker.Ready(t.Context()) == nil })
	if err := b.roundTrip(t, "afterwards"); err != nil {
		t.Error(err)
	}
}

func TestStartingOnAFullSessionTableSaysSo(t *testing.T) {
	tok := token.ForTest(t)
	if err := tok.Fault("C_OpenSession", ckrSessionCount, 2, 0); err != nil { // the keeper, and no more
		t.Fatal(err)
	}
	cfg := tok.Config(fleet)
	cfg.Sessions = 2
	var setup *hsm.SetupError
	_, err := hsm.Start(t.Context(), cfg, nil)
	if !errors.As(err, &setup) || !strings.Contains(err.Error(), "CKR_SESSION_COUNT") ||
		!strings.Contains(setup.Hint, "token.sessions") {
		t.Errorf("start: %v, want a SetupError that names CKR_SESSION_COUNT and token.sessions", err)
	}
}

// SoftHSM crashes when a key that is in use is destroyed, and other tokens say
// that the handle is bad. Either way the label is looked up again, and another
// key is there.
func TestAKeyReplacedUnderItsLabelIsNeverUsed(t *testing.T) {
	for name, meet := range map[string]func(*testing.T, *bench){
		"when the old key is used": func(*testing.T, *bench) {},
		"when the label is looked up again": func(t *testing.T, b *bench) {
			log, err := b.worker.Signer(t.Context(), hsm.SignerLabel(fleet, hsm.RoleLog))
			if err != nil {
				t.Fatal(err)
			}
			// Every other signature loses the handles, those of all sessions.
			b.fault(t, "C_SignInit", ckrObjectHandleInvalid, 2, 0)
			digest := sha256.Sum256(nil)
			for range 4 {
				if _, err := log.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
					t.Fatal(err)
				}
			}
			b.heal(t)
		},
	} {
		for _, suite := range []api.Suite{api.SuiteHybrid, api.SuiteP256} {
			t.Run(fmt.Sprintf("%s, %s", name, suite), func(t *testing.T) {
				b := newBench(t, suite, func(c *hsm.Config) { c.Sessions = 3 })
				b.hammer(t, 6, 5)
				destroy(t, b.token, hsm.SealingLabel(fleet, keyID))
				if _, err := hsm.AddSealingKey(b.token.Config(fleet), fleet, keyID, suite); err != nil {
					t.Fatal(err)
				}
				meet(t, b)
				b.refusesTheKey(t)
			})
		}
	}
}

// refusesTheKey wants nobody's stub to be blamed, which would be ErrOpen and
// final, and the reason to be reported.
func (b *bench) refusesTheKey(t *testing.T) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			var unavailable *hsm.UnavailableError
			if err := b.roundTrip(t, fmt.Sprint(i)); !errors.As(err, &unavailable) {
				t.Errorf("open: %v, want UnavailableError", err)
			}
		})
	}
	wg.Wait()
	wait.Until(t, "the other key is reported",
		func() bool { return errors.Is(b.worker.Ready(t.Context()), hsm.ErrWrongKey) })
	if b.worker.Stats().Healthy {
		t.Error("healthy with another key")
	}
}

func TestAPINThatWasChangedIsTriedOnce(t *testing.T) {
	var said bytes.Buffer // a logger serialises
	b := newBench(t, api.SuiteP256, func(c *hsm.Config) {
		c.Sessions, c.Logger = 3, slog.New(slog.NewTextHandler(&said, nil))
	})
	changePIN(t, b.token, "another PIN")
	if err := b.roundTrip(t, "on the login that stands"); err != nil {
		t.Error(err)
	}
	before := b.calls(t, "C_Login")
	if err := syscall.Kill(b.worker.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "the refusal is reported", func() bool { return errors.Is(b.worker.Ready(t.Context()), hsm.ErrPIN) })
	var unavailable *hsm.UnavailableError
	for range 50 {
		if err := b.roundTrip(t, "x"); !errors.As(err, &unavailable) || !errors.Is(err, hsm.ErrPIN) {
			t.Fatalf("open: %v, want ErrPIN in an UnavailableError", err)
		}
	}
	b.worker.Close()
	if n := b.calls(t, "C_Login") - before; n != 1 {
		t.Errorf("%d log-ins with the old PIN, want 1: tokens lock", n)
	}
	if !strings.Contains(said.String(), "it is not tried again before a restart") ||
		strings.Contains(said.String(), b.token.PIN) {
		t.Errorf("the log says: %s", said.String())
	}
	cfg := b.token.Config(fleet)
	cfg.PIN, cfg.PinnedKeys = "another PIN", []api.SealingKey{b.made.Key}
	b.worker = start(t, cfg)
	if err := b.roundTrip(t, "with the new PIN"); err != nil {
		t.Error(err)
	}
}

// The ML-KEM half is derived from a key in the token, so a copy of the token is
// a copy of the whole sealing key.
func TestATokenRestoredFromBackupOpensWhatWasSealedBefore(t *testing.T) {
	for _, suite := range []api.Suite{api.SuiteHybrid, api.SuiteP256} {
		t.Run(string(suite), func(t *testing.T) {
			b := newBench(t, suite, nil)
			sealed := seal(t, b.made.Sealing, "info", "before the loss")
			tokens, backup := filepath.Join(b.token.Dir, "tokens"), filepath.Join(t.TempDir(), "backup")
			if err := os.CopyFS(backup, os.DirFS(tokens)); err != nil {
				t.Fatal(err)
			}
			b.worker.Close()
			if err := os.RemoveAll(tokens); err != nil {
				t.Fatal(err)
			}
			cfg := b.token.Config(fleet)
			cfg.PinnedKeys = []api.SealingKey{b.made.Key}
			if _, err := hsm.Start(t.Context(), cfg, nil); err == nil {
				t.Fatal("started without the token")
			}
			if err := os.CopyFS(tokens, os.DirFS(backup)); err != nil {
				t.Fatal(err)
			}
			w := start(t, cfg)
			if got, err := w.Open(t.Context(), keyID, []byte("info"), sealed); err != nil || string(got) != "before the loss" {
				t.Errorf("opened %q (%v)", got, err)
			}
			public, err := w.PublicKey(t.Context(), keyID, suite)
			if err != nil || public.String() != b.made.Key.PublicKey {
				t.Errorf("the restored token's public key is another one (%v)", err)
			}
			checkSigner(t, start(t, b.token.Root.Config(fleet)), hsm.RoleRoot, b.made.Root)
			checkSigner(t, w, hsm.RoleCA, b.made.CA)
			checkSigner(t, w, hsm.RoleLog, b.made.Log)
		})
	}
}

// direct runs f on the token in this process, logged in.
func direct(t *testing.T, tok *token.Token, f func(m *pkcs11.Ctx, s pkcs11.SessionHandle)) {
	t.Helper()
	for _, env := range tok.Env {
		name, value, _ := strings.Cut(env, "=")
		t.Setenv(name, value)
	}
	d, err := hsm.OpenDirect(tok.Config(fleet), 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	m := d.Module().(*pkcs11.Ctx)
	s, err := m.OpenSession(d.Slot(), pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		t.Fatal(err)
	}
	f(m, s)
}

// destroy removes every object with a label.
func destroy(t *testing.T, tok *token.Token, label string) {
	t.Helper()
	direct(t, tok, func(m *pkcs11.Ctx, s pkcs11.SessionHandle) {
		if err := m.FindObjectsInit(s, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_LABEL, label)}); err != nil {
			t.Fatal(err)
		}
		found, _, err := m.FindObjects(s, 10)
		if err != nil || len(found) < 2 {
			t.Fatalf("found %d objects (%v)", len(found), err)
		}
		if err := m.FindObjectsFinal(s); err != nil {
			t.Fatal(err)
		}
		for _, object := range found {
			if err := m.DestroyObject(s, object); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func changePIN(t *testing.T, tok *token.Token, to string) {
	t.Helper()
	direct(t, tok, func(m *pkcs11.Ctx, s pkcs11.SessionHandle) {
		if err := m.SetPIN(s, tok.PIN, to); err != nil {
			t.Fatal(err)
		}
	})
}
