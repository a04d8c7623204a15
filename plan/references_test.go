package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// refer is the reference of a stub.
func (w *world) refer(stub string) string {
	w.t.Helper()
	r, err := reference.Of(w.root.ID, "stub.yaml", []byte(stub))
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := yaml.Marshal(r)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// TestAReferenceIsPlannedAsItsStub: what a plan says of a stub it says of its reference,
// but for what only the store knows: what its payloads are bound to.
func TestAReferenceIsPlannedAsItsStub(t *testing.T) {
	w := newWorld(t)
	w.twoLocks()
	stub := w.files["apps/shop/db.yaml"]
	for name, change := range map[string]testfleet.Files{
		"another value":       {"apps/shop/db.yaml": w.seal("db", "set/stores")},
		"for nobody here":     {"apps/shop/db.yaml": w.seal("db", "set/labs")},
		"it goes":             {"apps/shop/db.yaml": ""},
		"a cluster comes":     {"clusters/three.yaml": testfleet.Cluster("three", "")},
		"a cluster goes":      {"clusters/two.yaml": ""},
		"the placement goes":  {"placements/shop.yaml": ""},
		"something else":      {"apps/shop/more.yaml": testfleet.ConfigMap("more")},
		"a lock for one more": {"apps/shop/db.yaml": w.seal("db", "set/stores", "set/labs")},
		"for the first alone": {"apps/shop/db.yaml": w.seal("db", "cluster/one")},
		"for another alone":   {"apps/shop/db.yaml": w.seal("db", "cluster/two")},
	} {
		w.files = w.files.With(testfleet.Files{"apps/shop/db.yaml": stub})
		want := lines(w.between(change))
		referred := testfleet.Files{}.With(change)
		if now := change["apps/shop/db.yaml"]; now != "" {
			referred["apps/shop/db.yaml"] = w.refer(now)
		}
		w.files = w.files.With(testfleet.Files{"apps/shop/db.yaml": w.refer(stub)})
		got := lines(w.between(referred))
		for i := range got {
			got[i] = strings.Replace(got[i], "the stub of the reference has no lock", "a block has no lock", 1)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-stub +reference):\n%s", name, diff)
		}
	}
}

func TestThereAndBackPlansNothing(t *testing.T) {
	w := newWorld(t)
	stub := w.files["apps/shop/db.yaml"]
	if p := w.between(testfleet.Files{"apps/shop/db.yaml": w.refer(stub)}); p.Changes() || len(p.Notes) > 0 {
		t.Errorf("to the store: %v, notes %v", lines(p), p.Notes)
	}
	w.files = w.files.With(testfleet.Files{"apps/shop/db.yaml": w.refer(stub)})
	if p := w.between(testfleet.Files{"apps/shop/db.yaml": stub}); p.Changes() || len(p.Notes) > 0 {
		t.Errorf("and back: %v, notes %v", lines(p), p.Notes)
	}
}

// TestAPlanSaysWhatItDoesNotSee: of a reference that comes, and of keys that its locks
// may need.
func TestAPlanSaysWhatItDoesNotSee(t *testing.T) {
	w := newWorld(t)
	p := w.between(testfleet.Files{"apps/shop/db.yaml": w.refer(w.seal("db", "set/stores"))})
	if len(p.Notes) != 1 || !strings.HasPrefix(p.Notes[0], "only what Git says of a reference is compared: ") ||
		!strings.HasSuffix(p.Notes[0], ": apps/shop/db.yaml") {
		t.Errorf("notes %q", p.Notes)
	}
	stands := w.refer(w.files["apps/shop/db.yaml"])
	w.files = w.files.With(testfleet.Files{"apps/shop/db.yaml": stands})
	r, err := api.ParseSealedReference("db.yaml", []byte(stands))
	if err != nil {
		t.Fatal(err)
	}
	// Other bytes, and the values of before: so it says.
	lies := strings.Replace(stands, r.Spec.Stub.Digest, api.StubDigest([]byte("another")), 1)
	if p := w.between(testfleet.Files{"apps/shop/db.yaml": lies}); p.Changes() || len(p.Notes) != 1 ||
		!strings.HasSuffix(p.Notes[0], ": apps/shop/db.yaml") {
		t.Errorf("another stub: changes %v, notes %q", p.Changes(), p.Notes)
	}
	w.supersede()
	if p := w.between(testfleet.Files{"README": "x"}); len(p.KeysDue) != 0 || len(p.Notes) != 1 ||
		!strings.HasPrefix(p.Notes[0], "a superseded key may be needed for stubs that references name") {
		t.Errorf("keys due %+v, notes %q", p.KeysDue, p.Notes)
	}
}

// TestAReferenceOpensForOneOfWhatItBecomes: where a stub is built in a second namespace
// too, a plan says of its reference what the key service does, as it says it of the stub;
// and where nobody can tell from Git, that.
func TestAReferenceOpensForOneOfWhatItBecomes(t *testing.T) {
	for _, scope := range []api.Scope{api.ScopeNamespace, api.ScopeStrict} {
		w := newWorld(t)
		file, err := w.sealer.File(testfleet.Secret{Name: "db", BuiltNamespace: "shop", Scope: scope,
			Targets: []string{"set/stores"}, Values: map[string]string{"password": "p"}})
		if err != nil {
			t.Fatal(err)
		}
		more := testfleet.Files{
			"placements/more.yaml": testfleet.Placement("more", "apps/shop", "more", "{clusterSet: stores}"),
		}
		w.files = w.files.With(testfleet.Files{"apps/shop/db.yaml": string(file)})
		want := lines(w.between(more))
		if !strings.Contains(strings.Join(want, "\n"), "it is sealed for another object") {
			t.Fatalf("of the stub: %q", want)
		}
		w.files = w.files.With(testfleet.Files{"apps/shop/db.yaml": w.refer(string(file))})
		if diff := cmp.Diff(want, lines(w.between(more))); diff != "" {
			t.Errorf("%s (-stub +reference):\n%s", scope, diff)
		}
		delete(w.files, "apps/shop/db.yaml")
		more["apps/shop/db.yaml"] = w.refer(string(file))
		got := strings.Join(lines(w.between(more)), "\n")
		if strings.Count(got, "Git does not say which") != 2 {
			t.Errorf("%s, both at once:\n%s", scope, got)
		}
	}
}
