package store_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/keyservice/store"
)

// BenchmarkLedger measures what reports cost the store, and reading it whole, in
// a fleet of 1,000 clusters with 50 secrets each.
func BenchmarkLedger(b *testing.B) {
	s, err := store.Open(b.Context(), filepath.Join(b.TempDir(), "store.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	now, wanted := time.Now(), false
	secrets := make([]store.LedgerSecret, 50)
	for n := range secrets {
		secrets[n] = secret(fmt.Sprintf("s%d", n), inUse, fmt.Sprintf("sha256:%064d", n))
	}
	report := func(n int, complete bool, secrets []store.LedgerSecret) {
		b.Helper()
		r := store.LedgerReport{Fleet: fleet, Cluster: fmt.Sprintf("c%d", n%1000), Identity: "sha256:x", Head: "a", At: now,
			Complete: complete, Secrets: secrets}
		if err := s.Do(b.Context(), s.Report(r, &wanted)); err != nil {
			b.Fatal(err)
		}
	}
	for n := range 1000 {
		report(n, true, secrets)
	}
	b.Run("sign of life", func(b *testing.B) {
		for n := range b.N {
			report(n, false, nil)
		}
	})
	b.Run("one change", func(b *testing.B) {
		for n := range b.N {
			report(n, false, secrets[:1])
		}
	})
	b.Run("complete, 50 secrets", func(b *testing.B) {
		for n := range b.N {
			report(n, true, secrets)
		}
	})
	b.Run("read 50,000 secrets", func(b *testing.B) {
		for range b.N {
			if all, err := s.Ledger(b.Context(), fleet, ""); err != nil || len(all) != 50_000 {
				b.Fatalf("%d, %v", len(all), err)
			}
		}
	})
}
