package keyservice_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1/keyservicev1connect"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

const stubsEach = 50

// BenchmarkReconnect is a fleet that reconnects as one: each cluster with its own
// certificate, connection and TLS 1.3 handshake, and 50 stubs to unseal. The
// clusters are another process, so that the memory is the service's own. What each
// does when it is sent away is what a controller does. BULLA_RECONNECT chooses the
// sizes: 100,1000 unless told. SoftHSM computes on the processors of everybody
// else, as no HSM does: BULLA_RECONNECT_DELAY (2ms) is added to each of its
// operations and makes it the bottleneck that it is in production.
func BenchmarkReconnect(b *testing.B) {
	sizes, delay := os.Getenv("BULLA_RECONNECT"), time.Duration(0)
	if sizes == "" {
		sizes = "100,1000"
	}
	if text := os.Getenv("BULLA_RECONNECT_DELAY"); text != "" {
		var err error
		delay, err = time.ParseDuration(text)
		must(b, err)
	}
	for _, size := range strings.Split(sizes, ",") {
		n, err := strconv.Atoi(size)
		must(b, err)
		b.Run(fmt.Sprintf("clusters=%s/token+%s", size, delay), func(b *testing.B) { benchmarkReconnect(b, n, delay) })
	}
}

// reconnecting is what the process of the clusters is told.
type reconnecting struct {
	URL, Head string
	CA        []byte
	Digests   []string
	Clusters  []reconnectingCluster
}

type reconnectingCluster struct{ Certificate, Key []byte }

// reconnected is what it says at the end.
type reconnected struct {
	Seconds  float64
	SentAway int64
	Failed   int64
	// First is the first failure.
	First string
}

func benchmarkReconnect(b *testing.B, clusters int, delay time.Duration) {
	const sessions = 2
	w := newWorldWith(b, api.SuiteHybrid, sessions)
	plan := reconnecting{URL: w.url, CA: w.service.Authority().Raw}
	files := map[string]string{"placements/bench.yaml": placementFile("bench", "bench", "set/all")}
	for i := range stubsEach {
		name := fmt.Sprintf("s%03d", i)
		file, digest := w.seal(stub{namespace: "bench", name: name, values: map[string]string{"/data/key": "value"}})
		files["apps/bench/"+name+".yaml"] = file
		plan.Digests = append(plan.Digests, digest)
	}
	recipient := newMember(w, "any")
	for i := range clusters {
		name := fmt.Sprintf("c%05d", i)
		key, der := w.issueTo(b, name)
		pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
		must(b, err)
		plan.Clusters = append(plan.Clusters, reconnectingCluster{Certificate: der, Key: pkcs8})
		m := &member{w: w, name: name, key: key, identity: recipient.identity}
		files[m.path()] = m.file(nil, "all")
	}
	probe := w.join("probe")
	files[probe.path()] = probe.file(nil, "all")
	plan.Head = w.commit(files)
	// A head with ten thousand new files takes its time.
	w.eventually("the head is accepted", func() bool {
		answers, err := probe.client.Unseal(b.Context(), plan.Head, plan.Digests)
		return err == nil && answers.Head == plan.Head && answers.Results[plan.Digests[0]].Granted()
	})
	raw := newRawToken(b, w, sessions)
	if delay > 0 {
		must(b, w.token.Fault("C_DeriveKey", 0, 1, delay))
	}
	raw.exchange(b, 1000)
	start := time.Now()
	raw.exchange(b, 3000)
	bare := 3000 / time.Since(start).Seconds()
	path := filepath.Join(b.TempDir(), "plan.json")
	data, err := json.Marshal(plan)
	must(b, err)
	must(b, os.WriteFile(path, data, 0o600))
	data, files, plan.Clusters = nil, nil, nil
	_, _ = data, files
	for range b.N {
		debug.FreeOSMemory()                                      // what making the fleet took
		_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // the peak counts from here
		b.ReportMetric(peakMiB(b), "before-MiB")
		before := w.operations()
		result := runClusters(b, path)
		if result.Failed > 0 {
			b.Fatalf("%d of %d clusters failed: %s", result.Failed, clusters, result.First)
		}
		operations := float64(w.operations() - before)
		if least := float64(clusters * stubsEach); operations < least {
			b.Errorf("%.0f operations in the token, want %.0f or, where answers came too late, more", operations, least)
		}
		unseals := float64(clusters * stubsEach)
		b.ReportMetric(result.Seconds, "s")
		b.ReportMetric(unseals/result.Seconds, "unseals/s")
		b.ReportMetric(result.Seconds/(unseals/bare), "of-token-time")
		b.ReportMetric(float64(result.SentAway)/float64(clusters), "sent-away/cluster")
		b.ReportMetric(peakMiB(b), "peak-MiB")
	}
}

