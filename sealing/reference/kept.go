package reference

import (
	"encoding/json"
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"
)

// sealed is what of a block an answer opens: its locks are for a key service alone.
type sealed struct {
	Fields  []string `json:"fields"`
	Payload string   `json:"payload"`
}

// Keep is what of a stub somebody who has its answers keeps to open it again, without the
// store. It is ciphertext, has no locks, and is the same for all stubs of one content
// digest: one more lock does not change it.
func Keep(stub *api.SealedManifest) []byte {
	blocks := make([]sealed, 0, len(stub.Spec.Blocks))
	for _, block := range stub.Spec.Blocks {
		blocks = append(blocks, sealed{block.Fields, block.Payload})
	}
	kept, err := json.Marshal(blocks)
	if err != nil {
		panic("sealing/reference: a list of strings does not marshal: " + err.Error())
	}
	return kept
}

// Reopen returns the stub that a reference of a fleet names, without locks, from what
// [Keep] gave for it, or a *[Mismatch]. The bytes may be anybody's, and half of them:
// only what has the content digest of the reference is the stub's.
func Reopen(fleet string, r *api.SealedReference, kept []byte) (*api.SealedManifest, error) {
	var blocks []sealed
	if err := json.Unmarshal(kept, &blocks); err != nil {
		return nil, &Mismatch{Form}
	}
	stub := &api.SealedManifest{
		TypeMeta: api.TypeMeta{APIVersion: api.APIVersion, Kind: api.KindSealedManifest}, Metadata: r.Metadata,
		Spec: api.SealedManifestSpec{Template: r.Spec.Template, Scope: r.Spec.Scope},
	}
	for _, block := range blocks {
		stub.Spec.Blocks = append(stub.Spec.Blocks, api.Block{Fields: block.Fields, Payload: block.Payload})
	}
	if !slices.Equal(r.Spec.Fields, fieldsOf(stub)) {
		return nil, &Mismatch{Fields}
	}
	content, err := sealing.ContentDigest(fleet, stub)
	if err != nil || r.Spec.Stub.Content != content {
		return nil, &Mismatch{Content}
	}
	return stub, nil
}
