package keyservice_test

import (
	"encoding/base64"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// referred is a fixture whose service builds references, with a developer, and the stub
// in the store.
type referred struct {
	*fixture
	dora *somebody
	of   *api.SealedReference
}

func newReferred(t *testing.T) *referred {
	t.Helper()
	f := newFixture(t)
	of, err := reference.Of(f.fleet, "stub.yaml", []byte(f.file))
	if err != nil {
		t.Fatal(err)
	}
	return &referred{f, f.person("dora", config.RoleDeveloper), of}
}

func (r *referred) put(t *testing.T) {
	t.Helper()
	if _, _, err := r.dora.admin.PutStub(t.Context(), []byte(r.file)); err != nil {
		t.Fatal(err)
	}
}

// refer commits a reference in the place of the stub, and returns its digest.
func (r *referred) refer(change func(*api.SealedReference)) (head, digest string) {
	r.t.Helper()
	of := r.of.DeepCopy()
	if change != nil {
		change(of)
	}
	text := marshal(r.t, of)
	head = r.commit(map[string]string{"apps/payments/db.yaml": text})
	r.settle(head)
	return head, api.StubDigest([]byte(text))
}

// TestAReferenceOpensWhatItsStubOpens: there and back, with the same values; the blob
// comes with the answer, and the digest that was placed before is placed no more.
func TestAReferenceOpensWhatItsStubOpens(t *testing.T) {
	r := newReferred(t)
	r.put(t)
	head, digest := r.refer(nil)
	_, result := r.eu.unseal(head, digest)
	if !result.Granted() || string(result.Stub) != r.file {
		t.Fatalf("refusal %v, a stub of %d bytes", result.Refusal, len(result.Stub))
	}
	encode := func(value string) string { return base64.StdEncoding.EncodeToString([]byte(value)) }
	want := map[string]string{"/data/password": encode(canary), "/data/user": encode("app")}
	if diff := cmp.Diff(want, r.eu.open(string(result.Stub), "payments", "db", result)); diff != "" {
		t.Error(diff)
	}
	if _, result := r.us.unseal(head, digest); result.Granted() || len(result.Stub) > 0 {
		t.Errorf("a cluster that it is not placed on: %v, %d bytes", result.Refusal, len(result.Stub))
	}
	if _, result := r.eu.unseal(head, r.digest); result.Granted() || len(result.Stub) > 0 {
		t.Error("the stub in the store opens by its own digest")
	}
	head = r.commit(map[string]string{"apps/payments/db.yaml": r.file})
	r.settle(head)
	if _, result := r.eu.unseal(head, r.digest); !result.Granted() || len(result.Stub) > 0 {
		t.Errorf("back in Git: %v, %d bytes", result.Refusal, len(result.Stub))
	}
	if _, result := r.eu.unseal(head, digest); result.Granted() {
		t.Error("a reference of history opens")
	}
}

func TestAReferenceWithoutItsStubIsHeld(t *testing.T) {
	r := newReferred(t)
	head, digest := r.refer(nil)
	before := r.operations()
	if _, result := r.eu.unseal(head, digest); result.Refusal != keyservicev1.Refusal_REFUSAL_STUB_MISSING {
		t.Errorf("refusal %v", result.Refusal)
	}
	if r.operations() != before {
		t.Error("the token was asked")
	}
	r.put(t)
	if _, result := r.eu.unseal(head, digest); !result.Granted() {
		t.Errorf("after it was put: %v", result.Refusal)
	}
}

// TestAReferenceThatIsNotItsStubsOpensNothing: each mismatch is refused before the token
// is asked, as a malformed stub is, and no bytes come with it.
func TestAReferenceThatIsNotItsStubsOpensNothing(t *testing.T) {
	r := newReferred(t)
	r.put(t)
	another := api.StubDigest([]byte("another"))
	for name, change := range map[string]func(*api.SealedReference){
		"size":   func(of *api.SealedReference) { of.Spec.Stub.Size++ },
		"name":   func(of *api.SealedReference) { of.Metadata.Name = "other" },
		"scope":  func(of *api.SealedReference) { of.Spec.Scope = api.ScopeNamespace },
		"fields": func(of *api.SealedReference) { of.Spec.Fields = of.Spec.Fields[:1] },
		"template": func(of *api.SealedReference) {
			of.Spec.Template = []byte(`{"apiVersion":"v1","kind":"Secret","type":"kubernetes.io/basic-auth"}`)
		},
		"targets": func(of *api.SealedReference) {
			of.Spec.Targets = slices.Sorted(slices.Values(append(slices.Clone(of.Spec.Targets), "set/more")))
		},
		"content": func(of *api.SealedReference) { of.Spec.Stub.Content = another },
	} {
		head, digest := r.refer(change)
		before := r.operations()
		_, result := r.eu.unseal(head, digest)
		if result.Refusal != keyservicev1.Refusal_REFUSAL_INVALID || len(result.Stub) > 0 || r.operations() != before {
			t.Errorf("another %s: %v, %d bytes, %d operations", name, result.Refusal, len(result.Stub),
				r.operations()-before)
		}
	}
	head, digest := r.refer(nil)
	r.execStore("UPDATE stubs SET data = CAST(x'00' || substr(data, 2) AS BLOB)")
	if _, result := r.eu.unseal(head, digest); result.Refusal != keyservicev1.Refusal_REFUSAL_INVALID {
		t.Errorf("a stub that somebody changed in the store: %v", result.Refusal)
	}
}

// TestTheHeadsStubsAreNotCollected: acceptance says which stubs the head names, and which
// it leaves.
func TestTheHeadsStubsAreNotCollected(t *testing.T) {
	r := newReferred(t)
	r.put(t)
	collect := func(when string, after time.Duration, want int64) {
		t.Helper()
		n, err := r.rows.CollectStubs(t.Context(), r.fleet, time.Now().Add(after), 24*time.Hour)
		if err != nil || n != want {
			t.Errorf("%s: %d stubs go, %v; want %d", when, n, err, want)
		}
	}
	collect("before anybody named it, past the window", 5*24*time.Hour, 0)
	r.refer(nil)
	collect("while the head names it", 365*24*time.Hour, 0)
	r.settle(r.commit(map[string]string{"README.md": "nothing of it changed"}))
	collect("while the next head names it too", 365*24*time.Hour, 0)
	r.settle(r.commit(map[string]string{"apps/payments/db.yaml": r.file}))
	collect("within the window", 23*time.Hour, 0)
	collect("past the window", 25*time.Hour, 1)
	r.put(t)
	collect("within six windows of a put that no head followed", 5*24*time.Hour, 0)
	collect("past them", 7*24*time.Hour, 1)
}

// TestAHeadAfterAnotherReplicasNamesAllItsStubs: a replica writes what a head changed only
// where it accepted the head before; another's head may have left what this one names.
func TestAHeadAfterAnotherReplicasNamesAllItsStubs(t *testing.T) {
	f := sharedFixture(t)
	of, err := reference.Of(f.fleet, "stub.yaml", []byte(f.file))
	if err != nil {
		t.Fatal(err)
	}
	r := &referred{f, f.person("dora", config.RoleDeveloper), of}
	r.put(t)
	r.refer(nil)
	other := f.replica()
	other.settle(f.commit(map[string]string{"apps/payments/db.yaml": f.file}))
	r.refer(nil)
	n, err := f.rows.CollectStubs(t.Context(), f.fleet, time.Now().Add(365*24*time.Hour), 24*time.Hour)
	if err != nil || n != 0 {
		t.Errorf("%d stubs go that the head names, %v", n, err)
	}
}

// TestADenialReachesTheValuesOfAReference: the same values in another file are denied too.
func TestADenialReachesTheValuesOfAReference(t *testing.T) {
	r := newReferred(t)
	r.put(t)
	olga := r.person("olga", config.RoleOperator)
	_, digest := r.refer(nil)
	if out := olga.deny(t, &keyservicev1.DenyRequest{Digest: digest}); out.GetUnknown() || !out.GetByValue() {
		t.Errorf("the denial is unknown %v, by value %v", out.GetUnknown(), out.GetByValue())
	}
	head := r.commit(map[string]string{"apps/payments/db.yaml": r.file})
	r.settle(head)
	if _, result := r.eu.unseal(head, r.digest); result.Refusal != deniedCode {
		t.Errorf("the stub in Git: %v", result.Refusal)
	}
}
