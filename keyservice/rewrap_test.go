package keyservice_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"database/sql"
	"path/filepath"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/sealing"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

const nextKeyID = "2027-01-a"

// rotated is a fleet whose key was rotated, and an operator.
type rotated struct {
	*fixture
	first, second api.SealingKey
	operator      *somebody
}

func newRotated(t *testing.T) *rotated {
	t.Helper()
	f := &rotated{fixture: newFixture(t)}
	f.settle(f.head)
	var err error
	if f.second, err = hsm.AddSealingKey(f.token.Config(f.fleet), f.fleet, nextKeyID, api.SuiteHybrid); err != nil {
		t.Fatal(err)
	}
	f.first = f.made.Key
	f.first.Status = api.KeySuperseded
	f.push(map[string]string{"fleet.yaml": f.fleetFile(f.first, f.second)})
	f.operator = f.person("olga", config.RoleOperator)
	return f
}

// push commits and waits until the service decides there.
func (f *rotated) push(files map[string]string) {
	f.t.Helper()
	f.head = f.commit(files)
	f.settle(f.head)
}

func (f *rotated) rewrap(digests ...string) *keyservicev1.RewrapResponse {
	f.t.Helper()
	out, err := f.operator.admin.Rewrap(f.t.Context(), &keyservicev1.RewrapRequest{Head: f.head, Digests: digests})
	if err != nil {
		f.t.Fatal(err)
	}
	return out
}

// relocked is the file with the locks of a result, and nothing else changed.
func (f *rotated) relocked(file string, result *keyservicev1.RewrapResult) (next, digest string) {
	f.t.Helper()
	manifest, err := api.ParseSealedManifest("stub.yaml", []byte(file))
	if err != nil {
		f.t.Fatal(err)
	}
	for i, block := range result.GetBlocks() {
		manifest.Spec.Blocks[i].Locks = nil
		for _, lock := range block.GetLocks() {
			manifest.Spec.Blocks[i].Locks = append(manifest.Spec.Blocks[i].Locks,
				api.Lock{Target: lock.GetTarget(), Key: lock.GetKey(), Ciphertext: lock.GetCiphertext()})
		}
	}
	next = marshal(f.t, manifest)
	return next, api.StubDigest([]byte(next))
}

func (f *rotated) content(file string) string {
	f.t.Helper()
	manifest, err := api.ParseSealedManifest("stub.yaml", []byte(file))
	if err != nil {
		f.t.Fatal(err)
	}
	digest, err := sealing.ContentDigest(f.fleet, manifest)
	if err != nil {
		f.t.Fatal(err)
	}
	return digest
}

