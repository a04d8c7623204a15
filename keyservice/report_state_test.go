package keyservice_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

func (m *member) reportState(t testing.TB, state *keyservicev1.ClusterState) error {
	t.Helper()
	_, err := m.client.Report(t.Context(), &keyservicev1.ReportRequest{Head: strings.Repeat("a", 40), State: state})
	return err
}

func TestTheLedgerHasWhatAClusterSaysOfItself(t *testing.T) {
	f := newFixture(t)
	f.atHead(f.head)
	dev := f.person("dev", config.RoleDeveloper)
	said := &keyservicev1.ClusterState{
		Version:   "v0.1.0",
		Suspended: &keyservicev1.Suspension{By: "kubectl-edit", Since: 1790000000000000},
		Deliveries: []*keyservicev1.DeliveryState{
			{Placement: "payments", Ready: keyservicev1.Readiness_READINESS_NOT_READY, Reason: "ApplyFailed", Message: "no namespace \"payments\"", Since: 1},
			{Placement: "plain", Ready: keyservicev1.Readiness_READINESS_READY, Objects: 3, Variant: "berlin"},
		},
	}
	if err := f.eu.reportState(t, said); err != nil {
		t.Fatal(err)
	}
	f.eu.report(t, true, f.said(inUse)) // without a state: the one before counts
	got := dev.ledger(t, &keyservicev1.ListLedgerRequest{})
	if diff := cmp.Diff(said, got["prod-eu"].GetState(), protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got["prod-us"].GetState() != nil {
		t.Errorf("the other cluster: %v", got["prod-us"].GetState())
	}
	one := dev.ledger(t, &keyservicev1.ListLedgerRequest{Placement: "plain"})["prod-eu"].GetState().GetDeliveries()
	if len(one) != 1 || one[0].GetPlacement() != "plain" {
		t.Errorf("of one placement: %v", one)
	}
	if err := f.eu.reportState(t, &keyservicev1.ClusterState{}); err != nil {
		t.Fatal(err)
	}
	if now := dev.ledger(t, &keyservicev1.ListLedgerRequest{})["prod-eu"].GetState(); len(now.GetDeliveries()) != 0 || now.GetSuspended() != nil {
		t.Errorf("after an empty one: %v", now)
	}
}

func TestWhatAClusterSaysOfItselfIsHeldToItsForm(t *testing.T) {
	f := newFixture(t)
	f.atHead(f.head)
	delivery := func(change func(*keyservicev1.DeliveryState)) *keyservicev1.ClusterState {
		d := &keyservicev1.DeliveryState{Placement: "p"}
		change(d)
		return &keyservicev1.ClusterState{Deliveries: []*keyservicev1.DeliveryState{d}}
	}
	many := &keyservicev1.ClusterState{}
	for range protocol.MaxDeliveries + 1 {
		many.Deliveries = append(many.Deliveries, &keyservicev1.DeliveryState{Placement: "p"})
	}
	for name, state := range map[string]*keyservicev1.ClusterState{
		"too many":              many,
		"twice":                 {Deliveries: []*keyservicev1.DeliveryState{{Placement: "p"}, {Placement: "p"}}},
		"no name":               delivery(func(d *keyservicev1.DeliveryState) { d.Placement = "" }),
		"an escape":             delivery(func(d *keyservicev1.DeliveryState) { d.Message = "\x1b[2J" }),
		"a second line":         delivery(func(d *keyservicev1.DeliveryState) { d.Message = "a\nb" }),
		"a long message":        delivery(func(d *keyservicev1.DeliveryState) { d.Message = strings.Repeat("m", 513) }),
		"a variant's path":      delivery(func(d *keyservicev1.DeliveryState) { d.Variant = "../x" }),
		"a reason of words":     delivery(func(d *keyservicev1.DeliveryState) { d.Reason = "it is so" }),
		"an odd readiness":      delivery(func(d *keyservicev1.DeliveryState) { d.Ready = 9 }),
		"a manager's escape":    delivery(func(d *keyservicev1.DeliveryState) { d.Suspended = &keyservicev1.Suspension{By: "\u202e"} }),
		"a long manager":        {Suspended: &keyservicev1.Suspension{By: strings.Repeat("k", 129)}},
		"an escape for version": {Version: "v1\x1b[2J"},
		"a long version":        {Version: strings.Repeat("v", protocol.MaxVersion+1)},
		"a time before 1970":    {Suspended: &keyservicev1.Suspension{Since: -1}},
		"another since before":  delivery(func(d *keyservicev1.DeliveryState) { d.Since = -1 }),
	} {
		var refused *client.DeniedError
		if err := f.eu.reportState(t, state); !errors.As(err, &refused) || refused.Reason != keyservicev1.ReasonRequest {
			t.Errorf("%s: %v, want Request", name, err)
		}
	}
}

// TestAPlacementThatDoesNotBuildIsSaidToBeBroken: what stands of it is not NotPlaced.
func TestAPlacementThatDoesNotBuildIsSaidToBeBroken(t *testing.T) {
	f := newFixture(t)
	head := f.commit(map[string]string{"apps/payments/kustomization.yaml": "resources: [nothing.yaml]\n",
		"apps/plain/settings.yaml":  "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n",
		"placements/plain.yaml":     placementFile("plain", "plain", "cluster/prod-eu"),
		"placements/suspended.yaml": strings.Replace(placementFile("suspended", "suspended", "set/all"), "path: apps/suspended", "path: apps/plain\n  suspend: true", 1)})
	f.atHead(head)
	out, err := f.person("dev", config.RoleDeveloper).admin.ListLedger(t.Context(), &keyservicev1.ListLedgerRequest{})
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]*keyservicev1.LedgerPlacement{}
	for _, p := range out.GetPlacements() {
		by[p.GetPlacement()] = p
	}
	if len(by) != 3 || by["payments"].GetBroken() == "" || by["plain"].GetBroken() != "" || !by["suspended"].GetSuspended() || len(by["suspended"].GetClusters()) != 2 {
		t.Errorf("placements: %v", out.GetPlacements())
	}
	if out.GetHead() != head || out.GetAccepted() == 0 || out.GetLooked() < out.GetAccepted()-1e9 {
		t.Errorf("head %s accepted at %d, looked at %d", out.GetHead(), out.GetAccepted(), out.GetLooked())
	}
}

