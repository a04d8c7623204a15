package store_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// batch is a join token for shop-*.
type batch struct {
	token [32]byte
	now   time.Time
}

func newBatch(t testing.TB, s *store.DB, secret string, uses int) batch {
	t.Helper()
	b := batch{token: digest(secret), now: time.Now()}
	must(t, s.Do(t.Context(), s.AddJoinToken(store.JoinToken{
		Hash: b.token, Fleet: fleet, Cluster: "shop-*", Created: b.now, Expires: b.now.Add(time.Hour), Uses: uses,
	})))
	return b
}

func (b batch) begin(t testing.TB, s *store.DB, name, key string) error {
	_, err := s.BeginEnrolment(t.Context(), b.token, store.Enrolment{
		Cluster: name, PublicKey: []byte(key), Recipient: "age1pq1" + key, Challenge: digest("nonce of " + key),
	}, b.now)
	return err
}

func (b batch) complete(t testing.TB, s *store.DB, name, key, serial string) error {
	c := store.Certificate{Serial: serial, Fleet: fleet, Cluster: name, Identity: hexid.Digest([]byte(key)),
		NotBefore: b.now, NotAfter: b.now.Add(time.Hour)}
	return s.Do(t.Context(), s.CompleteEnrolment(b.token, digest("nonce of "+key), c, b.now))
}

func (b batch) enrol(t testing.TB, s *store.DB, name, key, serial string) error {
	if err := b.begin(t, s, name, key); err != nil {
		return err
	}
	return b.complete(t, s, name, key, serial)
}

func wantRefused(t *testing.T, err, want error, says string) {
	t.Helper()
	if !errors.Is(err, want) || !strings.Contains(err.Error(), says) {
		t.Errorf("%v, want %v with %q", err, want, says)
	}
}

func TestAPatternsTokenHasItsUsesAndItsNames(t *testing.T) {
	onBothEngines(t, func(t *testing.T, engine engine) {
		s := engine.open(t)
		b := newBatch(t, s, "secret", 2)
		wantRefused(t, b.enrol(t, s, "", "k1", "1"), store.ErrJoinToken, `is not for "shop-*"`)
		wantRefused(t, b.enrol(t, s, "prod-eu", "k1", "1"), store.ErrJoinToken, `is not for "prod-eu"`)
		must(t, b.enrol(t, s, "shop-1", "k1", "1"))
		wantRefused(t, b.enrol(t, s, "shop-1", "k2", "2"), store.ErrNameTaken, `"shop-1"`)
		must(t, b.enrol(t, s, "shop-2", "k2", "2"))
		wantRefused(t, b.enrol(t, s, "shop-3", "k3", "3"), store.ErrJoinToken, "the last of 2")
		// Whose answer was lost comes again, with the same keys, and uses up nothing.
		must(t, b.enrol(t, s, "shop-1", "k1", "4"))
		tokens, err := s.JoinTokens(t.Context(), fleet, b.now)
		must(t, err)
		if len(tokens) != 1 || tokens[0].Used != 2 || tokens[0].Uses != 2 || tokens[0].Cluster != "shop-*" {
			t.Errorf("tokens %+v", tokens)
		}
		// A name is taken whatever token it was enrolled with.
		must(t, s.Do(t.Context(), s.AddCertificate(store.Certificate{Serial: "9", Fleet: fleet, Cluster: "shop-9",
			Identity: "sha256:x", NotBefore: b.now, NotAfter: b.now})))
		other := newBatch(t, s, "other", 5)
		wantRefused(t, other.enrol(t, s, "shop-9", "k9", "10"), store.ErrNameTaken, `"shop-9"`)
		wantRefused(t, other.enrol(t, s, "shop-2", "k1", "11"), store.ErrNameTaken, `"shop-2"`)
	})
}

func TestANameIsGivenOnceByManyReplicas(t *testing.T) {
	onBothEngines(t, func(t *testing.T, engine engine) {
		handles := engine.replicas(t, 4)
		b := newBatch(t, handles[0], "secret", 3)
		var won, used atomic.Int64
		race(handles, 2, func(s *store.DB, n int) {
			switch err := b.enrol(t, s, "shop-1", fmt.Sprintf("k%d", n), fmt.Sprintf("a%d", n)); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, store.ErrNameTaken) && !errors.Is(err, store.ErrJoinToken):
				t.Errorf("enrol: %v", err)
			}
		})
		// Only the newest challenge can be answered: a race may leave none.
		if won.Load() > 1 {
			t.Fatalf("%d machines have one name", won.Load())
		}
		race(handles, 2, func(s *store.DB, n int) {
			if b.enrol(t, s, fmt.Sprintf("shop-%d", 10+n), fmt.Sprintf("m%d", n), fmt.Sprintf("b%d", n)) == nil {
				used.Add(1)
			}
		})
		if got := won.Load() + used.Load(); got != 3 {
			t.Errorf("%d enrolled with a token of 3 uses", got)
		}
	})
}

func TestARevokedTokenServesNobody(t *testing.T) {
	onBothEngines(t, func(t *testing.T, engine engine) {
		s := engine.open(t)
		b := newBatch(t, s, "secret", 5)
		must(t, b.enrol(t, s, "shop-1", "k1", "1"))
		must(t, b.begin(t, s, "shop-2", "k2"))
		must(t, s.Do(t.Context(), s.RevokeJoinToken(b.token, b.now)))
		wantRefused(t, b.complete(t, s, "shop-2", "k2", "2"), store.ErrJoinToken, "was revoked at")
		wantRefused(t, b.begin(t, s, "shop-3", "k3"), store.ErrJoinToken, "was revoked at")
		wantRefused(t, b.begin(t, s, "shop-1", "k1"), store.ErrJoinToken, "was revoked at")
		if err := s.Do(t.Context(), s.RevokeJoinToken(b.token, b.now)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("revoked twice: %v", err)
		}
	})
}

// TestBegunEnrolmentsAreBounded: who holds a token cannot fill the store with names.
func TestBegunEnrolmentsAreBounded(t *testing.T) {
	s := onSQLite(t).open(t)
	b := newBatch(t, s, "secret", 2)
	must(t, b.begin(t, s, "shop-1", "k1"))
	must(t, b.begin(t, s, "shop-2", "k2"))
	wantRefused(t, b.begin(t, s, "shop-3", "k3"), store.ErrJoinToken, "more enrolments are begun")
	must(t, b.begin(t, s, "shop-2", "k2"))
	b.now = b.now.Add(20 * time.Minute)
	must(t, b.begin(t, s, "shop-3", "k3"))
}
