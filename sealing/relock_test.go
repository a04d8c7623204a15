package sealing_test

import (
	"errors"
	"testing"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/sealing"
)

const newKeyID = "2026-12-a"

// afterLoss is the fleet with another HSM: another key, the same clusters, the
// same recovery key. The opener has only the new key.
func (w *world) afterLoss(t testing.TB) *world {
	t.Helper()
	lost := *w
	lost.key = deriveKey(t, w.suite, "sealing key of another token")
	lost.opener = softkey.NewOpener(map[string]softkey.Key{newKeyID: lost.key})
	var err error
	if lost.sealer, err = sealing.NewSealer(lost.key.Record(newKeyID), w.sealer.Recovery); err != nil {
		t.Fatal(err)
	}
	return &lost
}

func TestABlockRelockedWithTheRecoveryKeyOpensUnderTheNewKey(t *testing.T) {
	for _, suite := range suites {
		t.Run(string(suite), func(t *testing.T) {
			w := newWorld(t, suite)
			block := w.seal(t)
			after := w.afterLoss(t)
			locks, err := after.sealer.Relock(testContext(), block, w.targets(), w.recovery)
			if err != nil {
				t.Fatal(err)
			}
			relocked := &api.Block{Fields: block.Fields, Payload: block.Payload, Locks: locks}
			for i, lock := range locks {
				if lock.Target != block.Locks[i].Target || lock.Key != newKeyID {
					t.Errorf("lock %d is for %s under %s", i, lock.Target, lock.Key)
				}
				got, err := after.open(t, testContext(), relocked, lock)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(testValues(), got); diff != "" {
					t.Error(diff)
				}
			}
			if _, err := w.open(t, testContext(), relocked, locks[0]); err == nil {
				t.Error("the lost key opens a new lock")
			}
		})
	}
}

func TestAMovedPayloadIsNotRelocked(t *testing.T) {
	w := newWorld(t, api.SuiteHybrid)
	block := w.seal(t)
	for name, move := range map[string]func(*sealing.Context){
		"another fleet":     func(c *sealing.Context) { c.Fleet = "6f1c0000000000000000000000000002" },
		"another namespace": func(c *sealing.Context) { c.Namespace = "dev" },
		"another name":      func(c *sealing.Context) { c.Name = "other" },
		"a wider scope":     func(c *sealing.Context) { c.Scope, c.Name = api.ScopeNamespace, "" },
		"another kind":      func(c *sealing.Context) { c.Kind = "ConfigMap" },
		"other fields":      func(c *sealing.Context) { c.Fields = c.Fields[:1] },
	} {
		c := testContext()
		move(&c)
		if locks, err := w.afterLoss(t).sealer.Relock(c, block, w.targets(), w.recovery); !errors.Is(err, sealing.ErrOpen) ||
			locks != nil {
			t.Errorf("%s: %v and %d locks, want ErrOpen and none", name, err, len(locks))
		}
	}
}

func TestWhatIsNotRelocked(t *testing.T) {
	w := newWorld(t, api.SuiteHybrid)
	block := w.seal(t)
	after := w.afterLoss(t)

	_, err := after.sealer.Relock(testContext(), block, w.targets(), newIdentity(t, "somebody else"))
	if match := new(age.NoIdentityMatchError); !errors.As(err, &match) {
		t.Errorf("with a key that is none of its recovery keys: %v, want NoIdentityMatchError", err)
	}
	if _, err := after.sealer.Relock(testContext(), block, w.targets(), w.cluster); err == nil {
		t.Error("a cluster's own identity takes the file key out of a payload")
	}
	if _, err := after.sealer.Relock(testContext(), block, nil, w.recovery); err == nil {
		t.Error("for nobody")
	}
	superseded := *after.sealer
	superseded.Key.Status = api.KeySuperseded
	if _, err := superseded.Relock(testContext(), block, w.targets(), w.recovery); err == nil {
		t.Error("under a key that seals no more")
	}
	damaged := *block
	damaged.Payload = damaged.Payload[:len(damaged.Payload)/2]
	if _, err := after.sealer.Relock(testContext(), &damaged, w.targets(), w.recovery); err == nil {
		t.Error("half a payload")
	}
}

// The identities are tried in order, and the file key is that of the one that fits.
func TestRelockingTakesTheFirstIdentityThatFits(t *testing.T) {
	w := newWorld(t, api.SuiteHybrid)
	block := w.seal(t)
	after := w.afterLoss(t)
	locks, err := after.sealer.Relock(testContext(), block, w.targets()[:1], newIdentity(t, "an older recovery key"),
		w.recovery)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := after.open(t, testContext(), block, locks[0]); err != nil {
		t.Error(err)
	}
}
