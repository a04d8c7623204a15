package keyservice_test

import (
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// TestASlowBuildHoldsNoOtherApplicationUp: who shares a cluster with it is answered
// while it goes on. What it may hold is not known yet, and nobody is told that it
// is not placed.
func TestASlowBuildHoldsNoOtherApplicationUp(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	files := testfleet.Diamond("apps/slow", 14)
	files["placements/slow.yaml"] = placementFile("slow", "slow", "cluster/prod-eu")
	head := f.commit(files)
	unknown := "sha256:" + strings.Repeat("0", 64)
	answers, err := f.eu.client.Unseal(t.Context(), head, []string{f.digest, unknown})
	if err != nil || answers.Head != head {
		t.Fatalf("%+v, %v; want an answer at %s", answers, err, head)
	}
	if result := answers.Results[f.digest]; !result.Granted() {
		t.Errorf("the other application: %v", result.Refusal)
	}
	if got := answers.Results[unknown].Refusal; got != keyservicev1.Refusal_REFUSAL_UNAVAILABLE {
		t.Errorf("what the slow build may hold: %v, want Unavailable", got)
	}
}

// TestWhatASlowBuildMayClaimIsNotOpened: two placements that claim one object get
// neither, and that is not known before both are built.
func TestWhatASlowBuildMayClaimIsNotOpened(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	files := testfleet.Diamond("apps/slow", 14)
	files["placements/slow.yaml"] = placementFile("slow", "payments", "cluster/prod-eu")
	head := f.commit(files)
	answers, err := f.eu.client.Unseal(t.Context(), head, []string{f.digest})
	if err != nil || answers.Head != head {
		t.Fatalf("%+v, %v; want an answer at %s", answers, err, head)
	}
	if got := answers.Results[f.digest].Refusal; got != keyservicev1.Refusal_REFUSAL_UNAVAILABLE {
		t.Errorf("decided while a placement of the same namespace is being built: %v", got)
	}
}

// TestADenialHoldsWhatASlowPlacementMayHave: a digest that another placement has too
// is not opened by that one while the denied one is being built, as it is not
// afterwards. What cannot be the denied placement's goes on.
func TestADenialHoldsWhatASlowPlacementMayHave(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	olga := f.person("olga", config.RoleOperator)
	values := map[string]string{"/data/key": "v"}
	file, shared := f.seal(stub{namespace: "base", name: "ldap", values: values, fleetScope: true})
	files := testfleet.Diamond("apps/slow", 14)
	files["base/s.yaml"], files["base/kustomization.yaml"] = file, "resources: [s.yaml]\n"
	files["apps/ldap/kustomization.yaml"] = "namespace: ldap\nresources: [../../base]\n"
	for _, name := range []string{"ldap", "slow"} {
		files["placements/"+name+".yaml"] = placementFile(name, name, "cluster/prod-eu") + "  allow: {fleetScope: true}\n"
	}
	head := f.commit(files)
	for _, step := range []struct {
		what  string
		begin func()
		want  keyservicev1.Refusal
	}{
		{"before anything is denied", func() {}, keyservicev1.Refusal_REFUSAL_UNSPECIFIED},
		{"while the denied placement is being built", func() { olga.deny(t, &keyservicev1.DenyRequest{Placement: "slow"}) },
			keyservicev1.Refusal_REFUSAL_UNAVAILABLE},
	} {
		step.begin()
		answers, err := f.eu.client.Unseal(t.Context(), head, []string{f.digest, shared})
		if err != nil || answers.Head != head {
			t.Fatalf("%s: %+v, %v; want an answer at %s", step.what, answers, err, head)
		}
		if got := answers.Results[shared].Refusal; got != step.want {
			t.Errorf("%s: %v, want %v", step.what, got, step.want)
		}
		if result := answers.Results[f.digest]; !result.Granted() {
			t.Errorf("%s: what the denied placement cannot have: %v", step.what, result.Refusal)
		}
	}
}
