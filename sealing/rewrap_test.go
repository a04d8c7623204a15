package sealing_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/sealing"
)

// watched keeps what the token gave, as the caller holds it.
type watched struct {
	sealing.Opener
	inner []byte
}

func (w *watched) Open(ctx context.Context, keyID string, info, ciphertext []byte) ([]byte, error) {
	inner, err := w.Opener.Open(ctx, keyID, info, ciphertext)
	w.inner = inner
	return inner, err
}

// given is a token that gives what a hostile sealer put into a lock.
type given []byte

func (g given) Open(context.Context, string, []byte, []byte) ([]byte, error) {
	return bytes.Clone(g), nil
}

func prepare(t *testing.T, w *world, block *api.Block, lock api.Lock) *sealing.Prepared {
	t.Helper()
	payload, err := sealing.ParsePayload(block.Payload)
	if err != nil {
		t.Fatal(err)
	}
	prepared, err := sealing.Prepare(testContext(), payload, lock, w.suite)
	if err != nil {
		t.Fatal(err)
	}
	return prepared
}

func TestARewrappedLockDiffersInItsKeyAlone(t *testing.T) {
	for _, from := range suites {
		for _, to := range suites {
			t.Run(string(from)+" to "+string(to), func(t *testing.T) {
				w := newWorld(t, from)
				block := w.seal(t)
				before := *block
				next := deriveKey(t, to, "the next key")
				for i, lock := range block.Locks {
					opener := &watched{Opener: w.opener}
					calls := w.opener.Calls()
					moved, err := prepare(t, w, block, lock).Rewrap(t.Context(), opener, next.Record(newKeyID))
					if err != nil {
						t.Fatal(err)
					}
					if n := w.opener.Calls() - calls; n != 1 {
						t.Errorf("the token was asked %d times, want once", n)
					}
					if len(opener.inner) == 0 || !bytes.Equal(opener.inner, make([]byte, len(opener.inner))) {
						t.Error("the inner secret was not cleared")
					}
					if moved.Target != lock.Target || moved.Key != newKeyID || sealing.CheckLock(to, moved) != nil {
						t.Errorf("lock %d became one for %s under %s", i, moved.Target, moved.Key)
					}
					after := *w
					after.suite, after.opener = to, softkey.NewOpener(map[string]softkey.Key{newKeyID: next})
					got, err := after.open(t, testContext(), block, moved)
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(testValues(), got); diff != "" {
						t.Error(diff)
					}
				}
				if diff := cmp.Diff(before, *block); diff != "" {
					t.Errorf("the block itself changed:\n%s", diff)
				}
			})
		}
	}
}

// The shape of CVE-2026-22728: a caller's metadata decides for whom, or for
// which object, a rotated secret is sealed. Here a rewrapped lock opens under the
// context, target and payload that the old one was sealed for, and nowhere else.
func TestARewrappedLockIsBoundToWhatTheOldOneWas(t *testing.T) {
	w := newWorld(t, api.SuiteHybrid)
	block, other := w.seal(t), w.seal(t)
	next := deriveKey(t, w.suite, "the next key")
	moved, err := prepare(t, w, block, block.Locks[0]).Rewrap(t.Context(), w.opener, next.Record(newKeyID))
	if err != nil {
		t.Fatal(err)
	}
	after := *w
	after.opener = softkey.NewOpener(map[string]softkey.Key{newKeyID: next})
	for name, change := range map[string]func(*sealing.Context, *api.Block, *api.Lock){
		"another target":    func(_ *sealing.Context, _ *api.Block, l *api.Lock) { l.Target = "set/everybody" },
		"another payload":   func(_ *sealing.Context, b *api.Block, _ *api.Lock) { b.Payload = other.Payload },
		"another namespace": func(c *sealing.Context, _ *api.Block, _ *api.Lock) { c.Namespace = "dev" },
		"another name":      func(c *sealing.Context, _ *api.Block, _ *api.Lock) { c.Name = "other" },
		"a wider scope": func(c *sealing.Context, _ *api.Block, _ *api.Lock) {
			c.Scope, c.Name = api.ScopeNamespace, ""
		},
		"another fleet": func(c *sealing.Context, _ *api.Block, _ *api.Lock) {
			c.Fleet = "6f1c0000000000000000000000000002"
		},
	} {
		c, b, l := testContext(), *block, moved
		change(&c, &b, &l)
		if _, err := after.open(t, c, &b, l); !errors.Is(err, sealing.ErrOpen) {
			t.Errorf("%s: %v, want ErrOpen", name, err)
		}
	}
}

func TestALockThatDoesNotOpenIsNotRewrapped(t *testing.T) {
	w := newWorld(t, api.SuiteP256)
	block, next := w.seal(t), deriveKey(t, api.SuiteP256, "the next key")
	forged := block.Locks[0]
	forged.Target = "set/everybody"
	if lock, err := prepare(t, w, block, forged).Rewrap(t.Context(), w.opener, next.Record(newKeyID)); !errors.Is(err,
		sealing.ErrOpen) || lock.Ciphertext != "" {
		t.Errorf("a lock whose target was changed: %v, want ErrOpen", err)
	}
	for name, inner := range map[string]given{
		"nothing": {}, "a byte less than a file key": make(given, 15), "a whole value": make(given, 600),
	} {
		for i := range block.Locks {
			if _, err := prepare(t, w, block, block.Locks[i]).Rewrap(t.Context(), inner,
				next.Record(newKeyID)); classOf(err) == "" {
				t.Errorf("%s in a lock for %s: %v, want a refusal", name, block.Locks[i].Target, err)
			}
		}
	}
}

func TestKeysThatAreNotRewrappedTo(t *testing.T) {
	w := newWorld(t, api.SuiteP256)
	block, next := w.seal(t), deriveKey(t, api.SuiteP256, "the next key")
	status := func(s api.KeyStatus) api.SealingKey {
		record := next.Record(newKeyID)
		record.Status = s
		return record
	}
	nonsense := next.Record(newKeyID)
	nonsense.PublicKey = "age1tag1qqq"
	otherSuite := next.Record(newKeyID)
	otherSuite.Suite = api.SuiteHybrid
	for name, key := range map[string]api.SealingKey{
		"a superseded key":         status(api.KeySuperseded),
		"a retired key":            status(api.KeyRetired),
		"a key without a status":   status(""),
		"the key that it is under": w.key.Record(keyID),
		"no key":                   nonsense,
		"a key of another suite":   otherSuite,
	} {
		before := w.opener.Calls()
		if _, err := prepare(t, w, block, block.Locks[0]).Rewrap(t.Context(), w.opener, key); err == nil {
			t.Errorf("rewrapped to %s", name)
		}
		if n := w.opener.Calls() - before; n != 0 {
			t.Errorf("%s: the token was asked %d times", name, n)
		}
	}
}
