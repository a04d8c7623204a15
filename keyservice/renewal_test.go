package keyservice_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1/keyservicev1connect"
)

// TestTheRenewalListenerHasOneRoute pins its whole attack surface.
func TestTheRenewalListenerHasOneRoute(t *testing.T) {
	want := []keyservice.Route{{Method: "POST", Path: "/bulla.keyservice.v1.KeyService/Renew", Body: 4096,
		Timeout: 15 * time.Second, InFlight: 16, Auth: keyservice.AuthExpired}}
	if diff := cmp.Diff(want, keyservice.RenewalRoutes()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// grace is a client of the renewal listener.
func (m *member) grace() *client.Client {
	c := client.New(m.w.renewal, m.credentials.Certificate, m.credentials.CA, m.log)
	m.w.t.Cleanup(c.Close)
	return c
}

func TestAnExpiredCertificateIsRenewedInItsGraceAndServesForNothingElse(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	if f.eu.credentials.GraceURL != f.renewal {
		t.Errorf("enrolment names %q, want %q", f.eu.credentials.GraceURL, f.renewal)
	}
	f.offset.Store(int64(2 * 24 * time.Hour))
	if _, err := f.eu.dial().Renew(t.Context()); err == nil {
		t.Error("the main listener took an expired certificate")
	}
	renewed, err := f.eu.grace().Renew(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if life := renewed.Life.Round(time.Minute); life != 24*time.Hour {
		t.Errorf("the new certificate lives %s, want 24h", life)
	}
	c := client.New(f.url, renewed.Certificate, renewed.CA, f.eu.log)
	defer c.Close()
	answers, err := c.Unseal(t.Context(), f.head, []string{f.digest})
	if err != nil || !answers.Results[f.digest].Granted() {
		t.Errorf("with the new certificate: %v", err)
	}
	// Every other procedure, over a connection that the listener accepts.
	methods := keyservicev1.File_keyservice_keyservicev1_keyservice_proto.Services()
	tried := 0
	for s := range methods.Len() {
		for m := range methods.Get(s).Methods().Len() {
			method := methods.Get(s).Methods().Get(m)
			path := "/" + string(methods.Get(s).FullName()) + "/" + string(method.Name())
			if path == keyservicev1connect.KeyServiceRenewProcedure {
				continue
			}
			tried++
			if status := f.post(f.renewal+path, f.eu.credentials.Certificate); status != http.StatusNotFound {
				t.Errorf("%s: status %d, want 404", path, status)
			}
		}
	}
	if tried < 5 {
		t.Errorf("%d procedures tried", tried)
	}
}

// post sends an empty JSON message and returns the status.
func (w *world) post(url string, certificate tls.Certificate) int {
	w.t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(w.service.Authority())
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13}}
	defer transport.CloseIdleConnections()
	r, err := (&http.Client{Transport: transport}).Post(url, "application/json", bytes.NewReader([]byte("{}")))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Body.Close()
	return r.StatusCode
}

func TestTheRenewalListenerRefuses(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	other := newFixture(t)
	unmerged := f.join("prod-jp")
	removed, suspended, replaced := f.join("gone"), f.join("suspended"), f.join("replaced")
	f.head = f.commit(map[string]string{
		suspended.path(): suspended.file(func(c *api.Cluster) { c.Spec.Suspend = true }, "all"),
		replaced.path():  newMember(f.world, "replaced").file(nil, "all"),
		removed.path():   removed.file(nil, "all"),
	})
	f.head = f.commit(map[string]string{removed.path(): ""})
	f.settle(f.head)
	f.offset.Store(int64(2 * 24 * time.Hour))
	for name, c := range map[string]struct {
		who    *member
		reason string
	}{
		"a cluster whose file was never merged":    {unmerged, keyservicev1.ReasonNotInFleet},
		"a cluster whose file was removed":         {removed, keyservicev1.ReasonNotInFleet},
		"a suspended cluster":                      {suspended, keyservicev1.ReasonSuspended},
		"a cluster whose file names another key":   {replaced, keyservicev1.ReasonIdentity},
		"a certificate of another fleet's service": {&member{w: f.world, credentials: &client.Credentials{Certificate: other.eu.credentials.Certificate, CA: f.service.Authority()}}, ""},
	} {
		_, err := c.who.grace().Renew(t.Context())
		if c.reason != "" {
			wantDenied(t, err, c.reason)
		} else if err == nil {
			t.Errorf("%s: renewed", name)
		}
	}
	if _, err := rawClientAt(f.world, f.renewal, tls.Certificate{}).Renew(t.Context(), &keyservicev1.RenewRequest{}); err == nil {
		t.Error("a caller without a certificate: answered")
	}
	over := f.eu.grace()
	if _, err := over.Renew(t.Context()); err != nil {
		t.Fatalf("a cluster in the fleet: %v", err)
	}
	// The grace ends on open connections too, and for new ones.
	f.offset.Store(int64(24*time.Hour + 7*24*time.Hour + time.Minute))
	_, err := over.Renew(t.Context())
	wantDenied(t, err, keyservicev1.ReasonCertificate)
	if _, err := f.eu.grace().Renew(t.Context()); err == nil {
		t.Error("renewed after its grace")
	}
}

// TestClocksADayApartAreNoTrouble: enrolment, renewal and unsealing work while
// the service's clock is a day ahead of the cluster's, or behind.
func TestClocksADayApartAreNoTrouble(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"the service's is ahead": 24 * time.Hour, "the service's is behind": -24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			w := newWorldAt(t, ahead)
			m := newMember(w, "prod-eu")
			token := w.joinToken("prod-eu", 72*time.Hour)
			credentials, err := client.Enroll(t.Context(), m.options(token))
			if err != nil {
				t.Fatalf("enrol: %v", err)
			}
			if skew := credentials.Skew.Round(time.Minute); skew != ahead {
				t.Errorf("the cluster sees the service's clock %s ahead, want %s", skew, ahead)
			}
			if life := credentials.Life.Round(time.Minute); life != 24*time.Hour {
				t.Errorf("the certificate is good for %s, want 24h", life)
			}
			w.eventually("a head is accepted", w.isReady)
			c := client.New(w.url, credentials.Certificate, credentials.CA, m.log)
			defer c.Close()
			head := w.commit(map[string]string{m.path(): m.file(nil, "all")})
			if _, err := c.Unseal(t.Context(), head, []string{"sha256:" + strings.Repeat("0", 64)}); err != nil {
				t.Fatalf("unseal: %v", err)
			}
			renewed, err := c.Renew(t.Context())
			if err != nil {
				t.Fatalf("renew: %v", err)
			}
			if !strings.Contains(w.get("/metrics"), "bulla_keyservice_clocks_apart_total 1") {
				t.Error("the service does not say so")
			}
			// The service's clock is put right: what it issued stays good, or is
			// renewed in its grace.
			w.offset.Store(0)
			at := w.url
			if ahead < 0 {
				at = w.renewal
			}
			after := client.New(at, renewed.Certificate, renewed.CA, m.log)
			defer after.Close()
			if _, err := after.Renew(t.Context()); err != nil {
				t.Errorf("after the clock was put right: %v", err)
			}
		})
	}
}
