package keyservice_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/store"
)

const deniedCode = keyservicev1.Refusal_REFUSAL_DENIED

// deny has a person deny for an hour by the service's clock.
func (p *somebody) deny(t testing.TB, in *keyservicev1.DenyRequest) *keyservicev1.DenyResponse {
	t.Helper()
	in.Until, in.Reason = time.Now().Add(time.Hour).UnixMicro(), "stolen, see INC-12"
	out, err := p.admin.Deny(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWhatAnOperatorDeniesOpensForNobodyUntilItIsLifted(t *testing.T) {
	f := newFixture(t)
	olga := f.person("olga", config.RoleOperator)
	other := f.file + "# moved\n"
	for name, c := range map[string]struct {
		in      *keyservicev1.DenyRequest
		denied  bool
		unknown bool
	}{
		"the cluster":                 {in: &keyservicev1.DenyRequest{Cluster: "prod-eu"}, denied: true},
		"the placement":               {in: &keyservicev1.DenyRequest{Placement: "payments"}, denied: true},
		"the stub":                    {in: &keyservicev1.DenyRequest{Digest: f.digest}, denied: true},
		"all of them":                 {in: &keyservicev1.DenyRequest{Cluster: "prod-eu", Placement: "payments", Digest: f.digest}, denied: true},
		"another cluster":             {in: &keyservicev1.DenyRequest{Cluster: "prod-us", Digest: f.digest}},
		"the stub of another":         {in: &keyservicev1.DenyRequest{Placement: "shop", Digest: f.digest}, unknown: true},
		"a stub that is nowhere":      {in: &keyservicev1.DenyRequest{Digest: "sha256:" + strings.Repeat("0", 64)}, unknown: true},
		"a name that nothing has yet": {in: &keyservicev1.DenyRequest{Cluster: "prod-eux"}, unknown: true},
	} {
		t.Run(name, func(t *testing.T) {
			f.settle(f.head)
			answer := olga.deny(t, c.in)
			if answer.GetUnknown() != c.unknown || answer.GetByValue() != (c.in.GetDigest() == f.digest) {
				t.Errorf("the answer says unknown %v, by value %v", answer.GetUnknown(), answer.GetByValue())
			}
			before := f.operations()
			_, result := f.eu.unseal(f.head, f.digest)
			if got := result.Refusal == deniedCode; got != c.denied || result.Granted() == c.denied {
				t.Errorf("refusal %v, want denied %v", result.Refusal, c.denied)
			}
			if c.denied && f.operations() != before {
				t.Error("the token was asked")
			}
			if _, err := olga.admin.LiftDenial(t.Context(), answer.GetDenial().GetId()); err != nil {
				t.Fatal(err)
			}
			if _, result := f.eu.unseal(f.head, f.digest); !result.Granted() {
				t.Errorf("after it was lifted: %v", result.Refusal)
			}
		})
	}

	// Anyone may push a byte more: the value is denied, not the file.
	olga.deny(t, &keyservicev1.DenyRequest{Digest: f.digest})
	head := f.commit(map[string]string{"apps/payments/db.yaml": other})
	f.settle(head)
	otherDigest := api.StubDigest([]byte(other))
	if _, result := f.eu.unseal(head, otherDigest); result.Refusal != deniedCode {
		t.Errorf("the same value in another file: %v, want DENIED", result.Refusal)
	}
	e := f.newest(1)[0]
	if e.Kind != audit.Unseal || e.Outcome != "Denied" || e.Placement != "payments" || e.Operations != 0 {
		t.Errorf("the entry of the refusal: %+v", e)
	}
	// It ends by itself, by the service's clock.
	f.offset.Add(int64(2 * time.Hour))
	if _, result := f.eu.unseal(head, otherDigest); !result.Granted() {
		t.Errorf("after its time: %v\n%s", result.Refusal, f.logs.tail())
	}
	acts := f.entriesOf(audit.Deny, "Done")
	if len(acts) != 17 {
		t.Errorf("%d entries of denials and liftings, want 17", len(acts))
	}
	for _, e := range acts {
		if e.Person != "olga" || e.Detail == "" || e.Cluster+e.Placement+e.Digest == "" {
			t.Errorf("the entry %+v", e)
		}
	}
}

func TestOnlyAnOperatorDeniesAndEverybodySees(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	olga := f.person("olga", config.RoleOperator)
	olga.deny(t, &keyservicev1.DenyRequest{Cluster: "prod-eu"})
	for _, role := range []config.Role{config.RoleAuditor, config.RoleDeveloper} {
		p := f.person("p-"+string(role), role)
		until := time.Now().Add(time.Hour).UnixMicro()
		_, err := p.admin.Deny(t.Context(), &keyservicev1.DenyRequest{Cluster: "prod-us", Until: until, Reason: "r"})
		_, lift := p.admin.LiftDenial(t.Context(), 1)
		for _, err := range []error{err, lift} {
			var refused *client.DeniedError
			if !errors.As(err, &refused) || refused.Reason != keyservicev1.ReasonRole {
				t.Errorf("%s: %v, want Role", role, err)
			}
		}
		out, err := p.admin.ListDenials(t.Context())
		if err != nil || len(out.GetDenials()) != 1 || out.GetDenials()[0].GetPerson() != "olga" {
			t.Errorf("%s sees %v, %v", role, out, err)
		}
		ledger, err := p.admin.ListLedger(t.Context(), &keyservicev1.ListLedgerRequest{})
		if role == config.RoleDeveloper && (err != nil || len(ledger.GetDenials()) != 1) {
			t.Errorf("%s: the ledger has %v, %v", role, ledger.GetDenials(), err)
		}
	}
}

func TestADenialIsHeldToItsForm(t *testing.T) {
	f := newFixture(t)
	olga := f.person("olga", config.RoleOperator)
	hour := time.Now().Add(time.Hour).UnixMicro()
	for name, in := range map[string]*keyservicev1.DenyRequest{
		"nothing named":        {Until: hour, Reason: "r"},
		"no time":              {Cluster: "prod-eu", Reason: "r"},
		"a time that is over":  {Cluster: "prod-eu", Until: time.Now().Add(-time.Minute).UnixMicro(), Reason: "r"},
		"for ever":             {Cluster: "prod-eu", Until: time.Now().Add(10000 * time.Hour).UnixMicro(), Reason: "r"},
		"no reason":            {Cluster: "prod-eu", Until: hour},
		"a long reason":        {Cluster: "prod-eu", Until: hour, Reason: strings.Repeat("r", 257)},
		"an escape":            {Cluster: "prod-eu", Until: hour, Reason: "\x1b[2J"},
		"a bidirectional mark": {Cluster: "prod-eu", Until: hour, Reason: "a\u202eb"},
		"a line of another":    {Cluster: "prod-eu", Until: hour, Reason: "a\nb"},
		"a cluster's escape":   {Cluster: "prod\x1b", Until: hour, Reason: "r"},
		"half a digest":        {Digest: "sha256:00", Until: hour, Reason: "r"},
	} {
		_, err := olga.admin.Deny(t.Context(), in)
		var refused *client.DeniedError
		if !errors.As(err, &refused) || refused.Reason != keyservicev1.ReasonRequest {
			t.Errorf("%s: %v, want Request", name, err)
		}
	}
	_, err := olga.admin.LiftDenial(t.Context(), 99)
	var refused *client.DeniedError
	if !errors.As(err, &refused) || refused.Reason != keyservicev1.ReasonNoDenial {
		t.Errorf("lift what is not there: %v, want NoDenial", err)
	}
}

// lateStore has an operator deny between the reading of the list and the record
// of the grant, as another replica's would.
type lateStore struct {
	keyservice.Store
	deny atomic.Pointer[func(context.Context)]
}

func (s *lateStore) Denials(ctx context.Context, fleet string, now time.Time) ([]store.Denial, int64, error) {
	denials, number, err := s.Store.Denials(ctx, fleet, now)
	if deny := s.deny.Swap(nil); deny != nil {
		(*deny)(ctx)
	}
	return denials, number, err
}

func TestADenialHoldsForAGrantThatIsNotRecordedYet(t *testing.T) {
	late := &lateStore{}
	f := newFixtureIn(newWorldOf(t, api.SuiteHybrid, 2, 0, func(w *world) {
		w.between = func(s keyservice.Store) keyservice.Store { late.Store = s; return late }
	}))
	if _, result := f.eu.unseal(f.head, f.digest); !result.Granted() {
		t.Fatalf("before: %v", result.Refusal)
	}
	deny := func(ctx context.Context) {
		var id int64
		d := store.Denial{Fleet: f.fleet, Cluster: "prod-eu", Person: "olga", Since: time.Now(), Until: time.Now().Add(time.Hour)}
		if err := late.Store.Do(ctx, late.Store.AddDenial(d, &id)); err != nil {
			t.Error(err)
		}
	}
	late.deny.Store(&deny)
	if _, result := f.eu.unseal(f.head, f.digest); result.Refusal != deniedCode {
		t.Errorf("denied while the token worked: %v, want DENIED", result.Refusal)
	}
	if granted := f.entriesOf(audit.Unseal, "Granted"); len(granted) != 1 {
		t.Errorf("%d grants in the log, want the one before", len(granted))
	}
}

func TestAReplicaDeniesWhatAnotherWasTold(t *testing.T) {
	f := sharedFixture(t)
	other := f.replica()
	if _, result := other.eu.unseal(f.head, f.digest); !result.Granted() {
		t.Fatalf("before: %v", result.Refusal)
	}
	f.person("olga", config.RoleOperator).deny(t, &keyservicev1.DenyRequest{Placement: "payments"})
	if _, result := other.eu.unseal(f.head, f.digest); result.Refusal != deniedCode {
		t.Errorf("the other replica: %v, want DENIED", result.Refusal)
	}
}

// TestAnEntryNamesEveryObjectOfItsDigest: one stub of scope Fleet is two objects on
// one cluster. Whoever opens it for one has the value of both.
func TestAnEntryNamesEveryObjectOfItsDigest(t *testing.T) {
	f := newFixture(t)
	file, digest := f.seal(stub{namespace: "base", name: "ldap", values: map[string]string{"/data/key": "v"}, fleetScope: true})
	overlay := func(ns string) string { return "namespace: " + ns + "\nresources: [../../base]\n" }
	allowed := func(name string) string {
		return placementFile(name, name, "cluster/prod-eu") + "  allow: {fleetScope: true}\n"
	}
	head := f.commit(map[string]string{
		"base/s.yaml": file, "base/kustomization.yaml": "resources: [s.yaml]\n",
		"apps/ldap-prod/kustomization.yaml": overlay("ldap-prod"), "apps/ldap-staging/kustomization.yaml": overlay("ldap-staging"),
		"placements/ldap-prod.yaml": allowed("ldap-prod"), "placements/ldap-staging.yaml": allowed("ldap-staging"),
	})
	f.settle(head)
	before := f.operations()
	if _, result := f.eu.unseal(head, digest); !result.Granted() {
		t.Fatalf("refused: %v\n%s", result.Refusal, f.logs.tail())
	}
	if got := f.operations() - before; got != 1 {
		t.Errorf("%d token operations, want 1", got)
	}
	e := f.newest(1)[0]
	want := []audit.Built{{Placement: "ldap-prod", Object: "ldap-prod/ldap"}, {Placement: "ldap-staging", Object: "ldap-staging/ldap"}}
	if !slices.Equal(e.Built(), want) {
		t.Errorf("the entry names %v, want %v", e.Built(), want)
	}
	olga := f.person("olga", config.RoleOperator)
	for _, b := range want {
		out, err := olga.admin.ListAudit(t.Context(), &keyservicev1.ListAuditRequest{Object: b.Object, Outcome: "Granted"})
		if err != nil || len(out.GetEntries()) != 1 {
			t.Errorf("entries about %s: %v, %v", b.Object, out.GetEntries(), err)
		}
	}
	// One denied placement denies what opens both.
	olga.deny(t, &keyservicev1.DenyRequest{Placement: "ldap-staging"})
	if _, result := f.eu.unseal(head, digest); result.Refusal != deniedCode {
		t.Errorf("with one of its placements denied: %v, want DENIED", result.Refusal)
	}
}
