package grant_test

import (
	"errors"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/grant"
)

// TestAReferenceIsBoundToNothingUntilItsStubIsTaken: it has no blocks, and what has none
// would open whole, for anybody that it is placed on.
func TestAReferenceIsBoundToNothingUntilItsStubIsTaken(t *testing.T) {
	placed := []grant.Candidate{{Manifest: &api.SealedManifest{}, Reference: &api.SealedReference{}}}
	if stands, bound, err := grant.BindAll("f", placed); !errors.Is(err, grant.ErrStored) || len(stands)+len(bound) > 0 {
		t.Errorf("it stands for %d objects, error %v", len(stands), err)
	}
	if _, err := grant.Take("f", placed, []byte("x")); err == nil || placed[0].Reference == nil {
		t.Errorf("bytes that it does not name are taken: %v", err)
	}
}