func TestRewrapMovesLocksToTheActiveKeyAndNothingElse(t *testing.T) {
	f := newRotated(t)
	twoLock, twoLockDigest := f.seal(stub{namespace: "payments", name: "api", key: activeAgain(f.first), values: map[string]string{"/data/key": "v"},
		targets: []sealing.LockTarget{toAll[0], {Target: sealing.Target{Kind: sealing.Cluster, Name: "prod-eu"}, Recipient: f.eu.identity.Recipient().String()}}})
	f.push(map[string]string{"apps/payments/api.yaml": twoLock})
	before := f.operations()
	out := f.rewrap(f.digest, twoLockDigest)
	if out.GetHead() != f.head || out.GetKey() != nextKeyID {
		t.Errorf("at %s under %s, want %s under %s", out.GetHead(), out.GetKey(), f.head, nextKeyID)
	}
	if n := f.operations() - before; n != 4 {
		t.Errorf("%d token operations, want 4: two blocks with a lock, one with two", n)
	}
	files := map[string]string{}
	for i, old := range []string{f.file, twoLock} {
		result := out.GetResults()[i]
		if result.GetRefusal() != keyservicev1.Refusal_REFUSAL_UNSPECIFIED {
			t.Fatalf("stub %d: %v\n%s", i, result.GetRefusal(), f.logs.tail())
		}
		next, digest := f.relocked(old, result)
		if f.content(old) != f.content(next) {
			t.Error("the content digest changed: clusters would unseal and roll")
		}
		name := []string{"db", "api"}[i]
		files["apps/payments/"+name+".yaml"] = next
		f.push(map[string]string{"apps/payments/" + name + ".yaml": next})
		_, got := f.eu.unseal(f.head, digest)
		if !got.Granted() {
			t.Fatalf("after merging stub %d: %v", i, got.Refusal)
		}
		was := f.eu.open(next, "payments", name, got)
		if want := map[string]map[string]string{"db": {"/data/password": b64(canary), "/data/user": b64("app")}, "api": {"/data/key": b64("v")}}[name]; !cmp.Equal(want, was) {
			t.Errorf("stub %d opened to other values", i)
		}
	}
	// The old key is not needed any more.
	retired := f.first
	retired.Status = api.KeyRetired
	f.push(map[string]string{"fleet.yaml": f.fleetFile(retired, f.second)})
	for name, file := range files {
		if _, got := f.eu.unseal(f.head, api.StubDigest([]byte(file))); !got.Granted() {
			t.Errorf("%s with the old key retired: %v", name, got.Refusal)
		}
	}
	// Whoever puts an old stub back gets nothing.
	f.push(map[string]string{"apps/payments/db.yaml": f.file})
	if _, got := f.eu.unseal(f.head, f.digest); got.Refusal != keyservicev1.Refusal_REFUSAL_KEY {
		t.Errorf("a stub of before under the retired key: %v, want KEY", got.Refusal)
	}
	if strings.Contains(f.logs.String(), canary) {
		t.Error("a value is in the log")
	}
}

func b64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func activeAgain(key api.SealingKey) api.SealingKey {
	key.Status = api.KeyActive
	return key
}

