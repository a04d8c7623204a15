package exposure

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/sealing"
)

const fleetID = "6f1c0000000000000000000000000001"

// referred is the reference to a stub that has a block for each payload.
func referred(t *testing.T, file string, payloads ...string) (Stub, *api.SealedManifest) {
	t.Helper()
	stored := stub(file, "db", payloads...).Manifest
	stored.Spec.Template = []byte(`{"apiVersion":"v1","kind":"Secret"}`)
	content, err := sealing.ContentDigest(fleetID, stored)
	if err != nil {
		t.Fatal(err)
	}
	r := &api.SealedReference{Metadata: stored.Metadata}
	for _, p := range payloads {
		r.Spec.Fields = append(r.Spec.Fields, "/data/"+p[:1])
	}
	r.Spec.Stub.Content = content
	for i := range stored.Spec.Blocks {
		stored.Spec.Blocks[i].Fields = []string{r.Spec.Fields[i]}
	}
	if r.Spec.Stub.Content, err = sealing.ContentDigest(fleetID, stored); err != nil {
		t.Fatal(err)
	}
	return Stub{Stub: built.Stub{Path: file, Digest: "digest of " + file, Reference: r,
		Manifest: &api.SealedManifest{Metadata: stored.Metadata}}}, stored
}

// TestAReferenceIsRotatedAsAStubIs: with the store by its values, and without it rather
// once too often than not at all.
func TestAReferenceIsRotatedAsAStubIs(t *testing.T) {
	old, oldStored := referred(t, "old", "a1", "b1")
	same, _ := referred(t, "now", "a1", "b1")
	half, halfStored := referred(t, "now", "a1", "b2")
	anew, anewStored := referred(t, "now", "a2", "b2")
	inline := Stub{Stub: built.Stub{Path: "now", Digest: "inline", Manifest: oldStored}}
	type store = map[*api.SealedReference]*api.SealedManifest
	for name, test := range map[string]struct {
		now    Stub
		kept   store
		state  State
		fields []string
	}{
		"the same, without the store":      {same, nil, Same, []string{"/data/a", "/data/b"}},
		"back in Git, without the store":   {inline, nil, Same, []string{"/data/a", "/data/b"}},
		"another, without the store":       {anew, nil, Same, []string{"/data/a", "/data/b"}},
		"another, and the old one is gone": {anew, store{anew.Reference: anewStored}, Same, []string{"/data/a", "/data/b"}},
		"one value anew": {half, store{
			old.Reference: oldStored, half.Reference: halfStored}, Part, []string{"/data/a"}},
		"all anew": {anew, store{
			old.Reference: oldStored, anew.Reference: anewStored}, Changed, nil},
	} {
		take := func(_ string, r *api.SealedReference) *api.SealedManifest { return test.kept[r] }
		kept := Kept{Fleet: fleetID, Stub: take}
		lost := After([]Reading{{Object: "shop/db", Digest: "old"}}, []Stub{test.now}, past{"old", old}, kept)
		var fields []string
		for _, still := range lost[0].Rotate {
			fields = append(fields, still.Fields...)
		}
		if diff := cmp.Diff(test.fields, fields); diff != "" || lost[0].State != test.state {
			t.Errorf("%s: state %s, want %s (-want +got):\n%s", name, lost[0].State, test.state, diff)
		}
	}
}
