package keyservice_test

import (
	"fmt"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// referenceTo is the reference of a stub, and its text.
func (f *fixture) referenceTo(stub string) (of *api.SealedReference, text, digest string) {
	f.t.Helper()
	of, err := reference.Of(f.fleet, "stub.yaml", []byte(stub))
	if err != nil {
		f.t.Fatal(err)
	}
	text = marshal(f.t, of)
	return of, text, api.StubDigest([]byte(text))
}

// TestRewrapTakesTheStubOfAReference: the caller names the reference's digest and nothing
// else; the locks that come back make another stub of the same content.
func TestRewrapTakesTheStubOfAReference(t *testing.T) {
	f := newRotated(t)
	dora := f.person("dora", config.RoleDeveloper)
	of, text, digest := f.referenceTo(f.file)
	f.push(map[string]string{"apps/payments/db.yaml": text})
	before := f.operations()
	refused := func(when, digest string, want keyservicev1.Refusal) {
		t.Helper()
		result := f.rewrap(digest).GetResults()[0]
		if result.GetRefusal() != want || len(result.GetBlocks()) > 0 || f.operations() != before {
			t.Errorf("%s: %v, %d blocks, %d operations; want %v", when, result.GetRefusal(), len(result.GetBlocks()),
				f.operations()-before, want)
		}
	}
	refused("before it was put", digest, keyservicev1.Refusal_REFUSAL_STUB_MISSING)
	if _, _, err := dora.admin.PutStub(t.Context(), []byte(f.file)); err != nil {
		t.Fatal(err)
	}
	refused("by the stub's own digest", of.Spec.Stub.Digest, keyservicev1.Refusal_REFUSAL_NOT_PLACED)
	result := f.rewrap(digest).GetResults()[0]
	if result.GetRefusal() != keyservicev1.Refusal_REFUSAL_UNSPECIFIED || f.operations() != before+2 {
		t.Fatalf("%v, %d operations for two blocks with a lock\n%s", result.GetRefusal(), f.operations()-before,
			f.logs.tail())
	}
	moved := 0
	for _, e := range f.recorded(audit.Rewrap) {
		if e.Digest == digest && e.Outcome == audit.Done && e.Object == "payments/db" {
			moved++
		}
	}
	if moved != 2 {
		t.Errorf("%d entries of locks of the reference that moved, want 2", moved)
	}

	next, _ := f.relocked(f.file, result)
	again, text, digest := f.referenceTo(next)
	if again.Spec.Stub.Content != of.Spec.Stub.Content {
		t.Error("the content digest changed: clusters would unseal and roll")
	}
	if _, _, err := dora.admin.PutStub(t.Context(), []byte(next)); err != nil {
		t.Fatal(err)
	}
	retired := f.first
	retired.Status = api.KeyRetired
	f.push(map[string]string{"apps/payments/db.yaml": text, "fleet.yaml": f.fleetFile(retired, f.second)})
	if _, got := f.eu.unseal(f.head, digest); !got.Granted() || string(got.Stub) != next {
		t.Errorf("with the old key retired: %v, %d bytes", got.Refusal, len(got.Stub))
	}
	before = f.operations()
	f.execStore("UPDATE stubs SET data = CAST(x'00' || substr(data, 2) AS BLOB)")
	refused("changed in the store", digest, keyservicev1.Refusal_REFUSAL_INVALID)
}

// TestOneRewrapTakesABoundedNumberOfBytes: who asks for more is told before the store is
// asked, as who asks for more locks than one request moves; each is moved by itself.
func TestOneRewrapTakesABoundedNumberOfBytes(t *testing.T) {
	f := newRotated(t)
	files, digests := map[string]string{}, []string{}
	for n := range 17 {
		of, _, _ := f.referenceTo(f.file)
		of.Metadata.Name = fmt.Sprintf("keystore-%d", n)
		of.Spec.Stub.Size = api.MaxStoredStub
		text := marshal(t, of)
		files[fmt.Sprintf("apps/payments/keystore-%d.yaml", n)] = text
		digests = append(digests, api.StubDigest([]byte(text)))
	}
	f.push(files)
	ask := func(digests ...string) (*keyservicev1.RewrapResponse, error) {
		return f.operator.admin.Rewrap(t.Context(), &keyservicev1.RewrapRequest{Head: f.head, Digests: digests})
	}
	if _, err := ask(digests...); reasonOf(t, err) != keyservicev1.ReasonTooMuch {
		t.Errorf("%d stubs of 2 MiB: %v", len(digests), err)
	}
	out, err := ask(digests[:16]...)
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range out.GetResults() {
		if result.GetRefusal() != keyservicev1.Refusal_REFUSAL_STUB_MISSING {
			t.Errorf("%v, want STUB_MISSING: none was put", result.GetRefusal())
		}
	}
}
