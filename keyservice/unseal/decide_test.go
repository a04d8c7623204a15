package unseal

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDecisionsAskInThisOrder(t *testing.T) {
	want := []string{
		"the accepted head places the digest on this cluster",
		"a stub of the store is there, and is what its reference says",
		"its payloads are bound to built objects there",
		"no operator denies it",
		"each block has a lock for this cluster or a set it is in",
		"each lock parses canonically",
	}
	var got []string
	for _, s := range steps {
		got = append(got, s.name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
