package hsm_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/token"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/sealing"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

func TestKeysOfACeremonyOpenAndSign(t *testing.T) {
	for _, suite := range []api.Suite{api.SuiteHybrid, api.SuiteP256} {
		t.Run(string(suite), func(t *testing.T) {
			b := newBench(t, suite, nil)
			if err := b.worker.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := b.roundTrip(t, "swordfish"); err != nil {
				t.Fatal(err)
			}
			public, err := b.worker.PublicKey(t.Context(), keyID, suite)
			if err != nil {
				t.Fatal(err)
			}
			if public.String() != b.made.Key.PublicKey {
				t.Errorf("the token's public key reads %s after the ceremony gave %s", public, b.made.Key.PublicKey)
			}
			for role, want := range map[string]*ecdsa.PublicKey{hsm.RoleCA: b.made.CA, hsm.RoleLog: b.made.Log} {
				checkSigner(t, b.worker, role, want)
			}
			checkSigner(t, start(t, b.token.Root.Config(fleet)), hsm.RoleRoot, b.made.Root)
		})
	}
}

func checkSigner(t *testing.T, w *hsm.Worker, role string, want *ecdsa.PublicKey) {
	t.Helper()
	s, err := w.Signer(t.Context(), hsm.SignerLabel(fleet, role))
	if err != nil {
		t.Fatal(err)
	}
	if !want.Equal(s.Public()) {
		t.Errorf("%s: the signer's public key is not the one that the ceremony gave", role)
	}
	digest := sha256.Sum256([]byte(role))
	sig, err := s.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	if !ecdsa.VerifyASN1(want, digest[:], sig) {
		t.Errorf("%s: the signature does not verify", role)
	}
	for name, opts := range map[string]crypto.SignerOpts{"another hash": crypto.SHA384, "no hash": crypto.Hash(0)} {
		if _, err := s.Sign(rand.Reader, digest[:], opts); err == nil {
			t.Errorf("%s: signed with %s", role, name)
		}
	}
	if _, err := s.Sign(rand.Reader, digest[:31], crypto.SHA256); err == nil {
		t.Errorf("%s: signed a digest of 31 bytes", role)
	}
}

func TestASealingKeyDoesNotSign(t *testing.T) {
	b := newBench(t, api.SuiteP256, nil)
	for _, label := range []string{hsm.SealingLabel(fleet, keyID), hsm.SignerLabel("another", hsm.RoleCA), "ca", ""} {
		if _, err := b.worker.Signer(t.Context(), label); !errors.Is(err, hsm.ErrNoKey) {
			t.Errorf("signer %q: %v, want ErrNoKey", label, err)
		}
	}
}

func TestOnlyPinnedKeysOpen(t *testing.T) {
	b := newBench(t, api.SuiteHybrid, nil)
	other, err := b.token.Ceremony("another", keyID, api.SuiteHybrid)
	if err != nil {
		t.Fatal(err)
	}
	wrong, retired, unknown, broken := b.made.Key, b.made.Key, b.made.Key, b.made.Key
	broken.PublicKey = "age1tagpq1nonsense"
	wrong.PublicKey = other.Key.PublicKey
	retired.Status = api.KeyRetired
	unknown.ID = "2026-12-a"

	cfg := b.token.Config(fleet)
	for name, c := range map[string]struct {
		pin  api.SealingKey
		want error
	}{
		"another key under the same label": {wrong, hsm.ErrWrongKey},
		"a key that the token has not":     {unknown, hsm.ErrNoKey},
	} {
		cfg.PinnedKeys = []api.SealingKey{c.pin}
		if _, err := hsm.Start(t.Context(), cfg, nil); !errors.Is(err, c.want) {
			t.Errorf("start with %s: %v, want %v", name, err, c.want)
		}
		if err := b.worker.Pin(t.Context(), cfg.PinnedKeys); !errors.Is(err, c.want) {
			t.Errorf("pin %s: %v, want %v", name, err, c.want)
		}
	}
	var setup *hsm.SetupError
	if err := b.worker.Pin(t.Context(), []api.SealingKey{broken}); !errors.As(err, &setup) {
		t.Errorf("pin a broken public key: %v, want SetupError", err)
	}
	if err := b.roundTrip(t, "the former pins stand"); err != nil {
		t.Error(err)
	}
	if err := b.worker.Pin(t.Context(), []api.SealingKey{retired}); err != nil {
		t.Fatal(err)
	}
	if err := b.roundTrip(t, "retired"); !errors.Is(err, hsm.ErrNoKey) {
		t.Errorf("open with a retired key: %v, want ErrNoKey", err)
	}
	if err := b.worker.Pin(t.Context(), []api.SealingKey{b.made.Key}); err != nil {
		t.Fatal(err)
	}
	if err := b.roundTrip(t, "pinned again"); err != nil {
		t.Error(err)
	}
	if s := b.worker.Stats(); !s.Healthy || s.Restarts != 0 {
		t.Errorf("questions about keys moved the breaker: %+v", s)
	}
}

