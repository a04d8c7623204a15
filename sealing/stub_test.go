package sealing_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/sealing"
)

// A stub's whole way: sealed, written as YAML, parsed, found to be of one
// context, opened.
func TestASealedBlockSurvivesItsFile(t *testing.T) {
	for _, suite := range suites {
		w := newWorld(t, suite)
		stub := &api.SealedManifest{
			Metadata: api.Metadata{Name: "payments-db", Namespace: "payments"},
			Spec: api.SealedManifestSpec{
				Template: []byte(`{"apiVersion":"v1","kind":"Secret","type":"Opaque"}`),
				Blocks:   []api.Block{*w.seal(t)},
			},
		}
		stub.APIVersion, stub.Kind = api.APIVersion, api.KindSealedManifest
		file, err := yaml.Marshal(stub)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := api.ParseSealedManifest("stub.yaml", file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(stub.Spec.Blocks, parsed.Spec.Blocks); diff != "" {
			t.Fatal(diff)
		}
		c, err := sealing.ContextOf(testContext().Fleet, parsed, 0, "payments", "payments-db")
		if err != nil {
			t.Fatal(err)
		}
		for _, lock := range parsed.Spec.Blocks[0].Locks {
			got, err := w.open(t, c, &parsed.Spec.Blocks[0], lock)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(testValues(), got); diff != "" {
				t.Error(diff)
			}
		}
		one, err := sealing.ContentDigest(c.Fleet, stub)
		if err != nil {
			t.Fatal(err)
		}
		two, err := sealing.ContentDigest(c.Fleet, parsed)
		if err != nil || one != two {
			t.Errorf("content digest %s before the file and %s after (%v)", one, two, err)
		}
	}
}

// rememberingOpener keeps the slices that it gave away.
type rememberingOpener struct {
	sealing.Opener
	given [][]byte
}

func (r *rememberingOpener) Open(ctx context.Context, keyID string, info, ciphertext []byte) ([]byte, error) {
	inner, err := r.Opener.Open(ctx, keyID, info, ciphertext)
	r.given = append(r.given, inner)
	return inner, err
}

func TestFileKeysAreClearedAfterUse(t *testing.T) {
	w := newWorld(t, api.SuiteP256)
	block := w.seal(t)
	opener := &rememberingOpener{Opener: w.opener}
	var stanza sealing.Stanza
	for _, lock := range block.Locks {
		var err error
		if stanza, err = softkey.Unlock(t.Context(), opener, testContext(), block, lock, w.suite,
			w.cluster.Recipient()); err != nil {
			t.Fatal(err)
		}
	}
	for i, inner := range opener.given {
		if len(inner) == 0 || !bytes.Equal(inner, make([]byte, len(inner))) {
			t.Errorf("lock %d: the inner secret was left in memory", i)
		}
	}
	fileKey, err := sealing.OpenStanza(w.cluster, stanza)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := sealing.ParsePayload(block.Payload)
	if err != nil {
		t.Fatal(err)
	}
	// The file key is the caller's: it opens a second time.
	for range 2 {
		if _, err := payload.Open(testContext(), fileKey); err != nil {
			t.Fatal(err)
		}
	}
	for _, short := range [][]byte{nil, fileKey[:15], append(fileKey[:16:16], 0)} {
		if _, err := payload.Open(testContext(), short); classOf(err) != sealing.ClassLength {
			t.Errorf("a file key of %d bytes: %v", len(short), err)
		}
	}
}
