package console

import (
	"slices"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// TestWhatIsWiredStartsWithoutTheSecret, and what names it in a file of its own does not.
func TestWhatIsWiredStartsWithoutTheSecret(t *testing.T) {
	deliver := []api.DeliverAs{{Workload: api.WorkloadReference{Kind: "Deployment", Name: "api"}}}
	given, rest := wired(deliver, "shop", []string{"Deployment shop/api", "Deployment shop/worker", "Job shop/api"})
	if !slices.Equal(given, []string{"Deployment shop/api"}) ||
		!slices.Equal(rest, []string{"Deployment shop/worker", "Job shop/api"}) {
		t.Errorf("wired: %v, by themselves: %v", given, rest)
	}
}
