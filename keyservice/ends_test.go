package keyservice_test

import (
	"slices"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// TestATargetThatEndedOpensNothing: by the service's clock alone, with a reason of its
// own, and no commit in between.
func TestATargetThatEndedOpensNothing(t *testing.T) {
	f := newFixture(t)
	olga := f.person("olga", config.RoleOperator)
	end := f.now().Add(time.Hour).Truncate(time.Second)
	ending := "set/all, notAfter: " + end.UTC().Format(time.RFC3339)
	placed := placementFile("payments", "payments", "cluster/prod-eu", ending)
	head := f.commit(map[string]string{"placements/payments.yaml": placed})
	f.settle(head)
	ends := func() []*keyservicev1.LedgerEnd {
		out, err := olga.admin.ListLedger(t.Context(), &keyservicev1.ListLedgerRequest{Placement: "payments"})
		if err != nil || len(out.GetPlacements()) != 1 {
			t.Fatalf("the ledger: %v, %v", out, err)
		}
		return out.GetPlacements()[0].GetEnds()
	}
	if _, result := f.eu.unseal(head, f.digest); !result.Granted() {
		t.Fatalf("before its time: %v", result.Refusal)
	}
	// A line without an end holds it there, whatever the other says.
	f.offset.Add(int64(2 * time.Hour))
	if _, result := f.eu.unseal(head, f.digest); !result.Granted() {
		t.Errorf("held by a target that does not end: %v", result.Refusal)
	}
	f.offset.Add(-int64(2 * time.Hour))
	head = f.commit(map[string]string{"placements/payments.yaml": placementFile("payments", "payments", ending)})
	f.settle(head)
	if got := ends(); !slices.ContainsFunc(got, func(e *keyservicev1.LedgerEnd) bool {
		return e.GetCluster() == "prod-eu" && e.GetNotAfter() == end.UnixMicro()
	}) {
		t.Errorf("the ledger says of its end %v", got)
	}
	if _, result := f.eu.unseal(head, f.digest); !result.Granted() {
		t.Fatalf("before its time: %v", result.Refusal)
	}
	f.offset.Add(int64(2 * time.Hour))
	before := f.operations()
	_, result := f.eu.unseal(head, f.digest)
	if result.Refusal != keyservicev1.Refusal_REFUSAL_ENDED || f.operations() != before {
		t.Errorf("after its time: %v, %d operations of the token", result.Refusal, f.operations()-before)
	}
	if e := f.newest(1)[0]; e.Kind != audit.Unseal || e.Outcome != "Ended" || e.Head != head {
		t.Errorf("the entry of the refusal: %+v", e)
	}
	if got := ends(); len(got) == 0 {
		t.Error("the ledger forgot an end that is past")
	}
	// A clock that is set back brings nothing back at the same head.
	f.offset.Add(-int64(2 * time.Hour))
	if _, result := f.eu.unseal(head, f.digest); result.Refusal != keyservicev1.Refusal_REFUSAL_ENDED {
		t.Errorf("with the clock set back: %v", result.Refusal)
	}
}
