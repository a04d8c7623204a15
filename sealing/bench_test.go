package sealing_test

import (
	"testing"

	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/sealing"
)

func BenchmarkSeal(b *testing.B) {
	for _, suite := range suites {
		b.Run(string(suite), func(b *testing.B) {
			w := newWorld(b, suite)
			c, values, targets := testContext(), testValues(), w.targets()[:1]
			for b.Loop() {
				if _, err := w.sealer.Seal(c, values, targets); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkUnlock is the key service's whole work for a block but the token's.
func BenchmarkUnlock(b *testing.B) {
	for _, suite := range suites {
		b.Run(string(suite), func(b *testing.B) {
			w := newWorld(b, suite)
			c, block, recipient := testContext(), w.seal(b), w.cluster.Recipient()
			for b.Loop() {
				if _, err := softkey.Unlock(b.Context(), w.opener, c, block, block.Locks[0], w.suite, recipient); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOpen is the cluster's work for a block: its identity and the payload.
func BenchmarkOpen(b *testing.B) {
	w := newWorld(b, suites[1])
	c, block := testContext(), w.seal(b)
	stanza, err := softkey.Unlock(b.Context(), w.opener, c, block, block.Locks[0], w.suite, w.cluster.Recipient())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		fileKey, err := sealing.OpenStanza(w.cluster, stanza)
		if err != nil {
			b.Fatal(err)
		}
		payload, err := sealing.ParsePayload(block.Payload)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := payload.Open(c, fileKey); err != nil {
			b.Fatal(err)
		}
	}
}