// issueTo makes a cluster's certificate with the authority's key, without the two
// requests of an enrolment.
func (w *world) issueTo(b *testing.B, name string) (*ecdsa.PrivateKey, []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(b, err)
	signer, err := w.worker.Signer(b.Context(), hsm.SignerLabel(w.fleet, hsm.RoleCA))
	must(b, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes([]byte(rand.Text()[:8])), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, URIs: []*url.URL{protocol.ClusterURI(w.fleet, name)},
	}, w.service.Authority(), key.Public(), signer)
	must(b, err)
	return key, der
}

func peakMiB(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	must(b, err)
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			must(b, err)
			return kib / 1024
		}
	}
	b.Fatal("no VmHWM")
	return 0
}

const clustersEnv = "BULLA_RECONNECT_PLAN"

func runClusters(b *testing.B, plan string) (result reconnected) {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), clustersEnv+"="+plan), os.Stderr
	out, err := cmd.Output()
	must(b, err)
	must(b, json.Unmarshal(out, &result))
	return result
}

// maybeReconnect is the process of the clusters.
func maybeReconnect() {
	path := os.Getenv(clustersEnv)
	if path == "" {
		return
	}
	if err := reconnect(path); err != nil {
		fmt.Fprintln(os.Stderr, "reconnect:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// readPlan reads what clusters are to do, and whom they trust.
func readPlan(path string) (*reconnecting, *x509.CertPool, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	plan := &reconnecting{}
	if err := json.Unmarshal(data, plan); err != nil {
		return nil, nil, err
	}
	ca, err := x509.ParseCertificate(plan.CA)
	if err != nil {
		return nil, nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	return plan, roots, nil
}

func reconnect(path string) error {
	plan, roots, err := readPlan(path)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	var sentAway, failed atomic.Int64
	var first sync.Once
	var out reconnected
	start := time.Now()
	for _, c := range plan.Clusters {
		all.Go(func() {
			if err := c.run(plan, roots, &sentAway); err != nil {
				failed.Add(1)
				first.Do(func() { out.First = err.Error() })
			}
		})
	}
	all.Wait()
	out.Seconds, out.SentAway, out.Failed = time.Since(start).Seconds(), sentAway.Load(), failed.Load()
	return json.NewEncoder(os.Stdout).Encode(out)
}

// run asks until it is answered, as a controller: sent away, it comes back when
// told, with jitter; without an answer, later and later.
func (c *reconnectingCluster) run(plan *reconnecting, roots *x509.CertPool, sentAway *atomic.Int64) error {
	key, err := x509.ParsePKCS8PrivateKey(c.Key)
	if err != nil {
		return err
	}
	transport := &http.Transport{ForceAttemptHTTP2: true, DisableCompression: true, TLSHandshakeTimeout: 30 * time.Second,
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13,
			Certificates: []tls.Certificate{{Certificate: [][]byte{c.Certificate}, PrivateKey: key}}}}
	defer transport.CloseIdleConnections()
	rpc := keyservicev1connect.NewKeyServiceClient(&http.Client{Transport: transport}, plan.URL)
	wait := time.Second
	for end := time.Now().Add(30 * time.Minute); time.Now().Before(end); {
		answer, err := rpc.Unseal(context.Background(), &keyservicev1.UnsealRequest{
			Revision: plan.Head, Nonce: bytes.Repeat([]byte{1}, 16), Digests: plan.Digests})
		var refused *connect.Error
		switch {
		case err == nil:
			again := false
			for _, r := range answer.GetResults() {
				switch r.GetRefusal() {
				case keyservicev1.Refusal_REFUSAL_UNSPECIFIED:
				case keyservicev1.Refusal_REFUSAL_UNAVAILABLE:
					again = true
				default:
					return fmt.Errorf("refused: %s", r.GetRefusal().Name())
				}
			}
			if !again {
				return nil
			}
			time.Sleep(time.Duration((0.5 + mathrand.Float64()) * float64(wait)))
			wait = min(2*wait, 30*time.Second)
		case errors.As(err, &refused) && refused.Code() == connect.CodeResourceExhausted:
			sentAway.Add(1)
			seconds, _ := strconv.Atoi(refused.Meta().Get("Retry-After"))
			time.Sleep(time.Duration((0.9 + 0.2*mathrand.Float64()) * float64(time.Duration(max(1, seconds))*time.Second)))
		case errors.As(err, &refused) && (refused.Code() == connect.CodeUnavailable || refused.Code() == connect.CodeCanceled || refused.Code() == connect.CodeDeadlineExceeded):
			time.Sleep(time.Duration((0.5 + mathrand.Float64()) * float64(wait)))
			wait = min(2*wait, 30*time.Second)
		default:
			return err
		}
	}
	return errors.New("no answer in half an hour")
}
