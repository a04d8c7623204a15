package keyservice_test

import (
	"strings"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// slowFixture has a service that waits as long for a build as the product's.
func slowFixture(t *testing.T) *fixture {
	t.Helper()
	f := newFixtureIn(newWorldOf(t, api.SuiteHybrid, 2, 0, func(w *world) { w.slowAfter = 0 }))
	f.opensInTime(f.head, f.digest)
	return f
}

// TestASlowBuildHoldsNoOtherApplicationUp: who shares a cluster with it is answered
// while it goes on. What it may hold is not known yet, and nobody is told that it
// is not placed.
func TestASlowBuildHoldsNoOtherApplicationUp(t *testing.T) {
	f := slowFixture(t)
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
	f := slowFixture(t)
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
	f := slowFixture(t)
	olga := f.person("olga", config.RoleOperator)
	values := map[string]string{"/data/key": "v"}
	file, shared := f.seal(stub{namespace: "base", name: "ldap", values: values, fleetScope: true})
	placed := func(name string) string {
		return placementFile(name, name, "cluster/prod-eu") + "  allow: {fleetScope: true}\n"
	}
	f.opensInTime(f.commit(testfleet.Files{
		"base/s.yaml": file, "base/kustomization.yaml": "resources: [s.yaml]\n", "placements/ldap.yaml": placed("ldap"),
		"apps/ldap/kustomization.yaml": "namespace: ldap\nresources: [../../base]\n",
	}), shared)
	files := testfleet.Diamond("apps/slow", 14)
	files["placements/slow.yaml"] = placed("slow")
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

// opensInTime waits until a digest opens at a head: its build may be slow, on a busy
// machine, and is there once it is done.
func (f *fixture) opensInTime(head, digest string) {
	f.t.Helper()
	f.eventually("it is built", func() bool {
		answers, result := f.eu.unseal(head, digest)
		return answers.Head == head && result.Granted()
	})
}
