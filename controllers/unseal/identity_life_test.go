package unseal

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	keyservice "github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// TestALifeIsReckonedByTheClustersOwnClock: the service's clock is a day off either
// way, and the certificate's dates with it.
func TestALifeIsReckonedByTheClustersOwnClock(t *testing.T) {
	now := time.Now()
	for name, skew := range map[string]time.Duration{"the service is a day ahead": 24 * time.Hour, "it is right": 0, "it is a day behind": -24 * time.Hour} {
		leaf := &x509.Certificate{SerialNumber: big.NewInt(7), NotBefore: now.Add(skew - 25*time.Hour), NotAfter: now.Add(skew + 24*time.Hour)}
		l := lifeOf(&keyservice.Credentials{Certificate: tls.Certificate{Leaf: leaf}, Life: 24 * time.Hour, Skew: skew, GraceURL: "https://keys.example.com/grace"}, now)
		for at, want := range map[time.Duration]struct{ renewable, over bool }{
			0: {}, 13 * time.Hour: {}, 19 * time.Hour: {renewable: true}, 23 * time.Hour: {renewable: true}, 25 * time.Hour: {renewable: true, over: true},
		} {
			if got := l.renewable(now.Add(at), leaf.SerialNumber.Bytes()); got != want.renewable {
				t.Errorf("%s, after %s: renewable %v", name, at, got)
			}
			if got := l.over(now.Add(at)); got != want.over {
				t.Errorf("%s, after %s: over %v", name, at, got)
			}
		}
		if !l.renewable(now.Add(-24*time.Hour), leaf.SerialNumber.Bytes()) {
			t.Errorf("%s: not renewed when this cluster's clock was put back", name)
		}
		data := map[string][]byte{}
		l.write(data)
		again, err := readLife(data, leaf)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(l, again, cmp.AllowUnexported(tenure{}), cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); diff != "" {
			t.Errorf("read back (-want +got):\n%s", diff)
		}
	}
}

func TestRenewalsOfAFleetAreSpread(t *testing.T) {
	now := time.Now()
	l := tenure{received: now, lasts: 24 * time.Hour}
	early := 0
	for serial := range 200 {
		if l.renewable(now.Add(16*time.Hour), big.NewInt(int64(serial)+1000).Bytes()) {
			early++
		}
	}
	if early < 50 || early > 150 {
		t.Errorf("%d of 200 renew before two thirds of their life", early)
	}
}

// TestACertificateThatTheServiceDoesNotTakeIsRenewed: whatever the cluster reckons.
func TestACertificateThatTheServiceDoesNotTakeIsRenewed(t *testing.T) {
	for name, err := range map[string]error{
		"by an alert": &keyservice.UnavailableError{Err: &net.OpError{Op: "remote error", Err: errors.New("tls: expired certificate")}},
		"by a reason": &keyservice.DeniedError{Reason: keyservicev1.ReasonCertificate},
	} {
		var failed *loop.Error
		if got := requestError(err); !errors.As(got, &failed) || !failed.Stale || failed.Reason != v1alpha1.KeyServiceUnavailableReason {
			t.Errorf("%s: %+v, want a retry after the next pass", name, got)
		}
		if !MayUseGrace(err) {
			t.Errorf("%s: the place for expired ones is not tried", name)
		}
	}
	if MayUseGrace(&keyservice.DeniedError{Reason: keyservicev1.ReasonSuspended}) {
		t.Error("the grace is tried against a decision")
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(7)}
	link := &Link{serial: "7"}
	if link.Refused(&Identity{certificate: leaf}) {
		t.Error("refused before it was")
	}
	link.refuse()
	if !link.Refused(&Identity{certificate: leaf}) || link.Refused(&Identity{certificate: &x509.Certificate{SerialNumber: big.NewInt(8)}}) {
		t.Error("not exactly this certificate is refused")
	}
}
