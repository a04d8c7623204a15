package journal

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/bulla-dev/bulla/keyservice/audit"
)

// BenchmarkAppend is one append of so many entries to a log of some thousand:
// marshalling, hashing, a signature in software, rows on disk.
func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("entries=%d", n), func(b *testing.B) {
			w := newBench(b)
			entries := make([]audit.Entry, n)
			for i := range entries {
				entries[i] = audit.Entry{
					Kind: audit.Unseal, Outcome: "Granted", Request: "0123456789abcdef", Cluster: "prod-eu",
					Certificate: "0123456789abcdef0123456789abcdef", Identity: fmt.Sprintf("sha256:%064d", 1),
					Head: fmt.Sprintf("%040d", 1), Revision: fmt.Sprintf("%040d", 1),
					Placement: "payments", Object: fmt.Sprintf("payments/secret-%d", i), Digest: fmt.Sprintf("sha256:%064x", i*7919),
					Targets: []string{"set/all"}, Keys: []string{"2026-11-a"}, Operations: 1,
				}
			}
			var before, after syscall.Rusage
			if err := syscall.Getrusage(syscall.RUSAGE_SELF, &before); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := w.j.Append(b.Context(), entries); err != nil {
					b.Fatal(err)
				}
			}
			if err := syscall.Getrusage(syscall.RUSAGE_SELF, &after); err != nil {
				b.Fatal(err)
			}
			busy := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/entry")
			b.ReportMetric(float64(busy)/1000/float64(b.N*n), "cpu-µs/entry")
			if info, err := os.Stat(w.path); err == nil {
				b.ReportMetric(float64(info.Size())/float64(w.j.tip.Load().Size), "bytes/entry")
			}
		})
	}
}
