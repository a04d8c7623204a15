package keyservice_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1/keyservicev1connect"
	"github.com/bulla-dev/bulla/keyservice/tally"
	"github.com/bulla-dev/bulla/keyservice/turnstile"
)

// grown is what a quota of one a second may have grown by. No machine is slow
// enough to make it wrong.
func grown(since time.Time) int64 { return int64(time.Since(since).Seconds()) + 1 }

// limitedFixture has quotas that hardly grow while a test runs.
func limitedFixture(t *testing.T, limits turnstile.Limits) *fixture {
	t.Helper()
	w := newWorld(t)
	w.stop()
	w.limits = limits
	w.start(2)
	return newFixtureIn(w)
}

// wantSentAway demands the reason, and a time to come back.
func wantSentAway(t *testing.T, err error, reason string) {
	t.Helper()
	var answer *connect.Error
	if !errors.As(err, &answer) || answer.Code() != connect.CodeResourceExhausted || answer.Message() != reason {
		t.Fatalf("%v, want ResourceExhausted with %s", err, reason)
	}
	if client.RetryAfter(err) < time.Second {
		t.Errorf("told to come back in %s", client.RetryAfter(err))
	}
}

// TestAClusterAtTenTimesItsQuotaIsLimitedAlone: it asks for unknown revisions too,
// which would hold a place for seconds each.
func TestAClusterAtTenTimesItsQuotaIsLimitedAlone(t *testing.T) {
	const burst = 40
	f := limitedFixture(t, turnstile.Limits{RequestsPerSecond: 1, RequestBurst: burst})
	began := time.Now()
	f.settle(f.head)
	others := make(chan struct{})
	var answered, sentAway atomic.Int64
	var group sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		group.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				revision := f.head
				if n%4 == 3 {
					revision = fmt.Sprintf("%040x", n)
				}
				_, err := f.eu.client.Unseal(t.Context(), revision, []string{f.digest})
				switch {
				case err == nil:
					answered.Add(1)
				case client.RetryAfter(err) > 0:
					sentAway.Add(1)
				default:
					t.Errorf("%v", err)
					return
				}
			}
		})
	}
	go func() {
		defer close(others)
		for range burst / 2 {
			if _, err := f.us.client.Unseal(t.Context(), f.head, []string{f.digest}); err != nil {
				t.Errorf("another cluster's request: %v", err)
			}
		}
	}()
	<-others
	f.eventually("it was sent away ten times as often as it may ask", func() bool { return sentAway.Load() > 10*burst })
	close(stop)
	group.Wait()
	// An answer may cost two requests, the proof of the log's growth being the other; a
	// fourth asks for what is not known.
	if n := answered.Load(); n < burst/4 || n > burst+grown(began) {
		t.Errorf("%d requests answered of a quota of %d", n, burst)
	}
	recorded, counted := 0, 0
	f.stop() // counts are recorded at the end
	for _, leaf := range f.leaves() {
		e := parse(t, leaf.Entry)
		if e.Cluster == "prod-eu" && e.Outcome == keyservicev1.ReasonLimited {
			recorded++
			counted += e.Count
		}
		if e.Cluster == "prod-us" && e.Outcome == keyservicev1.ReasonLimited {
			t.Error("the other cluster was limited")
		}
	}
	// One for each window in which it was refused, and for each way.
	most := 20 + 2*int(time.Since(began)/tally.Window)
	if recorded == 0 || recorded > most || int64(recorded+counted) < sentAway.Load()/2 {
		t.Errorf("%d entries for %d refusals, counting %d", recorded, sentAway.Load(), counted)
	}
}

// TestTheLimiterIsAskedFirst: beyond its quota a cluster is told so even if its
// certificate expired or its request is malformed.
func TestTheLimiterIsAskedFirst(t *testing.T) {
	f := limitedFixture(t, turnstile.Limits{RequestsPerSecond: 1, RequestBurst: 3})
	f.settle(f.head)
	use := func() error {
		_, err := f.eu.client.Unseal(t.Context(), f.head, []string{f.digest})
		return err
	}
	f.eventually("its quota is used up", func() bool { return client.RetryAfter(use()) > 0 })
	for name, request := range map[string]*keyservicev1.UnsealRequest{
		"a good one":        {Revision: f.head, Nonce: bytes.Repeat([]byte{1}, 16), Digests: []string{f.digest}},
		"a malformed one":   {Revision: "main"},
		"an unknown commit": {Revision: strings.Repeat("1", 40), Nonce: bytes.Repeat([]byte{1}, 16), Digests: []string{f.digest}},
	} {
		rpc := rawClient(f.world, f.eu.credentials.Certificate)
		f.eventually(name+" is limited", func() bool { // the quota grows by one a second
			_, err := rpc.Unseal(t.Context(), request)
			var answer *connect.Error
			return errors.As(err, &answer) && answer.Message() == keyservicev1.ReasonLimited &&
				answer.Meta().Get("Retry-After") != ""
		})
	}
	f.offset.Store(int64(25 * time.Hour))
	f.eventually("one with an expired certificate, on an open connection, is limited", func() bool {
		return client.RetryAfter(use()) > 0
	})
}

