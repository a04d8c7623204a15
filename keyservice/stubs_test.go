package keyservice_test

import (
	"errors"
	"strings"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// another seals a stub that Git does not have.
func (f *fixture) another() (file, digest string) {
	values := map[string]string{"/data/password": "p", "/data/user": "u"}
	return f.seal(stub{namespace: "payments", name: "db", values: values})
}

func TestAStubThatIsKeptOpensNothing(t *testing.T) {
	f := newFixture(t)
	dora, olga := f.person("dora", config.RoleDeveloper), f.person("olga", config.RoleOperator)
	anna := f.person("anna", config.RoleAuditor)
	file, digest := f.another()
	for _, p := range []*somebody{olga, anna} {
		if _, _, err := p.admin.PutStub(t.Context(), []byte(file)); reasonOf(t, err) != keyservicev1.ReasonRole {
			t.Errorf("%s puts a stub: %v", p.name, err)
		}
	}
	if _, err := dora.admin.GetStub(t.Context(), digest); reasonOf(t, err) != keyservicev1.ReasonNoStub {
		t.Errorf("before it was put: %v", err)
	}
	got, was, err := dora.admin.PutStub(t.Context(), []byte(file))
	if err != nil || got != digest || was {
		t.Fatalf("put: %s, was there %v, %v", got, was, err)
	}
	if _, was, err = dora.admin.PutStub(t.Context(), []byte(file)); err != nil || !was {
		t.Errorf("put again: was there %v, %v", was, err)
	}
	for _, p := range []*somebody{dora, olga} {
		if kept, err := p.admin.GetStub(t.Context(), digest); err != nil || string(kept) != file {
			t.Errorf("%s gets %d bytes of %d, %v", p.name, len(kept), len(file), err)
		}
	}
	if _, err := anna.admin.GetStub(t.Context(), digest); reasonOf(t, err) != keyservicev1.ReasonRole {
		t.Errorf("an auditor gets it: %v", err)
	}
	entries := f.recorded(audit.Stub)
	if len(entries) != 2 || entries[0].Person != "dora" || entries[0].Digest != digest ||
		entries[0].Outcome != audit.Done {
		t.Errorf("the log has %+v", entries)
	}
	before := f.operations()
	if _, result := f.eu.unseal(f.head, digest); result.Refusal != keyservicev1.Refusal_REFUSAL_NOT_PLACED {
		t.Errorf("a stub that no file of Git names: %v", result.Refusal)
	}
	if f.operations() != before {
		t.Error("the token was asked")
	}
}

func TestOnlyStubsAreKept(t *testing.T) {
	f := newFixture(t)
	dora := f.person("dora", config.RoleDeveloper)
	file, _ := f.another()
	largest := file + strings.Repeat("#", api.MaxStoredStub-len(file)-1) + "\n"
	for name, data := range map[string]string{
		"nothing":               "",
		"a Secret":              "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData: {x: " + canary + "}\n",
		"a stub and a document": file + "---\nx: " + canary + "\n",
		"a reference":           "apiVersion: bulla.dev/v1alpha1\nkind: SealedReference\nmetadata: {name: x}\n",
		"one byte too many":     largest + "#",
	} {
		if _, _, err := dora.admin.PutStub(t.Context(), []byte(data)); reasonOf(t, err) != keyservicev1.ReasonRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(f.recorded(audit.Stub)); n != 0 {
		t.Errorf("%d entries of stubs that were kept", n)
	}
	if strings.Contains(f.logs.String(), canary) {
		t.Error("the service's log repeats what somebody put by mistake")
	}
	if _, _, err := dora.admin.PutStub(t.Context(), []byte(largest)); err != nil {
		t.Errorf("the greatest stub: %v", err)
	}
}

func TestStubsHaveRoomByPersonAndInAll(t *testing.T) {
	f := newFixtureIn(newWorldOf(t, api.SuiteHybrid, 2, 0, func(w *world) {
		w.stubs = config.Stubs{PerPerson: 40_000, InAll: 65_000}
	}))
	file, _ := f.another()
	file += strings.Repeat("#", 30_000-len(file))
	for n, put := range []struct {
		who  *somebody
		more string
		want string
	}{
		{f.person("dora", config.RoleDeveloper), "", ""},
		{f.person("emil", config.RoleDeveloper), "#", ""},
		{f.person("finn", config.RoleDeveloper), "##", keyservicev1.ReasonStubQuota},
	} {
		_, _, err := put.who.admin.PutStub(t.Context(), []byte(file+put.more))
		if reasonOf(t, err) != put.want {
			t.Errorf("put %d: %v, want %q", n, err, put.want)
		}
	}
	entries := f.recorded(audit.Stub)
	if len(entries) != 3 || entries[2].Outcome != keyservicev1.ReasonStubQuota || entries[2].Person != "finn" {
		t.Errorf("the log has %+v", entries)
	}
}

func TestAStubThatSomebodyWroteIntoTheStoreIsNotGiven(t *testing.T) {
	f := newFixture(t)
	dora := f.person("dora", config.RoleDeveloper)
	file, digest := f.another()
	if _, _, err := dora.admin.PutStub(t.Context(), []byte(file)); err != nil {
		t.Fatal(err)
	}
	f.execStore("UPDATE stubs SET data = x'00'")
	if _, err := dora.admin.GetStub(t.Context(), digest); !errors.Is(err, client.ErrUnavailable) {
		t.Errorf("other bytes: %v", err)
	}
}
