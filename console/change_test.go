package console

import (
	"context"
	"slices"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/reached"
	"github.com/bulla-dev/bulla/console/wizard"
	"github.com/bulla-dev/bulla/desk/ledger"
)

// TestWhatIsWiredStartsWithoutTheSecret, and what names it in a file of its own does not.
func TestWhatIsWiredStartsWithoutTheSecret(t *testing.T) {
	deliver := []api.DeliverAs{{Workload: api.WorkloadReference{Kind: "Deployment", Name: "api"}}}
	given, rest := wizard.Wired(deliver, "shop", []string{"Deployment shop/api", "Deployment shop/worker", "Job shop/api"})
	if !slices.Equal(given, []string{"Deployment shop/api"}) ||
		!slices.Equal(rest, []string{"Deployment shop/worker", "Job shop/api"}) {
		t.Errorf("wired: %v, by themselves: %v", given, rest)
	}
}

// TestWhatWasTakenAwayIsNotSaidToBeInUse: nobody uses it, everywhere.
func TestWhatWasTakenAwayIsNotSaidToBeInUse(t *testing.T) {
	status := &ledger.Status{Placements: []ledger.Placement{{Name: "shop", Clusters: []string{"one"}}},
		Clusters: []ledger.Cluster{{Name: "one", Secrets: []ledger.Secret{
			{Placement: "shop", State: "Deprovisioned", Match: ledger.None}}}}}
	has := func(context.Context, string, string) (bool, error) { return true, nil }
	for _, one := range []struct{ secret, match, want string }{
		{"Deprovisioned", string(ledger.None), "delivered"}, {"InUse", string(ledger.Current), "in use"}} {
		s := &status.Clusters[0].Secrets[0]
		s.State, s.Match = one.secret, ledger.Match(one.match)
		d, err := reached.On(t.Context(), has, status, []string{"shop"}, "merged")
		if err != nil {
			t.Fatal(err)
		}
		f := followed{Merged: "merged", Accepted: true, Delivery: d}
		if f.State() != one.want || f.Step() < len(f.Steps()) {
			t.Errorf("%s: %s, at %d of %v", one.secret, f.State(), f.Step(), f.Steps())
		}
	}
}