// A placement whose file has a slip places nothing new, and what stands of it is not
// "not placed": nobody took it away.
func TestAPlacementThatCannotBeReadIsSaidToBeBroken(t *testing.T) {
	f := newFixture(t)
	head := f.commit(map[string]string{
		"placements/payments.yaml": placementFile("payments", "payments", "cluster/prod-eu") + "  pahts: [x]\n",
	})
	f.atHead(head)
	admin := f.person("dev", config.RoleDeveloper).admin
	for _, asked := range []string{"", "payments"} {
		out, err := admin.ListLedger(t.Context(), &keyservicev1.ListLedgerRequest{Placement: asked})
		if err != nil {
			t.Fatal(err)
		}
		all := out.GetPlacements()
		if len(all) != 1 || all[0].GetPlacement() != "payments" || !strings.Contains(all[0].GetBroken(), "pahts") {
			t.Errorf("placement %q: %v", asked, all)
		}
	}
}

// TestALookIsAskedForByPeople: nobody waits for the interval.
func TestALookIsAskedForByPeople(t *testing.T) {
	f := newFixture(t)
	f.atHead(f.head)
	head := f.commit(map[string]string{"README.md": "a push\n"})
	out, err := f.person("dev", config.RoleDeveloper).admin.Look(t.Context())
	if err != nil || out.GetHead() != head || out.GetRefused() {
		t.Errorf("%v, %v, want %s", out, err, head)
	}
	var refused *client.DeniedError
	if _, err := f.person("aud", config.RoleAuditor).admin.Look(t.Context()); !errors.As(err, &refused) || refused.Reason != keyservicev1.ReasonRole {
		t.Errorf("an auditor: %v, want Role", err)
	}
}
