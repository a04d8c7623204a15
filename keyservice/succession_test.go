package keyservice_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

// succeed makes a new generation, as `ca rotate` does, and returns once the
// service serves under it.
func (w *world) succeed(role string, overlap time.Duration) *x509.Certificate {
	w.t.Helper()
	if role != hsm.RoleCA {
		if _, err := hsm.MakeSigner(w.token.Config(w.fleet), w.fleet, role); err != nil {
			w.t.Fatal(err)
		}
	}
	next, err := authority.Succeed(w.t.Context(), authority.Options{Fleet: w.fleet, Store: w.rows, Token: w.worker, Now: w.now}, role, overlap)
	if err != nil {
		w.t.Fatal(err)
	}
	return next
}

// restartWith serves again, looking for a new authority that often.
func (w *world) restartWith(refresh time.Duration) {
	w.t.Helper()
	w.stop()
	w.refresh = refresh
	w.start(2)
}

// asking is members that ask for as long as stop is open.
type asking struct {
	asked, failed atomic.Int64
	members       sync.WaitGroup
	stop          chan struct{}
}

// keepAsking has each member ask, over a new connection every time, since each is a
// handshake, and renew now and then.
func (f *fixture) keepAsking(members ...*member) *asking {
	a := &asking{stop: make(chan struct{})}
	for _, m := range members {
		a.members.Go(func() {
			own := m.credentials
			for n := 0; ; n++ {
				select {
				case <-a.stop:
					return
				default:
				}
				c := client.New(f.url, own.Certificate, own.CA, m.log)
				_, err := c.Unseal(f.t.Context(), f.head, []string{f.digest})
				a.asked.Add(1)
				if err == nil && n%5 == 4 {
					if renewed, e := c.Renew(f.t.Context()); e == nil {
						own = renewed
					} else {
						err = e
					}
				}
				c.Close()
				if err != nil {
					a.failed.Add(1)
					f.t.Errorf("%s: %v", m.name, err)
					return
				}
			}
		})
	}
	return a
}

// TestEverybodyConnectsWhileTheAuthorityIsSucceeded runs clusters that unseal,
// renew and enrol all the time, before, in and after the overlap.
func TestEverybodyConnectsWhileTheAuthorityIsSucceeded(t *testing.T) {
	w := newWorld(t)
	w.restartWith(50 * time.Millisecond)
	f := newFixtureIn(w)
	f.settle(f.head)
	first := f.service.Authority()
	oldToken := f.joinToken("prod-jp", time.Hour)
	knowsOld := client.New(f.url, f.us.credentials.Certificate, first, f.us.log)
	defer knowsOld.Close()

	load := f.keepAsking(f.eu, f.us)
	next := f.succeed("ca-2", 2*time.Hour)
	f.offset.Store(int64(2 * time.Minute))
	f.eventually("the new authority serves", func() bool { return f.service.Authority().Equal(next) })
	goOn := load.asked.Load() + 40
	f.eventually("the load went on", func() bool { return load.asked.Load() > goOn || load.failed.Load() > 0 })
	close(load.stop)
	load.members.Wait()
	if load.failed.Load() != 0 {
		t.Fatalf("%d of %d failed", load.failed.Load(), load.asked.Load())
	}

	// Who knows the old authority only.
	if _, err := knowsOld.Unseal(t.Context(), f.head, []string{f.digest}); err != nil {
		t.Errorf("a cluster that knows the old authority: %v", err)
	}
	renewed, err := knowsOld.Renew(t.Context())
	if err != nil || !renewed.CA.Equal(next) {
		t.Fatalf("it does not learn the new one: %v", err)
	}
	// Who knows the new one only.
	knowsNew := client.New(f.url, renewed.Certificate, renewed.CA, f.us.log)
	defer knowsNew.Close()
	if _, err := knowsNew.Unseal(t.Context(), f.head, []string{f.digest}); err != nil {
		t.Errorf("a cluster that knows the new authority: %v", err)
	}
	// A join token of before and one of now.
	for _, token := range []protocol.JoinToken{oldToken, f.joinToken("prod-br", time.Hour)} {
		joined, err := client.Enroll(t.Context(), newMember(f.world, token.Cluster).options(token))
		if err != nil || !joined.CA.Equal(next) {
			t.Errorf("%s: %v", token.Cluster, err)
		}
	}
	// After the overlap what the old one issued is nobody, though it has not expired.
	old := client.New(f.url, f.eu.credentials.Certificate, next, f.eu.log)
	defer old.Close()
	if _, err := old.Renew(t.Context()); err != nil {
		t.Errorf("in the overlap: %v", err)
	}
	f.offset.Store(int64(3 * time.Hour))
	if _, err := old.Renew(t.Context()); err == nil {
		t.Error("a certificate of the old authority is accepted after the overlap, on an open connection")
	}
	again := client.New(f.url, f.eu.credentials.Certificate, next, f.eu.log)
	defer again.Close()
	if _, err := again.Renew(t.Context()); err == nil {
		t.Error("a certificate of the old authority is accepted after the overlap")
	}
}

