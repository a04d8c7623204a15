package standing_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/bulla-dev/bulla/console/standing"
)

// BenchmarkMatrix is 3,000 clusters by 200 applications, each placed on all, with a secret
// each: made once for a commit and an answer, and shown for each request.
func BenchmarkMatrix(b *testing.B) {
	w := newWorld(3000)
	for i := range 200 {
		w.place(fmt.Sprintf("app-%03d", i), "all")
	}
	for i := range w.status.Clusters {
		c := &w.status.Clusters[i]
		c.Silent = i%100 == 1
		if i%50 == 2 {
			c.Deliveries[i%200].Ready, c.Deliveries[i%200].Reason = "False", "ApplyFailed"
		}
	}
	b.Run("made once", func(b *testing.B) {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		var f *standing.Fleet
		for b.Loop() {
			f = standing.New(w.model, w.status)
			f.Problems()
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/1e6, "MB-held")
		runtime.KeepAlive(f)
	})
	f := w.fleet()
	f.Problems()
	for name, q := range map[string]standing.Query{
		"everything": {}, "one by one": {Unfolded: true, From: 120}, "what failed": {State: standing.Failed},
		"a name": {Text: "app-1"},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if m := f.Matrix(q); len(m.Rows) == 0 {
					b.Fatal("nothing is shown")
				}
			}
		})
	}
}