func TestStubsAndTheirBlocksCountAgainstAQuotaOfTheirOwn(t *testing.T) {
	f := limitedFixture(t, turnstile.Limits{DigestsPerSecond: 1, DigestBurst: 1000})
	began, digests := time.Now(), make([]string, 400)
	for i := range digests {
		digests[i] = fmt.Sprintf("sha256:%064x", i)
	}
	for range 2 {
		if _, err := f.eu.client.Unseal(t.Context(), f.head, digests); err != nil {
			t.Fatal(err)
		}
	}
	_, err := f.eu.client.Unseal(t.Context(), f.head, digests)
	wantSentAway(t, err, keyservicev1.ReasonLimited)
	// 200 are left, and some for the seconds since; each use of the stub is two
	// blocks.
	before := f.operations()
	used := 0
	for ; used < 1000; used++ {
		if _, err := f.eu.client.Unseal(t.Context(), f.head, []string{f.digest}); err != nil {
			wantSentAway(t, err, keyservicev1.ReasonLimited)
			break
		}
	}
	most := (200 + int(grown(began))) / 2
	if operations := f.operations() - before; used < 90 || used > most || operations != uint64(2*used) {
		t.Errorf("%d requests and %d operations before the limit", used, operations)
	}

	t.Log("what a report has the log name counts as well; a sign of life does not")
	us := f.us.client
	report := &keyservicev1.ReportRequest{Head: f.head}
	for i := range 400 {
		report.Secrets = append(report.Secrets, &keyservicev1.SecretReport{Placement: "payments", Namespace: "payments",
			Name: fmt.Sprint("s", i), State: keyservicev1.SecretState_SECRET_STATE_DEPROVISIONED})
	}
	for range 2 {
		if _, err := us.Report(t.Context(), report); err != nil {
			t.Fatal(err)
		}
	}
	size := len(f.leaves())
	_, err = us.Report(t.Context(), report)
	wantSentAway(t, err, keyservicev1.ReasonLimited)
	if more := len(f.leaves()) - size; more > 1 {
		t.Errorf("the report that was sent away is %d entries in the log", more)
	}
	if _, err := us.Report(t.Context(), &keyservicev1.ReportRequest{Head: f.head}); err != nil {
		t.Errorf("a sign of life: %v", err)
	}
}

func TestAClusterHoldsABoundedNumberOfPlaces(t *testing.T) {
	f := limitedFixture(t, turnstile.Limits{InFlight: 3})
	f.settle(f.head)
	if _, result := f.eu.unseal(f.head, f.digest); !result.Granted() {
		t.Fatal(result.Refusal)
	}
	f.git.Hang()
	var group sync.WaitGroup
	results := make(chan error, 12)
	for n := range 12 {
		group.Go(func() {
			_, err := f.eu.client.Unseal(t.Context(), fmt.Sprintf("%040x", n+1), []string{f.digest})
			results <- err
		})
	}
	f.eventually("the rest is sent away", func() bool { return len(results) >= 9 })
	for range 9 {
		wantSentAway(t, <-results, keyservicev1.ReasonLimited)
	}
	// The others have places.
	if _, err := f.us.client.Unseal(t.Context(), f.head, []string{f.digest}); err != nil {
		t.Errorf("another cluster: %v", err)
	}
	f.git.Heal()
	group.Wait()
	close(results)
	for err := range results {
		if err != nil {
			t.Errorf("one within its bound: %v", err)
		}
	}
}

// TestEnrolmentIsLimitedByAddressWhateverHeadersSay: a stranger guesses tokens.
func TestEnrolmentIsLimitedByAddressWhateverHeadersSay(t *testing.T) {
	f := limitedFixture(t, turnstile.Limits{EnrolmentsPerSecond: 5})
	roots := x509.NewCertPool()
	roots.AddCert(f.service.Authority())
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}}
	t.Cleanup(transport.CloseIdleConnections)
	rpc := keyservicev1connect.NewKeyServiceClient(&http.Client{Transport: transport}, f.url, connect.WithInterceptors(forge{}))
	began, limited := time.Now(), 0
	for range 60 {
		_, err := rpc.CompleteEnroll(t.Context(), &keyservicev1.CompleteEnrollRequest{Token: "guess", Answer: make([]byte, 32)})
		var answer *connect.Error
		if errors.As(err, &answer) && answer.Message() == keyservicev1.ReasonLimited {
			limited++
		}
	}
	// An address has ten guesses, and two more a second. The bound of all addresses
	// together alone lets more through, at any speed: 25, and five a second.
	if most := 10 + 2*int(grown(began)); limited == 0 || 60-limited > most {
		t.Errorf("%d of 60 guesses were limited: at most %d are an address's", limited, most)
	}
	if _, err := f.eu.client.Unseal(t.Context(), f.head, []string{f.digest}); err != nil {
		t.Errorf("a cluster from the same address: %v", err)
	}
}

// forge sends what a balancer would say of the caller.
type forge struct{}

var forged atomic.Int64

func (forge) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, r connect.AnyRequest) (connect.AnyResponse, error) {
		address := fmt.Sprintf("203.0.113.%d", forged.Add(1)%250)
		for _, header := range []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded", "True-Client-Ip"} {
			r.Header().Set(header, address)
		}
		return next(ctx, r)
	}
}

func (forge) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (forge) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

// TestAFirstApplyOfAThousandSecretsMeetsNoLimit asks as a controller does at its
// worst, one secret at a time, under the standard limits.
func TestAFirstApplyOfAThousandSecretsMeetsNoLimit(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	var group sync.WaitGroup
	next := make(chan int)
	for range 4 {
		group.Go(func() {
			for n := range next {
				if _, err := f.eu.client.Unseal(t.Context(), f.head, []string{fmt.Sprintf("sha256:%064x", n)}); err != nil {
					t.Errorf("request %d: %v", n, err)
				}
			}
		})
	}
	for n := range 1000 {
		next <- n
	}
	close(next)
	group.Wait()
	for _, e := range f.recorded(audit.Unseal) {
		if e.Outcome == keyservicev1.ReasonLimited {
			t.Fatal("it was limited")
		}
	}
}
