package keyservice_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// asks is how many batches each caller asks for in one turn: while one waits for
// its record, the token works for the others.
const asks = 4

// BenchmarkAuditCost unseals batches of 100 stubs with the audit log (entries,
// signature, rows on disk, a proof for each stub and one that the log grew) and,
// turn by turn in the same run, without it: "cost-%" is by how much the log
// lowers the rate at the median of all turns, "cpu-%" how much more of the processors service, token and
// caller use. What a cluster does to check the proofs is not in it.
func BenchmarkAuditCost(b *testing.B) {
	for _, suite := range []api.Suite{api.SuiteHybrid, api.SuiteP256} {
		for _, clients := range []int{1, 4, 16} {
			b.Run(fmt.Sprintf("suite=%s/clients=%d", suite, clients), func(b *testing.B) {
				w := newBenchWorld(b, suite, 2)
				unseal := w.unchecked(b)
				unseal(true) // builds the index
				round := func(recorded bool) (took, cpu time.Duration) {
					start, busy := time.Now(), cpuTime(b)
					var group sync.WaitGroup
					for range clients {
						group.Go(func() {
							for range asks {
								unseal(recorded)
							}
						})
					}
					group.Wait()
					return time.Since(start), cpuTime(b) - busy
				}
				round(true)
				var with, without, busyWith, busyWithout time.Duration
				var costs []float64
				for b.Loop() {
					recorded, cpu := round(true)
					with, busyWith = with+recorded, busyWith+cpu
					restore, err := w.service.Unrecorded(b.Context(), batch)
					must(b, err)
					var took time.Duration
					took, cpu = round(false)
					without, busyWithout = without+took, busyWithout+cpu
					restore()
					costs = append(costs, 100*(1-took.Seconds()/recorded.Seconds()))
				}
				n := float64(b.N * batch * clients * asks)
				b.ReportMetric(n/with.Seconds(), "unseals/s")
				b.ReportMetric(n/without.Seconds(), "unrecorded/s")
				slices.Sort(costs)
				b.ReportMetric(costs[len(costs)/2], "cost-%")
				b.ReportMetric(100*(busyWith.Seconds()/busyWithout.Seconds()-1), "cpu-%")
			})
		}
	}
}

// cpuTime is what this process and the token's used of the processors so far.
func cpuTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	sum := time.Duration(used.Utime.Nano() + used.Stime.Nano())
	processes, err := filepath.Glob("/proc/[0-9]*/stat")
	must(b, err)
	for _, process := range processes {
		stat, err := os.ReadFile(process)
		if err != nil {
			continue // it ended
		}
		// proc_pid_stat(5), counted from behind the name: parent, then user and
		// system time in hundredths of a second.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if fields[1] != strconv.Itoa(os.Getpid()) {
			continue
		}
		for _, ticks := range fields[11:13] {
			n, err := strconv.Atoi(ticks)
			must(b, err)
			sum += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return sum
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