func TestAnswersNeverMix(t *testing.T) {
	b := newBench(t, api.SuiteHybrid, nil)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 60 {
				if err := b.roundTrip(t, fmt.Sprintf("goroutine %d, value %d", g, i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	// A derived object that stays costs 8.5 KB until the session ends.
	if made, gone := b.calls(t, "C_DeriveKey"), b.calls(t, "C_DestroyObject"); made != gone {
		t.Errorf("%d objects derived and %d destroyed", made, gone)
	}
}

func TestARefusedPINIsTriedOnce(t *testing.T) {
	tok := token.ForTest(t)
	cfg := tok.Config(fleet)
	cfg.PIN, cfg.Sessions = "not the PIN", 4
	_, err := hsm.Start(t.Context(), cfg, nil)
	if !errors.Is(err, hsm.ErrPIN) {
		t.Fatalf("start: %v, want ErrPIN", err)
	}
	if strings.Contains(err.Error(), cfg.PIN) {
		t.Errorf("the error prints the PIN: %v", err)
	}
	if n := calls(t, tok, "C_Login"); n != 1 {
		t.Errorf("%d log-ins, want 1: tokens lock", n)
	}
}

func TestAPINRefusedLaterIsNeverTriedAgain(t *testing.T) {
	b := newBench(t, api.SuiteP256, func(c *hsm.Config) { c.Sessions = 4 })
	before := b.calls(t, "C_Login")
	b.fault(t, "C_Login", 0xA0, 1, 0)      // CKR_PIN_INCORRECT
	b.fault(t, "C_DeriveKey", 0x101, 1, 0) // CKR_USER_NOT_LOGGED_IN
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if err := b.roundTrip(t, "x"); !errors.Is(err, hsm.ErrPIN) {
				t.Errorf("open: %v, want ErrPIN", err)
			}
		})
	}
	wg.Wait()
	b.heal(t)
	var unavailable *hsm.UnavailableError
	if err := b.roundTrip(t, "x"); !errors.Is(err, hsm.ErrPIN) || !errors.As(err, &unavailable) {
		t.Errorf("open after the token is well: %v, want it to stay refused", err)
	}
	if n := b.calls(t, "C_Login") - before; n != 1 {
		t.Errorf("%d log-ins after the first refusal, want that one", n)
	}
	if b.worker.Stats().Healthy {
		t.Error("the worker says that it is healthy")
	}
}

func TestLoginHappensOnce(t *testing.T) {
	tok := token.ForTest(t)
	cfg := tok.Config(fleet)
	cfg.Sessions = 4
	start(t, cfg)
	if n := calls(t, tok, "C_Login"); n != 1 {
		t.Errorf("%d log-ins for 4 sessions, want 1", n)
	}
}