func TestRewrapIsRecordedForEachLockUnderThePersonsName(t *testing.T) {
	f := newRotated(t)
	unknown := "sha256:" + strings.Repeat("f", 64)
	f.rewrap(f.digest, unknown)
	var got []string
	for _, e := range f.recorded(audit.Rewrap) {
		if e.Person != "olga" || e.Head != f.head || e.Identity == "" {
			t.Errorf("recorded as %+v", e)
		}
		got = append(got, fmt.Sprint(e.Outcome, " ", e.Digest == f.digest, " ", e.Object, e.Targets, e.Keys, e.Operations))
	}
	want := []string{
		"Done true payments/db[set/all] [2026-11-a 2027-01-a] 1", "Done true payments/db[set/all] [2026-11-a 2027-01-a] 1",
		"NotPlaced false [] [] 0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	// What cannot be recorded is not answered.
	db, err := sql.Open("sqlite", filepath.Join(f.dir, "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `PRAGMA busy_timeout = 10000; CREATE TRIGGER full BEFORE INSERT ON leaves BEGIN SELECT RAISE(FAIL, 'disk full'); END`); err != nil {
		t.Fatal(err)
	}
	out, err := f.operator.admin.Rewrap(t.Context(), &keyservicev1.RewrapRequest{Head: f.head, Digests: []string{f.digest}})
	if out != nil || !errors.Is(err, client.ErrUnavailable) {
		t.Errorf("answered %v, %v; want ErrUnavailable", out != nil, err)
	}
	if _, err := db.ExecContext(t.Context(), `PRAGMA busy_timeout = 10000; DROP TRIGGER full`); err != nil {
		t.Fatal(err)
	}
}

// An operator, or whoever has an operator's key, names digests and nothing else.
// These are the digests that they must not get new locks for.
func TestRewrapRefuses(t *testing.T) {
	f := newRotated(t)
	first := activeAgain(f.first)
	old := first
	old.ID = "2025-01-a"
	placed := func(name, file string) map[string]string {
		return map[string]string{"placements/" + name + ".yaml": placementFile(name, name, "cluster/prod-eu"), "apps/" + name + "/stub.yaml": file}
	}
	for name, c := range map[string]struct {
		stub    stub
		files   func(file string) map[string]string
		refusal keyservicev1.Refusal
		// operations that the token does before it can tell.
		operations uint64
	}{
		"a stub that no cluster has": {stub: stub{namespace: "r1", name: "s"}, refusal: keyservicev1.Refusal_REFUSAL_NOT_PLACED,
			files: func(file string) map[string]string { return map[string]string{"apps/r1/stub.yaml": file} }},
		"a stub whose placement targets nobody": {stub: stub{namespace: "r2", name: "s"}, refusal: keyservicev1.Refusal_REFUSAL_NOT_PLACED,
			files: func(file string) map[string]string {
				return map[string]string{"placements/r2.yaml": placementFile("r2", "r2", "cluster/prod-mars"), "apps/r2/stub.yaml": file}
			}},
		"a stub moved to another namespace": {stub: stub{namespace: "r3", name: "s", builtNamespace: "payments"}, refusal: keyservicev1.Refusal_REFUSAL_INVALID},
		"a stub moved to another name":      {stub: stub{namespace: "r4", name: "s", builtName: "db"}, refusal: keyservicev1.Refusal_REFUSAL_INVALID},
		"a stub of another fleet":           {stub: stub{namespace: "r5", name: "s", fleet: strings.Repeat("0", 32)}, refusal: keyservicev1.Refusal_REFUSAL_INVALID},
		"a stub whose scope was widened": {stub: stub{namespace: "r6", name: "s", change: func(m *api.SealedManifest) { m.Spec.Scope = api.ScopeNamespace }},
			refusal: keyservicev1.Refusal_REFUSAL_INVALID},
		"a lock whose target was changed": {stub: stub{namespace: "r7", name: "s", change: func(m *api.SealedManifest) { m.Spec.Blocks[0].Locks[0].Target = "set/everybody" }},
			refusal: keyservicev1.Refusal_REFUSAL_INVALID, operations: 1},
		"a lock of another stub": {stub: stub{namespace: "r8", name: "s", change: func(m *api.SealedManifest) {
			m.Spec.Blocks[0].Locks = f.sealedBlock("/data/key", "r8", "s").Locks
		}}, refusal: keyservicev1.Refusal_REFUSAL_INVALID, operations: 1},
		"a lock with a byte changed": {stub: stub{namespace: "r9", name: "s", change: func(m *api.SealedManifest) {
			cutLock(m, func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
		}}, refusal: keyservicev1.Refusal_REFUSAL_INVALID, operations: 1},
		"a lock one byte short": {stub: stub{namespace: "r10", name: "s", change: func(m *api.SealedManifest) {
			cutLock(m, func(b []byte) []byte { return b[:len(b)-1] })
		}}, refusal: keyservicev1.Refusal_REFUSAL_INVALID},
		"a lock of a key that the fleet does not have": {stub: stub{namespace: "r11", name: "s", key: old}, refusal: keyservicev1.Refusal_REFUSAL_KEY},
	} {
		t.Run(name, func(t *testing.T) {
			if c.stub.key.ID == "" {
				c.stub.key = first
			}
			c.stub.values = map[string]string{"/data/key": "v"}
			file, digest := f.seal(c.stub)
			if c.files == nil {
				c.files = func(file string) map[string]string { return placed(c.stub.namespace, file) }
			}
			f.push(c.files(file))
			before := f.operations()
			result := f.rewrap(digest).GetResults()[0]
			if result.GetRefusal() != c.refusal || result.GetBlocks() != nil {
				t.Errorf("%v with %d blocks, want %v and none\n%s", result.GetRefusal(), len(result.GetBlocks()), c.refusal, f.logs.tail())
			}
			if n := f.operations() - before; n != c.operations {
				t.Errorf("%d token operations, want %d", n, c.operations)
			}
		})
	}
	// Neighbours of refused stubs move.
	if result := f.rewrap("sha256:"+strings.Repeat("f", 64), f.digest).GetResults()[1]; result.GetRefusal() != keyservicev1.Refusal_REFUSAL_UNSPECIFIED {
		t.Errorf("the good stub beside them: %v", result.GetRefusal())
	}
}

// What was placed once is not brought to the new key: a stub that was revoked
// would get a new life under it. Naming the head that had it changes nothing.
func TestRewrapRevivesNoHistory(t *testing.T) {
	f := newRotated(t)
	granting := f.head
	f.push(map[string]string{"placements/payments.yaml": ""})
	for _, head := range []string{granting, f.head} {
		before := f.operations()
		out, err := f.operator.admin.Rewrap(t.Context(), &keyservicev1.RewrapRequest{Head: head, Digests: []string{f.digest}})
		if err != nil {
			t.Fatal(err)
		}
		if r := out.GetResults()[0]; out.GetHead() != f.head || r.GetRefusal() != keyservicev1.Refusal_REFUSAL_NOT_PLACED || r.GetBlocks() != nil {
			t.Errorf("asked at %s: %v at %s, want NOT_PLACED at %s", head, r.GetRefusal(), out.GetHead(), f.head)
		}
		if n := f.operations() - before; n != 0 {
			t.Errorf("%d token operations for history", n)
		}
	}
}

func TestRewrapOfWhatIsUnderTheActiveKeyAsksNothing(t *testing.T) {
	f := newRotated(t)
	next, digest := f.relocked(f.file, f.rewrap(f.digest).GetResults()[0])
	f.push(map[string]string{"apps/payments/db.yaml": next})
	before, entries := f.operations(), len(f.recorded(audit.Rewrap))
	same, _ := f.relocked(next, f.rewrap(digest).GetResults()[0])
	if same != next {
		t.Error("a lock under the Active key was changed")
	}
	if n := f.operations() - before; n != 0 {
		t.Errorf("%d token operations", n)
	}
	if n := len(f.recorded(audit.Rewrap)) - entries; n != 0 {
		t.Errorf("%d entries for nothing", n)
	}
}

func TestOnlyAnOperatorRewraps(t *testing.T) {
	f := newRotated(t)
	before := f.operations()
	for _, p := range []*somebody{f.person("anna", config.RoleAuditor), f.person("dora", config.RoleDeveloper)} {
		_, err := p.admin.Rewrap(t.Context(), &keyservicev1.RewrapRequest{Head: f.head, Digests: []string{f.digest}})
		wantDenied(t, err, keyservicev1.ReasonRole)
	}
	status, text := postAs(f.world, f.eu.credentials.Certificate, "/bulla.keyservice.v1.AdminService/Rewrap")
	if status == 200 || !strings.Contains(text, keyservicev1.ReasonCertificate) {
		t.Errorf("a cluster got %d, %s", status, text)
	}
	if n := f.operations() - before; n != 0 {
		t.Errorf("%d token operations", n)
	}
}

func TestMalformedRewrapsAreRefused(t *testing.T) {
	f := newRotated(t)
	many := make([]string, 1001)
	for i := range many {
		many[i] = fmt.Sprintf("sha256:%064x", i)
	}
	for name, in := range map[string]*keyservicev1.RewrapRequest{
		"no head":                {Digests: []string{f.digest}},
		"a branch for a head":    {Head: "main", Digests: []string{f.digest}},
		"no digests":             {Head: f.head},
		"a digest twice":         {Head: f.head, Digests: []string{f.digest, f.digest}},
		"a path for a digest":    {Head: f.head, Digests: []string{"apps/payments/db.yaml"}},
		"a thousand and one":     {Head: f.head, Digests: many},
		"a digest in upper case": {Head: f.head, Digests: []string{"sha256:" + strings.ToUpper(strings.TrimPrefix(f.digest, "sha256:"))}},
	} {
		_, err := f.operator.admin.Rewrap(t.Context(), in)
		var denied *client.DeniedError
		if !errors.As(err, &denied) || denied.Reason != keyservicev1.ReasonRequest {
			t.Errorf("%s: %v, want %s", name, err, keyservicev1.ReasonRequest)
		}
	}
}

func TestARewrapThatTheTokenCannotDoIsTriedLater(t *testing.T) {
	f := newRotated(t)
	const ckrDeviceError = 0x30
	if err := f.token.Fault("C_DeriveKey", ckrDeviceError, 1, 0); err != nil {
		t.Fatal(err)
	}
	ask := func() (*keyservicev1.RewrapResponse, error) {
		return f.operator.admin.Rewrap(t.Context(), &keyservicev1.RewrapRequest{Head: f.head, Digests: []string{f.digest}})
	}
	// A token that is given up cannot sign the log either: then all is refused.
	out, err := ask()
	if err == nil {
		if r := out.GetResults()[0]; r.GetRefusal() != keyservicev1.Refusal_REFUSAL_UNAVAILABLE || r.GetBlocks() != nil {
			t.Errorf("with a sick token: %v, want UNAVAILABLE", r.GetRefusal())
		}
	} else if !errors.Is(err, client.ErrUnavailable) {
		t.Errorf("with a sick token: %v, want ErrUnavailable", err)
	}
	if err := f.token.ClearFault(); err != nil {
		t.Fatal(err)
	}
	f.eventually("the token answers again", func() bool {
		out, err := ask()
		return err == nil && out.GetResults()[0].GetRefusal() == keyservicev1.Refusal_REFUSAL_UNSPECIFIED
	})
}

// TestMoreLocksThanTheLogTakesAreRefusedBeforeTheTokenIsAsked: each lock that
// moves is an entry, and a thousand stubs may have a million.
func TestMoreLocksThanTheLogTakesAreRefusedBeforeTheTokenIsAsked(t *testing.T) {
	f := newRotated(t)
	files := map[string]string{"placements/many.yaml": placementFile("many", "many", "cluster/prod-eu")}
	var digests []string
	for n := range 3 {
		file, digest := f.seal(stub{namespace: "many", name: fmt.Sprintf("s%d", n), key: activeAgain(f.first), values: map[string]string{"/data/key": "v"},
			change: func(m *api.SealedManifest) {
				locks := m.Spec.Blocks[0].Locks
				for i := range 1500 { // the token would refuse them, one by one
					locks = append(locks, api.Lock{Target: fmt.Sprintf("set/s%d", i), Key: locks[0].Key, Ciphertext: locks[0].Ciphertext})
				}
				m.Spec.Blocks[0].Locks = locks
			}})
		files[fmt.Sprintf("apps/many/s%d.yaml", n)] = file
		digests = append(digests, digest)
	}
	f.push(files)
	before := f.operations()
	var err error
	f.eventually("the placement is built", func() bool { // under the race detector it is a slow one
		_, err = f.operator.admin.Rewrap(t.Context(), &keyservicev1.RewrapRequest{Head: f.head, Digests: digests})
		return !errors.Is(err, client.ErrUnavailable)
	})
	var denied *client.DeniedError
	if !errors.As(err, &denied) || denied.Reason != keyservicev1.ReasonTooMuch {
		t.Errorf("%v, want %s", err, keyservicev1.ReasonTooMuch)
	}
	if n := f.operations() - before; n != 0 {
		t.Errorf("the token was asked %d times", n)
	}
	for _, result := range f.rewrap(digests[:2]...).GetResults() { // half of it is decided
		if result.GetRefusal() != keyservicev1.Refusal_REFUSAL_INVALID {
			t.Errorf("fewer at a time: %v, want INVALID for a forged lock", result.GetRefusal())
		}
	}
}

// Locks say which key they are under: nothing is tried.
func TestStubsUnderTwoKeysCostOneOperationABlock(t *testing.T) {
	f := newRotated(t)
	file, digest := f.seal(stub{namespace: "payments", name: "new", key: f.second, values: map[string]string{"/data/key": "v"}})
	f.push(map[string]string{"apps/payments/new.yaml": file})
	before := f.operations()
	answers, err := f.eu.client.Unseal(t.Context(), f.head, []string{f.digest, digest})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{f.digest, digest} {
		if !answers.Results[d].Granted() {
			t.Errorf("%s: %v", d, answers.Results[d].Refusal)
		}
	}
	if n := f.operations() - before; n != 3 {
		t.Errorf("%d token operations for three blocks", n)
	}
}
