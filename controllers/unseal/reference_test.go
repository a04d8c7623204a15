package unseal

import (
	"bytes"
	"errors"
	"testing"

	"sigs.k8s.io/yaml"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// refer is the built object of a reference to a sealed object's stub, and the stub's
// bytes. The key service has them.
func (w *unsealWorld) refer(o kustomize.Object) (Sealed, []byte) {
	w.Helper()
	file, err := yaml.Marshal(o.Stub.Manifest)
	if err != nil {
		w.Fatal(err)
	}
	of, err := reference.Of(ownFleet, "stub.yaml", file)
	if err != nil {
		w.Fatal(err)
	}
	text, err := yaml.Marshal(of)
	if err != nil {
		w.Fatal(err)
	}
	digest := api.StubDigest(text)
	w.service.mu.Lock()
	defer w.service.mu.Unlock()
	w.service.stubs[digest] = o
	if w.service.stored == nil {
		w.service.stored = map[string][]byte{}
	}
	w.service.stored[digest] = file
	outline := &api.SealedManifest{Metadata: of.Metadata, Spec: api.SealedManifestSpec{Template: of.Spec.Template}}
	stub := &kustomize.Stub{Digest: digest, Path: o.Stub.Path, Reference: of, Manifest: outline}
	return Sealed{
		Content: of.Spec.Stub.Content, Object: kustomize.Object{Unstructured: o.Unstructured, Stub: stub},
	}, file
}

// TestAReferenceIsOpenedWithTheStubThatItNames: what comes with the answer is held against
// Git's reference, whatever the service says; what does not fit opens nothing.
func TestAReferenceIsOpenedWithTheStubThatItNames(t *testing.T) {
	w := newUnsealWorld(t)
	values := map[string]string{"password": "p4ss", "user": "app"}
	db := w.seal("db", values)
	asked, file := w.refer(db)
	if asked.Content != w.sealed(db)[0].Content {
		t.Errorf("the reference has another content than its stub: every workload would roll")
	}
	got, err := w.process().Unseal(t.Context(), "payments", w.snapshot, []Sealed{asked})
	if err != nil {
		t.Fatal(err)
	}
	w.expect(got, db, values)
	w.service.refuse(asked.Object.Stub.Digest, keyservicev1.Refusal_REFUSAL_STUB_MISSING)
	_, err = w.process().Unseal(t.Context(), "third", w.snapshot, []Sealed{asked})
	if failed := new(loop.Error); !errors.As(err, &failed) || failed.Reason != v1alpha1.StubMissingReason {
		t.Errorf("a stub that is not there: %v", err)
	}
	w.service.refuse(asked.Object.Stub.Digest, keyservicev1.Refusal_REFUSAL_UNSPECIFIED)
	other := w.seal("db", map[string]string{"password": "0ther", "user": "app"})
	swapped, err := yaml.Marshal(other.Stub.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	for name, stub := range map[string][]byte{
		"no stub":                   nil,
		"a byte that was changed":   bytes.Replace(file, []byte("apps"), []byte("oops"), 1),
		"another value of the name": swapped,
	} {
		w.service.mu.Lock()
		w.service.stored[asked.Object.Stub.Digest] = stub
		w.service.mu.Unlock()
		got, err := w.process().Unseal(t.Context(), "another", w.snapshot, []Sealed{asked})
		failed := new(loop.Error)
		if !errors.As(err, &failed) || failed.Reason != v1alpha1.UnsealFailedReason || len(got) != 0 {
			t.Errorf("%s: %d values, error %v", name, len(got), err)
		}
	}
}
