package keyservice_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1/keyservicev1connect"
)

// BenchmarkHeldCalls is a fleet that waits to be told: each cluster with its own
// certificate, connection and call, in another process, so that memory and time are the
// service's own. Then a push is told to all of them. BULLA_HELD chooses the sizes: 300
// unless told.
func BenchmarkHeldCalls(b *testing.B) {
	sizes := os.Getenv("BULLA_HELD")
	if sizes == "" {
		sizes = "300"
	}
	for _, size := range strings.Split(sizes, ",") {
		n, err := strconv.Atoi(size)
		must(b, err)
		b.Run("clusters="+size, func(b *testing.B) { benchmarkHeld(b, n) })
	}
}

func benchmarkHeld(b *testing.B, clusters int) {
	w := newWorld(b)
	plan := reconnecting{URL: w.url, CA: w.service.Authority().Raw}
	files := map[string]string{}
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
	plan.Head = w.commit(files)
	w.tell(hookSecret, `{}`)
	w.eventually("the head is accepted", func() bool { return strings.Contains(w.logs.String(), plan.Head) })
	path := filepath.Join(b.TempDir(), "plan.json")
	data, err := json.Marshal(plan)
	must(b, err)
	must(b, os.WriteFile(path, data, 0o600))
	data, files = nil, nil
	_, _ = data, files
	for range b.N {
		debug.FreeOSMemory()
		before := resident(b)
		cmd := exec.CommandContext(b.Context(), os.Args[0])
		cmd.Env, cmd.Stderr = append(os.Environ(), heldEnv+"="+path), os.Stderr
		out, err := cmd.StdoutPipe()
		must(b, err)
		must(b, cmd.Start())
		w.holds(clusters)
		debug.FreeOSMemory()
		b.ReportMetric((resident(b)-before)*1024/float64(clusters), "KiB/call")
		const idle = 20 * time.Second
		used := processorTime(b)
		time.Sleep(idle)
		b.ReportMetric(100*(processorTime(b)-used).Seconds()/idle.Seconds(), "idle-%cpu")
		w.commit(map[string]string{"README.md": time.Now().String()})
		told := time.Now()
		w.tell(hookSecret, `{}`)
		lines := bufio.NewScanner(out)
		for n := range clusters {
			if !lines.Scan() {
				b.Fatalf("%d of %d were told", n, clusters)
			}
			if n == 0 {
				b.ReportMetric(time.Since(told).Seconds(), "first-s")
			}
		}
		b.ReportMetric(time.Since(told).Seconds(), "last-s")
		must(b, cmd.Wait())
	}
}

// resident is the memory of this process, in MiB.
func resident(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/statm")
	must(b, err)
	pages, err := strconv.ParseFloat(strings.Fields(string(status))[1], 64)
	must(b, err)
	return pages * float64(os.Getpagesize()) / (1 << 20)
}

func processorTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

const heldEnv = "BULLA_HELD_PLAN"

// maybeHold is the process of the clusters. It says a line for each that was told.
func maybeHold() {
	path := os.Getenv(heldEnv)
	if path == "" {
		return
	}
	if err := hold(path); err != nil {
		fmt.Fprintln(os.Stderr, "hold:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func hold(path string) error {
	plan, roots, err := readPlan(path)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	for _, c := range plan.Clusters {
		all.Go(func() {
			if err := c.hold(plan, roots); err != nil {
				fmt.Fprintln(os.Stderr, "hold:", err)
				return
			}
			fmt.Println("told")
		})
	}
	all.Wait()
	return nil
}

// hold waits as a controller does, pings included.
func (c *reconnectingCluster) hold(plan *reconnecting, roots *x509.CertPool) error {
	key, err := x509.ParsePKCS8PrivateKey(c.Key)
	if err != nil {
		return err
	}
	transport := &http.Transport{
		ForceAttemptHTTP2: true, DisableCompression: true, TLSHandshakeTimeout: time.Minute,
		HTTP2: &http.HTTP2Config{SendPingTimeout: 10 * time.Second},
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13,
			Certificates: []tls.Certificate{{Certificate: [][]byte{c.Certificate}, PrivateKey: key}}},
	}
	defer transport.CloseIdleConnections()
	rpc := keyservicev1connect.NewKeyServiceClient(&http.Client{Transport: transport}, plan.URL)
	for {
		answer, err := rpc.AwaitHead(context.Background(), &keyservicev1.AwaitHeadRequest{Head: plan.Head})
		if err != nil { // a busy machine loses pings
			time.Sleep(time.Second + rand.N(2*time.Second))
			continue
		}
		if answer.GetHead() != plan.Head {
			return nil
		}
	}
}