// What the new key says for the old one is shown to everybody, and the old key may
// be out by then: it must not outlive the overlap, nor lead from one to the other.
func TestTheWayBackToAnAuthorityEndsWithTheOverlap(t *testing.T) {
	w := newWorld(t)
	w.succeed("ca-2", 24*time.Hour)
	all, err := w.rows.Authorities(t.Context(), w.fleet)
	if err != nil {
		t.Fatal(err)
	}
	back, err := x509.ParseCertificate(all[1].Back)
	if err != nil {
		t.Fatal(err)
	}
	if back.NotAfter.After(all[0].Ends) || !back.MaxPathLenZero {
		t.Errorf("the old key is certified until %s, and the overlap ends %s; path length 0: %t", back.NotAfter, all[0].Ends, back.MaxPathLenZero)
	}
}

func TestANewCertificateForTheSameAuthorityKeyIsTaken(t *testing.T) {
	w := newWorld(t)
	w.restartWith(50 * time.Millisecond)
	m := w.join("prod-eu")
	w.eventually("a head is accepted", w.isReady)
	first := w.service.Authority()
	next := w.succeed(hsm.RoleCA, 24*time.Hour)
	if protocol.SPKIHash(next) != protocol.SPKIHash(first) || next.Equal(first) {
		t.Fatal("not a new certificate for the same key")
	}
	w.offset.Store(int64(2 * time.Minute))
	w.eventually("it serves", func() bool { return w.service.Authority().Equal(next) })
	renewed, err := m.client.Renew(t.Context())
	if err != nil || !renewed.CA.Equal(next) {
		t.Fatalf("renew: %v", err)
	}
	c := client.New(w.url, renewed.Certificate, renewed.CA, m.log)
	defer c.Close()
	if _, err := c.Renew(t.Context()); err != nil {
		t.Errorf("with the new one: %v", err)
	}
}

func TestASuccessionIsNotBegunTwice(t *testing.T) {
	w := newWorld(t)
	w.succeed("ca-2", time.Hour)
	_, err := authority.Succeed(t.Context(), authority.Options{Fleet: w.fleet, Store: w.rows, Token: w.worker, Now: w.now}, hsm.RoleCA, time.Hour)
	if !errors.Is(err, authority.ErrSuccession) {
		t.Errorf("%v, want ErrSuccession", err)
	}
}

func TestAStoreWithTheCertificateOfAnotherKeyIsRefused(t *testing.T) {
	w := newWorld(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	all, err := w.rows.Authorities(t.Context(), w.fleet)
	if err != nil {
		t.Fatal(err)
	}
	ours := w.service.Authority()
	template := &x509.Certificate{SerialNumber: ours.SerialNumber, Subject: ours.Subject, NotBefore: ours.NotBefore,
		NotAfter: ours.NotAfter, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	forged := all[0]
	forged.Fleet = w.fleet
	forged.Generation = 2
	if forged.Certificate, err = x509.CreateCertificate(rand.Reader, template, template, key.Public(), key); err != nil {
		t.Fatal(err)
	}
	if err := w.rows.Do(t.Context(), w.rows.AddAuthority(forged, time.Now())); err != nil {
		t.Fatal(err)
	}
	if _, err := authority.Succeed(t.Context(), authority.Options{Fleet: w.fleet, Store: w.rows, Token: w.worker}, "ca-2", time.Hour); err == nil {
		t.Error("an authority whose key is not in the token was taken")
	}
}
