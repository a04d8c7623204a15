package recovery_test

import (
	"encoding/json"
	"testing"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/recovery"
	"github.com/bulla-dev/bulla/desk/built"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

const fleet = "6f1c0000000000000000000000000001"

// sealed is a stub of two values, which opens with an identity too.
func sealed(t *testing.T, id *age.HybridIdentity) *api.SealedManifest {
	t.Helper()
	key, err := softkey.Derive(api.SuiteHybrid, "recovery")
	if err != nil {
		t.Fatal(err)
	}
	sealer := testfleet.Sealer{Fleet: fleet, Key: key.Record("k"), Recovery: []string{id.Recipient().String()}}
	stub, err := sealer.Seal(testfleet.Secret{
		Namespace: "shop", Name: "db", Targets: []string{"set/stores"},
		Template: `{"apiVersion":"v1","kind":"Secret","data":{"host":"ZGI="},"metadata":{"labels":{"a":"b"}}}`,
		Values:   map[string]string{"password": "password value", "user": "user value"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return stub
}

func TestAStubOpensAsTheObjectThatItIsSealedForAlone(t *testing.T) {
	id := identity(t)
	stub, object := sealed(t, id), built.Use{Namespace: "shop", Name: "db"}
	values, err := recovery.Open(fleet, "db.yaml", stub, object, []age.Identity{identity(t), id})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := recovery.Field("db.yaml", "user", values); err != nil || string(got) != "user value" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := recovery.Field("db.yaml", "/data/password", values); err != nil || string(got) != "password value" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := recovery.Field("db.yaml", "host", values); err == nil {
		t.Error("a public value is a sealed one")
	}
	secret, err := recovery.Secret(stub, object, values)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(secret)
	want := `{"apiVersion":"v1","data":{"host":"ZGI=","password":"cGFzc3dvcmQgdmFsdWU=","user":"dXNlciB2YWx1ZQ=="},"kind":"Secret",` +
		`"metadata":{"labels":{"a":"b"},"name":"db","namespace":"shop"}}`
	if diff := cmp.Diff(want, string(text)); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for name, test := range map[string]struct {
		fleet string
		use   built.Use
		ids   []age.Identity
	}{
		"another name":      {fleet, built.Use{Namespace: "shop", Name: "other"}, []age.Identity{id}},
		"another namespace": {fleet, built.Use{Name: "db"}, []age.Identity{id}},
		"another fleet":     {"6f1c0000000000000000000000000002", object, []age.Identity{id}}, "another key": {fleet, object,
			[]age.Identity{identity(t)}},
	} {
		if got, err := recovery.Open(test.fleet, "db.yaml", stub, test.use, test.ids); err == nil || len(got) > 0 {
			t.Errorf("%s: %d values, %v", name, len(got), err)
		}
	}
}

func TestASecretNeedsATemplate(t *testing.T) {
	stub := &api.SealedManifest{Spec: api.SealedManifestSpec{Template: []byte("{")}}
	if _, err := recovery.Secret(stub, built.Use{}, nil); err == nil {
		t.Error("a template that is no JSON is a Secret")
	}
}
