package hsm_test

import (
	"crypto/ecdh"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

// BenchmarkRawECDH is the token's own rate: derive, read and destroy, in this
// process, with nothing between. One operation is one ECDH.
func BenchmarkRawECDH(b *testing.B) {
	for _, sessions := range []int{1, 2} {
		b.Run(fmt.Sprintf("sessions=%d", sessions), func(b *testing.B) { benchmarkRaw(b, sessions) })
	}
}

func benchmarkRaw(b *testing.B, sessions int) {
	bench := newBench(b, api.SuiteP256, nil)
	bench.worker.Close()
	for _, env := range bench.token.Env {
		name, value, _ := strings.Cut(env, "=")
		b.Setenv(name, value)
	}
	d, err := hsm.OpenDirect(bench.token.Config(fleet), sessions, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	peer, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	point := peer.PublicKey().Bytes()
	b.ResetTimer()
	var wg sync.WaitGroup
	for i := range sessions {
		wg.Go(func() {
			if err := d.ExchangeMany(keyID, point, (b.N+i)/sessions); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
}

// BenchmarkWorkerOpen is the whole way: batches of 100 opens, each through the
// pipe, HPKE and the token. One operation is one open.
func BenchmarkWorkerOpen(b *testing.B) {
	for _, suite := range []api.Suite{api.SuiteHybrid, api.SuiteP256} {
		for _, sessions := range []int{1, 2} {
			b.Run(fmt.Sprintf("suite=%s/sessions=%d", suite, sessions), func(b *testing.B) { benchmarkOpen(b, suite, sessions) })
		}
	}
}

func benchmarkOpen(b *testing.B, suite api.Suite, sessions int) {
	const batch = 100
	bench := newBench(b, suite, func(c *hsm.Config) { c.Sessions = sessions })
	sealed := seal(b, bench.made.Sealing, "info", "a file key of 16")
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += batch {
		var wg sync.WaitGroup
		for range min(batch, b.N-done) {
			wg.Go(func() {
				if _, err := bench.worker.Open(b.Context(), keyID, []byte("info"), sealed); err != nil {
					b.Error(err)
				}
			})
		}
		wg.Wait()
	}
	b.StopTimer()
}
