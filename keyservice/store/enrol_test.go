package store_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/keyservice/store"
)

// enrolment is a join token under test, and what answers it.
type enrolment struct {
	token, challenge [32]byte
	now              time.Time
}

func newEnrolment(t testing.TB, s *store.DB, secret string) enrolment {
	t.Helper()
	e := enrolment{token: digest(secret), challenge: digest("nonce of " + secret), now: time.Now()}
	must(t, s.Do(t.Context(), s.AddJoinToken(store.JoinToken{Hash: e.token, Fleet: fleet, Cluster: "prod-eu", Created: e.now,
		Expires: e.now.Add(time.Hour)})))
	return e
}

func (e enrolment) begin(t testing.TB, s *store.DB) {
	t.Helper()
	begun, err := s.BeginEnrolment(t.Context(), e.token,
		store.Enrolment{PublicKey: []byte("spki"), Recipient: "age1pq1x", Challenge: e.challenge}, e.now)
	must(t, err)
	if begun.Cluster != "prod-eu" || begun.Fleet != fleet {
		t.Fatalf("enrolment is for %q of %q", begun.Cluster, begun.Fleet)
	}
}

func (e enrolment) certificate(serial string) store.Certificate {
	return store.Certificate{Serial: serial, Fleet: fleet, Cluster: "prod-eu", Identity: "sha256:x", NotBefore: e.now,
		NotAfter: e.now.Add(time.Hour)}
}

func TestAWrongAnswerEndsAnEnrolment(t *testing.T) {
	onBothEngines(t, func(t *testing.T, engine engine) {
		s, ctx := engine.open(t), t.Context()
		e := newEnrolment(t, s, "secret")
		e.begin(t, s)
		if _, err := s.AnswerEnrolment(ctx, e.token, "", digest("guess"), e.now); !errors.Is(err, store.ErrJoinToken) {
			t.Fatalf("wrong answer: %v, want ErrJoinToken", err)
		}
		if _, err := s.AnswerEnrolment(ctx, e.token, "", e.challenge, e.now); !errors.Is(err, store.ErrJoinToken) {
			t.Fatalf("right answer after a wrong one: %v, want ErrJoinToken", err)
		}
		e.begin(t, s)
		if _, err := s.AnswerEnrolment(ctx, e.token, "", e.challenge, e.now.Add(2*time.Hour)); !errors.Is(err, store.ErrJoinToken) {
			t.Fatalf("after expiry: %v, want ErrJoinToken", err)
		}
		_, err := s.AnswerEnrolment(ctx, e.token, "", e.challenge, e.now)
		must(t, err)
	})
}

func TestATokenIsSpentOnceByManyReplicas(t *testing.T) {
	onBothEngines(t, func(t *testing.T, engine engine) {
		handles, ctx := engine.replicas(t, 4), t.Context()
		for round := range 5 {
			e := newEnrolment(t, handles[0], fmt.Sprintf("secret %d", round))
			e.begin(t, handles[1])
			var spent atomic.Int64
			race(handles, 2, func(s *store.DB, n int) {
				err := s.Do(ctx, s.CompleteEnrolment(e.token, e.challenge, e.certificate(fmt.Sprintf("%d-%d", round, n)), e.now))
				switch {
				case err == nil:
					spent.Add(1)
				case !errors.Is(err, store.ErrJoinToken):
					t.Errorf("complete: %v", err)
				}
			})
			if spent.Load() != 1 {
				t.Fatalf("%d requests spent the token, want 1", spent.Load())
			}
			if _, err := handles[2].BeginEnrolment(ctx, e.token, store.Enrolment{}, e.now); !errors.Is(err, store.ErrJoinToken) {
				t.Fatalf("spent token: %v, want ErrJoinToken", err)
			}
		}
		names, err := handles[3].Enrolled(ctx, fleet, time.Now())
		must(t, err)
		if diff := cmp.Diff([]string{"prod-eu"}, names); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestBeginAgainWhileATokenIsSpentRevivesNothing(t *testing.T) {
	onBothEngines(t, func(t *testing.T, engine engine) {
		handles, ctx := engine.replicas(t, 2), t.Context()
		e := newEnrolment(t, handles[0], "secret")
		e.begin(t, handles[0])
		race(handles, 8, func(s *store.DB, n int) {
			if n == 0 {
				if err := s.Do(ctx, s.CompleteEnrolment(e.token, e.challenge, e.certificate("a"), e.now)); err != nil {
					t.Errorf("complete: %v", err)
				}
				return
			}
			again := store.Enrolment{PublicKey: []byte("spki"), Recipient: "age1pq1x", Challenge: e.challenge}
			if _, err := s.BeginEnrolment(ctx, e.token, again, e.now); err != nil && !errors.Is(err, store.ErrJoinToken) {
				t.Errorf("begin: %v", err)
			}
		})
		if err := handles[1].Do(ctx, handles[1].CompleteEnrolment(e.token, e.challenge, e.certificate("b"),
			e.now)); !errors.Is(err, store.ErrJoinToken) {
			t.Fatalf("the spent token: %v, want ErrJoinToken", err)
		}
	})
}

func authority(der byte) store.Authority {
	return store.Authority{Fleet: fleet, Generation: 1, Role: "ca", Certificate: []byte{der}, Starts: time.Now()}
}

func TestAnAuthorityIsMadeOnceByManyReplicas(t *testing.T) {
	onBothEngines(t, func(t *testing.T, engine engine) {
		handles, ctx := engine.replicas(t, 3), t.Context()
		var made atomic.Int64
		race(handles, 2, func(s *store.DB, n int) {
			if err := s.Do(ctx, s.AddAuthority(authority(byte(n)), time.Time{})); err == nil {
				made.Add(1)
			}
		})
		if made.Load() != 1 {
			t.Fatalf("%d authorities were made, want 1", made.Load())
		}
		first, err := handles[0].Authorities(ctx, fleet)
		must(t, err)
		second, err := handles[1].Authorities(ctx, fleet)
		must(t, err)
		if diff := cmp.Diff(first, second); diff != "" || len(first) != 1 {
			t.Fatalf("%d authorities; %s", len(first), diff)
		}
	})
}
