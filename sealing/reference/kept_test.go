package reference_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// TestOnlyWhatHasTheContentOfTheReferenceIsReopened: what a cluster kept is anybody's who
// may write its Secrets; another lock is the same content.
func TestOnlyWhatHasTheContentOfTheReferenceIsReopened(t *testing.T) {
	data := sealed(t, secret())
	stub, err := api.ParseSealedManifest("stub.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	of := written(t, data)
	kept := reference.Keep(stub)
	stub.Spec.Blocks[0].Locks = stub.Spec.Blocks[0].Locks[:1]
	if string(reference.Keep(stub)) != string(kept) {
		t.Error("a lock changes what is kept")
	}
	got, err := reference.Reopen(fleet, of, kept)
	if err != nil {
		t.Fatal(err)
	}
	for i := range stub.Spec.Blocks {
		had, has := stub.Spec.Blocks[i], got.Spec.Blocks[i]
		if !cmp.Equal(had.Fields, has.Fields) || had.Payload != has.Payload || len(has.Locks) != 0 {
			t.Errorf("block %d is another, or has %d locks", i, len(has.Locks))
		}
		was, err := sealing.ContextOf(fleet, stub, i, "payments", "db")
		if err != nil {
			t.Fatal(err)
		}
		if is, err := sealing.ContextOf(fleet, got, i, "payments", "db"); err != nil || was.Digest() != is.Digest() {
			t.Errorf("block %d has another context: %v", i, err)
		}
	}

	var blocks []map[string]any
	if err := json.Unmarshal(kept, &blocks); err != nil {
		t.Fatal(err)
	}
	changed := func(change func()) []byte {
		change()
		text, err := json.Marshal(blocks)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for name, kept := range map[string][]byte{
		"nothing":         nil,
		"an empty list":   []byte("[]"),
		"half":            kept[:len(kept)/2],
		"and more":        append(append([]byte{}, kept...), kept...),
		"one block less":  changed(func() { blocks = blocks[:1] }),
		"another payload": changed(func() { blocks = append(blocks, blocks[0]); blocks[1]["payload"] = "other" }),
	} {
		if _, err := reference.Reopen(fleet, of, kept); !errors.As(err, new(*reference.Mismatch)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := reference.Reopen("another", of, kept); err == nil {
		t.Error("another fleet's opens")
	}
}
