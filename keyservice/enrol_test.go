package keyservice_test

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/enrolment"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1/keyservicev1connect"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

func wantDenied(t *testing.T, err error, reason string) {
	t.Helper()
	var denied *client.DeniedError
	if !errors.As(err, &denied) || denied.Reason != reason {
		t.Errorf("%v, want reason %s", err, reason)
	}
}

func TestAJoinTokenEnrolsOneClusterOnce(t *testing.T) {
	w := newWorld(t)
	token := w.joinToken("prod-eu", time.Hour)
	parsed, err := protocol.ParseJoinToken(token.String() + "\n")
	if err != nil || parsed != token {
		t.Fatalf("round trip: %v, %v", parsed != token, err)
	}
	m := newMember(w, "prod-eu")
	credentials, err := client.Enroll(t.Context(), m.options(token))
	if err != nil {
		t.Fatal(err)
	}
	leaf := credentials.Certificate.Leaf
	if got, want := leaf.URIs[0].String(), "bulla://"+w.fleet+"/prod-eu"; got != want {
		t.Errorf("certificate names %s, want %s", got, want)
	}
	if life := time.Until(leaf.NotAfter); life > 24*time.Hour || life < 23*time.Hour {
		t.Errorf("certificate lives %s, want 24h", life)
	}
	if protocol.SPKIHash(leaf) != m.spki() {
		t.Error("certificate is for another key")
	}
	_, err = client.Enroll(t.Context(), m.options(token))
	wantDenied(t, err, keyservicev1.ReasonJoinToken)
	if strings.Contains(w.logs.String(), token.Secret) {
		t.Error("the log holds the token")
	}
}

// TestWhatIsWrongWithAJoinTokenIsToldToTheOperatorAlone: all of them have one answer,
// and each its own line in the log and its own entry.
func TestWhatIsWrongWithAJoinTokenIsToldToTheOperatorAlone(t *testing.T) {
	w := newWorld(t)
	m := newMember(w, "prod-eu")
	used, expired, unknown, foreign := w.joinToken("prod-eu", 3*time.Hour), w.joinToken("prod-us", time.Hour), w.joinToken("prod-eu", 3*time.Hour), w.joinToken("prod-eu", 3*time.Hour)
	if _, err := client.Enroll(t.Context(), m.options(used)); err != nil {
		t.Fatal(err)
	}
	unknown.Secret = strings.Repeat("A", 43)
	other := strings.Repeat("9", 32)
	secret, row := enrolment.NewJoinToken(other, "prod-eu", 3*time.Hour, time.Now())
	if err := w.rows.Do(t.Context(), w.rows.AddJoinToken(row)); err != nil {
		t.Fatal(err)
	}
	foreign.Secret = secret
	w.offset.Store(int64(2 * time.Hour))
	var answers []string
	for _, c := range []struct {
		token protocol.JoinToken
		says  string
	}{
		{used, `the one for cluster "prod-eu" was used at 20`},
		{expired, `the one for cluster "prod-us" expired at 20`},
		{unknown, "this service never made it"},
		{foreign, "is of fleet " + other},
	} {
		_, err := client.Enroll(t.Context(), m.options(c.token))
		wantDenied(t, err, keyservicev1.ReasonJoinToken)
		answers = append(answers, err.Error())
		entries := w.recorded(audit.Enrol)
		if e := entries[len(entries)-1]; e.Outcome != keyservicev1.ReasonJoinToken || e.Cluster != "" || !strings.Contains(e.Detail, c.says) {
			t.Errorf("entry %+v, want %q", e, c.says)
		}
		if logged := strings.ReplaceAll(w.logs.String(), `\"`, `"`); !strings.Contains(logged, c.says) || strings.Contains(logged, c.token.Secret) {
			t.Errorf("the log does not say %q, or holds the token:\n%s", c.says, logged)
		}
	}
	if len(slices.Compact(answers)) != 1 {
		t.Errorf("strangers are told what is wrong: %q", answers)
	}
}

