package keyservice_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

// BenchmarkAuditCost unseals batches of 100 stubs with the audit log and, turn by
// turn in the same run, without it: "cost-%" is by how much the log lowers the
// rate.
func BenchmarkAuditCost(b *testing.B) {
	for _, suite := range []v1alpha1.Suite{v1alpha1.SuiteHybrid, v1alpha1.SuiteP256} {
		for _, clients := range []int{1, 4, 16} {
			b.Run(fmt.Sprintf("suite=%s/clients=%d", suite, clients), func(b *testing.B) {
				w := newWorldWith(b, suite, 2)
				unseal, _ := w.benchFleet(b)
				unseal() // builds the index
				round := func() time.Duration {
					start := time.Now()
					var group sync.WaitGroup
					for range clients {
						group.Go(unseal)
					}
					group.Wait()
					return time.Since(start)
				}
				round()
				var with, without time.Duration
				for b.Loop() {
					with += round()
					restore := w.service.Unrecorded()
					without += round()
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
