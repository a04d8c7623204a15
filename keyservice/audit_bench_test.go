package keyservice_test

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// BenchmarkAuditCost unseals batches of 100 stubs with the audit log (entries,
// signature, rows on disk, a proof for each stub and one that the log grew) and,
// turn by turn in the same run, without it: "cost-%" is by how much the log
// lowers the rate. What a cluster does to check the proofs is not in it.
func BenchmarkAuditCost(b *testing.B) {
	for _, suite := range []v1alpha1.Suite{v1alpha1.SuiteHybrid, v1alpha1.SuiteP256} {
		for _, clients := range []int{1, 4, 16} {
			b.Run(fmt.Sprintf("suite=%s/clients=%d", suite, clients), func(b *testing.B) {
				w := newWorldWith(b, suite, 2)
				unseal := w.unchecked(b)
				unseal(true) // builds the index
				round := func(recorded bool) time.Duration {
					start := time.Now()
					var group sync.WaitGroup
					for range clients {
						group.Go(func() { unseal(recorded) })
					}
					group.Wait()
					return time.Since(start)
				}
				round(true)
				var with, without time.Duration
				for b.Loop() {
					with += round(true)
					restore := w.service.Unrecorded()
					without += round(false)
					restore()
				}
				n := float64(b.N * batch * clients)
				b.ReportMetric(n/with.Seconds(), "unseals/s")
				b.ReportMetric(n/without.Seconds(), "unrecorded/s")
				b.ReportMetric(100*(1-without.Seconds()/with.Seconds()), "cost-%")
			})
		}
	}
}

// unchecked asks for a batch, and that the log grew from what it saw last.
func (w *world) unchecked(b *testing.B) func(recorded bool) {
	eu, head, digests := w.benchFleet()
	rpc := rawClient(w, eu.credentials.Certificate)
	var seen atomic.Uint64
	return func(recorded bool) {
		question := &keyservicev1.UnsealRequest{Revision: head, Nonce: make([]byte, 16), Digests: digests}
		if recorded {
			question.LogSize = seen.Load()
		}
		answer, err := rpc.Unseal(b.Context(), question)
		if err != nil {
			b.Error(err)
			return
		}
		for _, result := range answer.GetResults() {
			if len(result.GetStanzas()) != 1 {
				b.Errorf("refused: %v", result.GetRefusal())
			}
		}
		if lines := bytes.Split(answer.GetLog().GetCheckpoint(), []byte("\n")); len(lines) > 1 {
			size, err := strconv.ParseUint(string(lines[1]), 10, 64)
			if err != nil {
				b.Error(err)
			}
			seen.Store(size)
		}
	}
}
