package delivery

import (
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

// TestTheStoreAnswersAsTheFakeClientDoes lives the same histories on controller-runtime's
// fake client and on the store of the model: step by step the same happens. They would not
// in an apply to what goes: the store keeps finalizers that others set, as the API server
// does, and the fake client takes the object away (TestWhatGoesWhenItIsPlacedAgainDoesNotStand
// has the real one).
func TestTheStoreAnswersAsTheFakeClientDoes(t *testing.T) {
	known, err := modelKnows()
	if err != nil {
		t.Fatal(err)
	}
	var met tally
	for seed := uint64(7); seed < 15; seed++ {
		one := newHistory(t, newModelServer(t), seed)
		one.live()
		raw := fake.NewClientBuilder().WithScheme(known.scheme).WithRESTMapper(known.mapper).WithReturnManagedFields().
			WithStatusSubresource(&v1alpha1.Delivery{}).Build()
		other := newHistory(t, newModelServerOn(known, raw), seed)
		other.live()
		if one.tally != other.tally {
			t.Errorf("history %d: %+v, and with the fake client %+v", seed, one.tally, other.tally)
		}
		if a, b := timeless(one.trail), timeless(other.trail); !slices.Equal(a, b) {
			i := 0
			for i < min(len(a), len(b)) && a[i] == b[i] {
				i++
			}
			t.Fatalf("history %d parts at %d:\n%s\nwith the fake client:\n%s", seed, i,
				strings.Join(a[max(0, i-3):min(len(a), i+3)], "\n"), strings.Join(b[max(0, i-3):min(len(b), i+3)], "\n"))
		}
		met.add(one.tally)
	}
	if met.Faults == 0 || met.Crashes == 0 || met.Deletes == 0 || met.Foreign == 0 {
		t.Errorf("the histories meet too little: %+v", met)
	}
}

// timeless is a trail without the hours: the clock of a history begins at the hour.
func timeless(trail []string) []string {
	var said []string
	for _, line := range trail {
		_, what, _ := strings.Cut(line, "  ")
		said = append(said, what)
	}
	return said
}