func TestAJoinTokenIsRefused(t *testing.T) {
	w := newWorld(t)
	m := newMember(w, "prod-eu")
	t.Run("when it expired", func(t *testing.T) {
		token := w.joinToken("prod-eu", time.Hour)
		w.offset.Store(int64(2 * time.Hour))
		defer w.offset.Store(0)
		_, err := client.Enroll(t.Context(), m.options(token))
		wantDenied(t, err, keyservicev1.ReasonJoinToken)
	})
	t.Run("when nobody made it", func(t *testing.T) {
		token := w.joinToken("prod-eu", time.Hour)
		token.Secret = strings.Repeat("A", 43)
		_, err := client.Enroll(t.Context(), m.options(token))
		wantDenied(t, err, keyservicev1.ReasonJoinToken)
	})
	t.Run("when it is another cluster's, renamed", func(t *testing.T) {
		// The service names the cluster of its own row; the client sees that
		// the certificate is not the one it wanted.
		token := w.joinToken("lab", time.Hour)
		token.Cluster = "prod-eu"
		if _, err := client.Enroll(t.Context(), m.options(token)); err == nil || !strings.Contains(err.Error(), `"lab"`) {
			t.Errorf("%v, want a certificate for another cluster refused", err)
		}
	})
	t.Run("by the client, when the authority is not the pinned one", func(t *testing.T) {
		token := w.joinToken("prod-eu", time.Hour)
		token.CAHash = "sha256:" + strings.Repeat("0", 64)
		if _, err := client.Enroll(t.Context(), m.options(token)); !errors.Is(err, client.ErrUnavailable) {
			t.Errorf("%v, want no connection", err)
		}
		token.CAHash = protocol.SPKIHash(w.service.Authority())
		if _, err := client.Enroll(t.Context(), m.options(token)); err != nil {
			t.Errorf("the token was sent to a service that was not verified: %v", err)
		}
	})
	t.Run("with one character changed in each place of its text", func(t *testing.T) {
		text := w.joinToken("prod-eu", time.Hour).String()
		for _, bad := range []string{text[1:], text[:len(text)-9], strings.ToUpper(text), text + "AAAA", "bulla2_" + text[7:]} {
			if _, err := protocol.ParseJoinToken(bad); err == nil {
				t.Error("a damaged token parses")
			} else if strings.Contains(err.Error(), text[20:60]) {
				t.Error("the error quotes the token")
			}
		}
	})
}

// TestAChallengeIsAnsweredOnce goes below the client, as an attacker would who
// saw one exchange.
func TestAChallengeIsAnsweredOnce(t *testing.T) {
	w := newWorld(t)
	m := newMember(w, "prod-eu")
	token := w.joinToken("prod-eu", time.Hour)
	roots := x509.NewCertPool()
	roots.AddCert(w.service.Authority())
	rpc := keyservicev1connect.NewKeyServiceClient(&http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}}}, w.url)
	begin := func() []byte {
		csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{"other"}}, m.key)
		if err != nil {
			t.Fatal(err)
		}
		begun, err := rpc.BeginEnroll(t.Context(), &keyservicev1.BeginEnrollRequest{Token: token.Secret, Csr: csr, Recipient: m.identity.Recipient().String()})
		if err != nil {
			t.Fatal(err)
		}
		r, err := age.Decrypt(bytes.NewReader(begun.GetChallenge()), m.identity)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	complete := func(answer []byte) error {
		_, err := rpc.CompleteEnroll(t.Context(), &keyservicev1.CompleteEnrollRequest{Token: token.Secret, Answer: answer})
		return err
	}
	first, second := begin(), begin()
	if err := complete(first); err == nil {
		t.Error("the answer to an earlier challenge was taken")
	}
	if err := complete(second); err == nil {
		t.Error("the right answer was taken after a wrong one")
	}
	third := begin()
	if err := complete(third); err != nil {
		t.Errorf("the right answer: %v", err)
	}
	if err := complete(third); err == nil {
		t.Error("a replayed answer was taken")
	}
}

func TestACertificateIsRenewedForItsOwnKeyOnly(t *testing.T) {
	w := newWorld(t)
	m := w.join("prod-eu")
	w.eventually("a head is accepted", w.isReady)
	renewed, err := m.client.Renew(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if renewed.Certificate.Leaf.SerialNumber.Cmp(m.credentials.Certificate.Leaf.SerialNumber) == 0 {
		t.Error("the same certificate again")
	}
	// Another key with this certificate: the request's signature is right, its
	// key is not the certificate's.
	other := newMember(w, "prod-eu")
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, other.key)
	if err != nil {
		t.Fatal(err)
	}
	_, err = rawClient(w, m.credentials.Certificate).Renew(t.Context(), &keyservicev1.RenewRequest{Csr: csr})
	if err == nil || !strings.Contains(err.Error(), keyservicev1.ReasonIdentity) {
		t.Errorf("%v, want reason %s", err, keyservicev1.ReasonIdentity)
	}
	names, err := w.rows.Enrolled(t.Context(), w.fleet, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"prod-eu"}, names); diff != "" {
		t.Error(diff)
	}
}

func rawClient(w *world, certificate tls.Certificate, options ...connect.ClientOption) keyservicev1connect.KeyServiceClient {
	return rawClientAt(w, w.url, certificate, options...)
}

func rawClientAt(w *world, url string, certificate tls.Certificate, options ...connect.ClientOption) keyservicev1connect.KeyServiceClient {
	roots := x509.NewCertPool()
	roots.AddCert(w.service.Authority())
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{
		RootCAs: roots, MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{certificate}}}
	w.t.Cleanup(transport.CloseIdleConnections)
	return keyservicev1connect.NewKeyServiceClient(&http.Client{Transport: transport}, url, options...)
}

func (w *world) isReady() bool {
	r, err := http.Get(w.health + "/readyz")
	if err != nil {
		w.t.Fatal(err)
	}
	r.Body.Close()
	return r.StatusCode == http.StatusOK
}
