package keyservice_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// copyOf is a thief with everything that a member has at this time.
func copyOf(m *member) *member {
	thief := *m
	thief.log = newMember(m.w, m.name).log
	thief.client = thief.dial()
	m.w.t.Cleanup(thief.client.Close)
	return &thief
}

// renew moves a member to a fresh certificate.
func (m *member) renew() {
	m.w.t.Helper()
	credentials, err := m.client.Renew(m.w.t.Context())
	if err != nil {
		m.w.t.Fatal(err)
	}
	m.credentials = credentials
	m.client = m.dial()
	m.w.t.Cleanup(m.client.Close)
}

// clonesOf counts what the audit log says of cloned certificates.
func (w *world) clonesOf(cluster string) (serials []string) {
	w.t.Helper()
	for _, e := range w.recorded(audit.Clone) {
		if e.Cluster == cluster {
			serials = append(serials, e.Certificate)
		}
	}
	return serials
}

func serialOf(c *client.Credentials) string { return c.Certificate.Leaf.SerialNumber.Text(16) }

func TestACloneIsNoticed(t *testing.T) {
	t.Run("when the cluster renewed first and the thief uses what it copied", func(t *testing.T) {
		f := newFixture(t)
		f.eu.unseal(f.head, f.digest)
		thief := copyOf(f.eu)
		f.eu.renew()
		f.eu.unseal(f.head, f.digest)
		if got := f.clonesOf("prod-eu"); len(got) != 0 {
			t.Fatalf("an honest renewal is noticed: %v", got)
		}
		f.offset.Store(int64(10 * time.Minute))
		if _, result := thief.unseal(f.head, f.digest); !result.Granted() {
			t.Errorf("Git decides, and lets the cluster in: %v", result.Refusal)
		}
		if got := f.clonesOf("prod-eu"); len(got) != 1 || got[0] != serialOf(thief.credentials) {
			t.Errorf("noticed %v, want the old certificate", got)
		}
		thief.unseal(f.head, f.digest)
		if got := f.clonesOf("prod-eu"); len(got) != 1 {
			t.Errorf("recorded %d times within the hour", len(got))
		}
		if !strings.Contains(f.get("/metrics"), "bulla_keyservice_cloned_certificates_total 2") {
			t.Error("the metric does not count both uses")
		}
	})
	t.Run("when the thief renews from a certificate whose successor is in use", func(t *testing.T) {
		f := newFixture(t)
		f.eu.unseal(f.head, f.digest)
		thief := copyOf(f.eu)
		f.eu.renew()
		f.eu.unseal(f.head, f.digest)
		thief.renew() // at once: a renewal is never merely late
		if got := f.clonesOf("prod-eu"); len(got) != 1 {
			t.Errorf("noticed %v", got)
		}
		thief.unseal(f.head, f.digest)
		if got := f.clonesOf("prod-eu"); len(got) != 2 {
			t.Errorf("the thief's own certificate is not noticed: %v", got)
		}
	})
	t.Run("when the thief renewed first: the cluster's own renewal shows it", func(t *testing.T) {
		f := newFixture(t)
		f.eu.unseal(f.head, f.digest)
		thief := copyOf(f.eu)
		thief.renew()
		thief.unseal(f.head, f.digest)
		f.eu.renew()
		if _, result := f.eu.unseal(f.head, f.digest); !result.Granted() {
			t.Errorf("the cluster was locked out by the thief: %v", result.Refusal)
		}
		if got := f.clonesOf("prod-eu"); len(got) != 2 {
			t.Errorf("noticed %v, want the renewal and the use", got)
		}
	})
}

// tracing counts what is asked of the store.
type tracing struct {
	keyservice.Store
	asked atomic.Int64
}

func (s *tracing) UseCertificate(ctx context.Context, u store.Use, now time.Time, tolerance time.Duration) (store.Lineage, error) {
	s.asked.Add(1)
	return s.Store.UseCertificate(ctx, u, now, tolerance)
}

// TestACloneInUseIsLookedUpOnceAMinute: a thief must not have the store write for
// every request.
func TestACloneInUseIsLookedUpOnceAMinute(t *testing.T) {
	rows := &tracing{}
	f := newFixtureIn(newWorldOf(t, api.SuiteHybrid, 2, 0, func(w *world) {
		w.between = func(s keyservice.Store) keyservice.Store { rows.Store = s; return rows }
	}))
	f.eu.unseal(f.head, f.digest)
	thief := copyOf(f.eu)
	f.eu.renew()
	f.eu.unseal(f.head, f.digest)
	uses := 0
	for n, ahead := range []time.Duration{10 * time.Minute, 12 * time.Minute, 80 * time.Minute} {
		f.offset.Store(int64(ahead))
		before := rows.asked.Load()
		for range 5 {
			thief.unseal(f.head, f.digest)
			uses++
		}
		if asked := rows.asked.Load() - before; asked != 1 {
			t.Errorf("after %v: five uses ask the store %d times, want once", ahead, asked)
		}
		if metric := fmt.Sprintf("bulla_keyservice_cloned_certificates_total %d\n", uses); !strings.Contains(f.get("/metrics"), metric) {
			t.Errorf("after %v: the metric does not count each of %d uses", ahead, uses)
		}
		if got, want := len(f.clonesOf("prod-eu")), []int{1, 1, 2}[n]; got != want {
			t.Errorf("after %v: recorded %d times, want %d: once an hour", ahead, got, want)
		}
	}
	before := rows.asked.Load()
	thief.renew()
	if rows.asked.Load() == before {
		t.Error("a renewal is not asked about")
	}
}

func TestAnHonestClusterIsNoClone(t *testing.T) {
	f := newFixture(t)
	// An answer that got lost: the certificate is renewed again from the same one.
	if _, err := f.eu.client.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		f.eu.renew()
		f.eu.unseal(f.head, f.digest)
	}
	// A request that was on its way when the certificate was replaced.
	last := copyOf(f.eu)
	f.eu.renew()
	f.eu.unseal(f.head, f.digest)
	last.unseal(f.head, f.digest)
	if got := f.clonesOf("prod-eu"); len(got) != 0 {
		t.Errorf("noticed %v", got)
	}
	// The same key enrolled again begins a new line.
	credentials, err := client.Enroll(t.Context(), f.eu.options(f.joinToken("prod-eu", time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	f.eu.credentials = credentials
	f.eu.client = f.eu.dial()
	f.eu.unseal(f.head, f.digest)
	f.eu.renew()
	f.eu.unseal(f.head, f.digest)
	if got := f.clonesOf("prod-eu"); len(got) != 0 {
		t.Errorf("after enrolling again: noticed %v", got)
	}
}
