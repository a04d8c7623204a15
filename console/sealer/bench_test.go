package sealer_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/bulla-dev/bulla/fixtures/browser"
)

// BenchmarkFirstSeal loads the page, the program and the fleet in a real Chromium, and
// seals one value of 32 bytes. load-ms is until the fleet is verified, seal-ms until
// the first value is sealed after that.
func BenchmarkFirstSeal(b *testing.B) {
	w, page := newWorld(b), browser.ForTest(b)
	var load, seal float64
	for b.Loop() {
		page.Open(b, w.url)
		page.Act(b, chromedp.SetValue("#password", "correct horse battery staple 123"))
		s := submit(b, page, newJob([]string{"password"}), map[string]string{"password": "password"}, false)
		if s.Error != "" {
			b.Fatal(s.Error)
		}
		load, seal = load+s.Load, seal+s.Seal
	}
	b.ReportMetric(load/float64(b.N), "load-ms")
	b.ReportMetric(seal/float64(b.N), "seal-ms")
}
