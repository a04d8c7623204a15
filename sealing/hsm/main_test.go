package hsm_test

import (
	"crypto/hpke"
	"os"
	"testing"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/token"
	"github.com/bulla-dev/bulla/sealing"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

func TestMain(m *testing.M) {
	hsm.MaybeRunWorker()
	os.Exit(m.Run())
}

const (
	fleet = "6f1c0a52b9d84e37a1c5d2e8f0947b36"
	keyID = "2026-11-a"
)

// bench is a token with keys and a worker on it.
type bench struct {
	token  *token.Token
	made   *hsm.Made
	worker *hsm.Worker
}

func newBench(t testing.TB, suite api.Suite, change func(*hsm.Config)) *bench {
	t.Helper()
	b := &bench{token: token.ForTest(t)}
	var err error
	if b.made, err = b.token.Ceremony(fleet, keyID, suite); err != nil {
		t.Fatal(err)
	}
	cfg := b.token.Config(fleet)
	cfg.PinnedKeys = []api.SealingKey{b.made.Key}
	if change != nil {
		change(&cfg)
	}
	b.worker = start(t, cfg)
	return b
}

func start(t testing.TB, cfg hsm.Config) *hsm.Worker {
	t.Helper()
	w, err := hsm.Start(t.Context(), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// seal makes a ciphertext for a key, with info.
func seal(t testing.TB, key sealing.PublicKey, info, plain string) []byte {
	t.Helper()
	out, err := hpke.Seal(key.HPKE(), hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(info), []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// roundTrip seals and opens one value.
func (b *bench) roundTrip(t testing.TB, plain string) error {
	t.Helper()
	got, err := b.worker.Open(t.Context(), keyID, []byte("info"), seal(t, b.made.Sealing, "info", plain))
	if err == nil && string(got) != plain {
		t.Errorf("opened %q, want %q", got, plain)
	}
	return err
}

// calls counts the calls of one PKCS#11 function so far.
func (b *bench) calls(t testing.TB, function string) uint64 {
	t.Helper()
	return calls(t, b.token, function)
}

func calls(t testing.TB, tok *token.Token, function string) uint64 {
	t.Helper()
	all, err := tok.Calls()
	if err != nil {
		t.Fatal(err)
	}
	return all[function]
}

func (b *bench) fault(t testing.TB, function string, ckr uint, every int, delay time.Duration) {
	t.Helper()
	if err := b.token.Fault(function, ckr, every, delay); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) heal(t testing.TB) {
	t.Helper()
	if err := b.token.ClearFault(); err != nil {
		t.Fatal(err)
	}
}
