package keyservice_test

import (
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

// BenchmarkRewrap moves the locks of a batch of 100 stubs of one block: what
// `bulla reseal` waits for. One operation is one batch.
func BenchmarkRewrap(b *testing.B) {
	w := newWorldWith(b, api.SuiteHybrid, 2)
	_, _, digests := w.benchFleet()
	second, err := hsm.AddSealingKey(w.token.Config(w.fleet), w.fleet, nextKeyID, api.SuiteHybrid)
	if err != nil {
		b.Fatal(err)
	}
	first := w.made.Key
	first.Status = api.KeySuperseded
	head := w.commit(map[string]string{"fleet.yaml": w.fleetFile(first, second)})
	olga := w.person("olga", config.RoleOperator)
	rewrap := func() {
		out, err := olga.admin.Rewrap(b.Context(), &keyservicev1.RewrapRequest{Head: head, Digests: digests})
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range out.GetResults() {
			if r.GetRefusal() != keyservicev1.Refusal_REFUSAL_UNSPECIFIED {
				b.Fatalf("refused: %v", r.GetRefusal())
			}
		}
	}
	rewrap() // builds the index
	for b.Loop() {
		rewrap()
	}
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "locks/s")
}