func TestSetupErrorsSayWhatToDo(t *testing.T) {
	tok := token.ForTest(t)
	notALibrary := filepath.Join(t.TempDir(), "module.so")
	if err := os.WriteFile(notALibrary, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*hsm.Config){
		"no such module":          func(c *hsm.Config) { c.Module = "/nowhere/libtoken.so" },
		"a module that is a text": func(c *hsm.Config) { c.Module = notALibrary },
		"no such token":           func(c *hsm.Config) { c.TokenLabel = "nobody" },
	} {
		cfg := tok.Config(fleet)
		change(&cfg)
		_, err := hsm.Start(t.Context(), cfg, nil)
		var setup *hsm.SetupError
		if !errors.As(err, &setup) || setup.Hint == "" || setup.Problem == "" {
			t.Errorf("%s: %v, want a SetupError with a hint", name, err)
		}
	}
	for name, change := range map[string]func(*hsm.Config){
		"a relative module":  func(c *hsm.Config) { c.Module = "libtoken.so" },
		"no label":           func(c *hsm.Config) { c.TokenLabel = "" },
		"no PIN":             func(c *hsm.Config) { c.PIN = "" },
		"no fleet":           func(c *hsm.Config) { c.Fleet = "" },
		"a fleet of two":     func(c *hsm.Config) { c.Fleet = "a/b" },
		"too many sessions":  func(c *hsm.Config) { c.Sessions = hsm.MaxSessions + 1 },
		"a negative session": func(c *hsm.Config) { c.Sessions = -1 },
	} {
		cfg := tok.Config(fleet)
		change(&cfg)
		if _, err := hsm.Start(t.Context(), cfg, nil); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if n := calls(t, tok, "C_Login"); n != 0 {
		t.Errorf("%d log-ins on the way, want none", n)
	}
}

func TestAProgramWithoutTheHookIsNotTakenForAWorker(t *testing.T) {
	cfg := token.ForTest(t).Config(fleet)
	if _, err := hsm.Start(t.Context(), cfg, []string{"true"}); err == nil {
		t.Error("a program that ends at once was accepted")
	}
	t.Setenv("BULLA_HSM_WORKER", "1")
	if _, err := hsm.Start(t.Context(), cfg, nil); err == nil || !strings.Contains(err.Error(), "MaybeRunWorker") {
		t.Errorf("a worker started a worker: %v", err)
	}
}

func TestConfigNeverPrintsThePIN(t *testing.T) {
	cfg := hsm.Config{Module: "/m", TokenLabel: "l", PIN: "hush-hush", Fleet: "f"}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", cfg, "nested", []hsm.Config{cfg})
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "config", cfg, "nested", []hsm.Config{cfg})
	for _, text := range []string{fmt.Sprint(cfg), fmt.Sprintf("%+v", cfg), fmt.Sprintf("%#v", cfg),
		fmt.Sprintf("%v", &cfg), fmt.Sprintf("%q", cfg), log.String()} {
		if strings.Contains(text, cfg.PIN) {
			t.Errorf("printed: %s", text)
		}
	}
}

func TestAClosedWorkerIsGone(t *testing.T) {
	b := newBench(t, api.SuiteP256, nil)
	pid := b.worker.Pid()
	b.worker.Close()
	if err := b.roundTrip(t, "x"); !errors.Is(err, hsm.ErrClosed) {
		t.Errorf("open: %v, want ErrClosed", err)
	}
	wait.Until(t, "the process ends", func() bool {
		_, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
		return err != nil
	})
	b.worker.Close() // twice is as good
}

func TestOpenTellsNothingButErrOpen(t *testing.T) {
	b := newBench(t, api.SuiteP256, nil)
	sealed := seal(t, b.made.Sealing, "info", "x")
	sealed[len(sealed)-1] ^= 1
	_, err := b.worker.Open(t.Context(), keyID, []byte("info"), sealed)
	if !errors.Is(err, sealing.ErrOpen) || err.Error() != sealing.ErrOpen.Error() {
		t.Errorf("open: %v, want sealing.ErrOpen and no word more", err)
	}
}
