package reference_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/sealing/reference"
)

const fleet = "6f1c0000000000000000000000000001"

func secret() testfleet.Secret {
	return testfleet.Secret{
		Name: "payments-db", Namespace: "payments", Targets: []string{"set/retail", "set/eu"},
		Values: map[string]string{"user": "u", "password": "p"},
	}
}

// sealed is the file of a stub.
func sealed(t testing.TB, s testfleet.Secret) []byte {
	t.Helper()
	key, err := softkey.Derive(api.SuiteHybrid, "reference")
	if err != nil {
		t.Fatal(err)
	}
	data, err := testfleet.Sealer{Fleet: fleet, Key: key.Record("2026-11-a")}.File(s)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// written is the reference of a stub as it stands in Git.
func written(t testing.TB, data []byte) *api.SealedReference {
	t.Helper()
	r, err := reference.Of(fleet, "stub.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := api.ParseSealedReference("reference.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestAReferenceOpensItsStub(t *testing.T) {
	data := sealed(t, secret())
	stub, err := reference.Open(fleet, written(t, data), data)
	if err != nil {
		t.Fatal(err)
	}
	want, err := api.ParseSealedManifest("stub.yaml", data)
	if diff := cmp.Diff(want, stub); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// mismatches has one stub for each part that is another than the reference's, with a
// reference that is right in all that comes before.
var mismatches = map[reference.Part]func(*api.SealedReference){
	reference.Size:      func(r *api.SealedReference) { r.Spec.Stub.Size++ },
	reference.Digest:    func(r *api.SealedReference) { r.Spec.Stub.Digest = api.StubDigest([]byte("another")) },
	reference.Name:      func(r *api.SealedReference) { r.Metadata.Name = "orders-db" },
	reference.Namespace: func(r *api.SealedReference) { r.Metadata.Namespace = "orders" },
	reference.Template: func(r *api.SealedReference) {
		r.Spec.Template = []byte(`{"apiVersion":"v1","kind":"Secret","type":"kubernetes.io/basic-auth"}`)
	},
	reference.Scope:   func(r *api.SealedReference) { r.Spec.Scope = api.ScopeNamespace },
	reference.Fields:  func(r *api.SealedReference) { r.Spec.Fields = []string{"/data/password"} },
	reference.Targets: func(r *api.SealedReference) { r.Spec.Targets = []string{"set/eu"} },
	reference.Content: func(r *api.SealedReference) { r.Spec.Stub.Content = api.StubDigest([]byte("another")) },
}

func TestEveryMismatchIsRefusedByName(t *testing.T) {
	data := sealed(t, secret())
	for part, change := range mismatches {
		r := written(t, data)
		change(r)
		stub, err := reference.Open(fleet, r, data)
		var mismatch *reference.Mismatch
		if !errors.As(err, &mismatch) || mismatch.Part != part || stub != nil {
			t.Errorf("another %s: stub %v, error %v", part, stub != nil, err)
		}
	}
	if _, err := reference.Open("another fleet", written(t, data), data); err == nil {
		t.Error("the stub opens for a reference of another fleet")
	}
	// What hashes to the digest and is no stub: somebody wrote into the store.
	junk := []byte("no stub")
	r := written(t, data)
	r.Spec.Stub.Digest, r.Spec.Stub.Size = api.StubDigest(junk), int64(len(junk))
	var mismatch *reference.Mismatch
	if _, err := reference.Open(fleet, r, junk); !errors.As(err, &mismatch) || mismatch.Part != reference.Form {
		t.Errorf("what does not parse: %v", err)
	}
}

// TestNoFieldOfAReferenceIsTakenOnItsWord: a field that comes to the kind later must be
// compared, or be said here to be the reference's own.
func TestNoFieldOfAReferenceIsTakenOnItsWord(t *testing.T) {
	own := map[string]bool{"Labels": true, "Annotations": true, "DeliverAs": true, "Restart": true}
	for _, kind := range []reflect.Type{
		reflect.TypeFor[api.Metadata](), reflect.TypeFor[api.SealedReferenceSpec](), reflect.TypeFor[api.StoredStub](),
	} {
		for i := range kind.NumField() {
			name := kind.Field(i).Name
			_, compared := mismatches[reference.Part(strings.ToLower(name))]
			if name == "Content" {
				_, compared = mismatches[reference.Content]
			}
			if !compared && !own[name] && kind.Field(i).Type != reflect.TypeFor[api.StoredStub]() {
				t.Errorf("%s.%s is compared with nothing", kind.Name(), name)
			}
		}
	}
}

func TestWhatHasNoReference(t *testing.T) {
	stub, err := api.ParseSealedManifest("stub.yaml", sealed(t, secret()))
	if err != nil {
		t.Fatal(err)
	}
	stub.Spec.Blocks[1].Locks = stub.Spec.Blocks[1].Locks[:1]
	uneven, err := yaml.Marshal(stub)
	if err != nil {
		t.Fatal(err)
	}
	large := append(sealed(t, secret()), strings.Repeat("#", api.MaxStoredStub)...)
	for name, test := range map[string]struct {
		data []byte
		want error
	}{
		"blocks for different targets": {uneven, reference.ErrTargets},
		"too large a stub":             {large, reference.ErrTooLarge},
		"no stub":                      {[]byte("kind: Secret\n"), new(api.ParseError)},
	} {
		_, err := reference.Of(fleet, "stub.yaml", test.data)
		if parse := new(*api.ParseError); !errors.Is(err, test.want) && !errors.As(err, parse) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A stub for different targets that is in the store all the same has no reference
	// that is right, whichever targets it names.
	r := written(t, sealed(t, secret()))
	r.Spec.Stub.Digest, r.Spec.Stub.Size = api.StubDigest(uneven), int64(len(uneven))
	for _, targets := range [][]string{{"set/eu", "set/retail"}, {"set/retail"}, {"set/eu"}} {
		r.Spec.Targets = targets
		var mismatch *reference.Mismatch
		if _, err := reference.Open(fleet, r, uneven); !errors.As(err, &mismatch) || mismatch.Part != reference.Targets {
			t.Errorf("targets %v of a stub for different ones: %v", targets, err)
		}
	}
}

// TestALargeValueCostsGitAKilobyte: 900 KiB fit in a store, and the reference does not
// grow with the value.
func TestALargeValueCostsGitAKilobyte(t *testing.T) {
	s := secret()
	s.Values = map[string]string{"keystore.jks": strings.Repeat("k", 900<<10)}
	data := sealed(t, s)
	text, err := yaml.Marshal(written(t, data))
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 1<<10 || len(data) < 900<<10 || len(data) > api.MaxStoredStub {
		t.Errorf("a stub of %d bytes has a reference of %d", len(data), len(text))
	}
}

// FuzzOpen: nothing but the very bytes opens, whatever a store gives.
func FuzzOpen(f *testing.F) {
	data := sealed(f, secret())
	other := secret()
	other.Name = "orders-db"
	seeds := [][]byte{data, sealed(f, other), {}, data[:len(data)-1], append([]byte("\n"), data...)}
	for _, seed := range seeds {
		f.Add(seed)
	}
	if len(seeds) < 5 {
		f.Fatal("no seeds")
	}
	r := written(f, data)
	f.Fuzz(func(t *testing.T, got []byte) {
		stub, err := reference.Open(fleet, r, got)
		if same := string(got) == string(data); same != (err == nil) || same != (stub != nil) {
			t.Fatalf("the very stub: %v; error %v", same, err)
		}
	})
}
