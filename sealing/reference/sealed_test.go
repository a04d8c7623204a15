package reference_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// TestWhatChangesBetweenTwoRevisions: there and back nothing does; of a reference every
// value may be another where the content is.
func TestWhatChangesBetweenTwoRevisions(t *testing.T) {
	data := sealed(t, secret())
	parse := func(data []byte) reference.Sealed {
		stub, err := api.ParseSealedManifest("stub.yaml", data)
		if err != nil {
			t.Fatal(err)
		}
		return reference.Sealed{Stub: stub}
	}
	inGit, stored := parse(data), reference.Sealed{Reference: written(t, data)}
	anew := secret()
	anew.Values = map[string]string{"user": "u", "token": "t"}
	next := parse(sealed(t, anew))
	half := parse(data)
	half.Stub.Spec.Blocks[0].Payload = next.Stub.Spec.Blocks[0].Payload
	all := []string{"/data/password", "/data/user"}
	for name, test := range map[string]struct {
		old, now reference.Sealed
		want     []string
	}{
		"a stub and itself":          {inGit, inGit, nil},
		"a stub goes to the store":   {inGit, stored, nil},
		"and comes back":             {stored, inGit, nil},
		"one block":                  {inGit, half, inGit.Stub.Spec.Blocks[0].Fields},
		"one block of a stored one":  {stored, half, all},
		"another key":                {stored, next, []string{"/data/password", "/data/token", "/data/user"}},
		"a stub that comes":          {reference.Sealed{}, inGit, all},
		"a reference that comes":     {reference.Sealed{}, stored, all},
		"a reference that goes":      {stored, reference.Sealed{}, all},
		"nothing that stays nothing": {reference.Sealed{}, reference.Sealed{}, nil},
	} {
		if diff := cmp.Diff(test.want, reference.Changed(fleet, test.old, test.now)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if diff := cmp.Diff(inGit.Targets(), stored.Targets()); diff != "" || len(inGit.Targets()) != 2 {
		t.Errorf("targets of a stub and of its reference:\n%s", diff)
	}
}
