package keyservice_test

import (
	"encoding/base64"
	"errors"
	"maps"
	"strings"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/sealing"
)

func TestAPlacedStubOpensOnItsClusterOnly(t *testing.T) {
	f := newFixture(t)
	before := f.operations()
	answers, result := f.eu.unseal(f.head, f.digest)
	if !result.Granted() || answers.Head != f.head || answers.Fleet != f.fleet {
		t.Fatalf("answer %+v at %s, want a grant at %s", result, answers.Head, f.head)
	}
	values := f.eu.open(f.file, "payments", "db", result)
	if got, _ := base64.StdEncoding.DecodeString(values["/data/password"]); string(got) != canary {
		t.Fatal("the answer opens to another value")
	}
	if got := f.operations() - before; got != 2 {
		t.Errorf("%d token operations for two blocks", got)
	}
	if _, err := sealing.OpenStanza(f.us.identity, result.Stanzas[0]); !errors.Is(err, sealing.ErrOpen) {
		t.Errorf("another cluster's identity on the answer: %v, want ErrOpen", err)
	}
	if strings.Contains(f.logs.String(), canary) {
		t.Error("the log holds the value")
	}
}

// TestOneStubInTwoPlacesOpensForTheOneItIsSealedFor: the file is in a base of
// two overlays. The payload's header says which built object is meant, whatever
// comes first.
func TestOneStubInTwoPlacesOpensForTheOneItIsSealedFor(t *testing.T) {
	for _, namespace := range []string{"one", "two"} {
		t.Run(namespace, func(t *testing.T) {
			f := newFixture(t)
			file, digest := f.seal(stub{namespace: "base", name: "s", builtNamespace: namespace, values: map[string]string{"/data/key": "v"}})
			overlay := func(ns string) string { return "namespace: " + ns + "\nresources: [../../base]\n" }
			head := f.commit(map[string]string{
				"base/s.yaml": file, "base/kustomization.yaml": "resources: [s.yaml]\n",
				"apps/one/kustomization.yaml": overlay("one"), "apps/two/kustomization.yaml": overlay("two"),
				"placements/one.yaml": placementFile("one", "one", "cluster/prod-eu"), "placements/two.yaml": placementFile("two", "two", "cluster/prod-eu"),
			})
			f.settle(head)
			before := f.operations()
			_, result := f.eu.unseal(head, digest)
			if !result.Granted() {
				t.Fatalf("refused: %v\n%s", result.Refusal, f.logs.tail())
			}
			f.eu.open(file, namespace, "s", result)
			if got := f.operations() - before; got != 1 {
				t.Errorf("%d token operations, want 1: no trying", got)
			}
			if e := f.newest(1)[0]; e.Placement != namespace || e.Object != namespace+"/s" {
				t.Errorf("the audit log names %+v", e)
			}
		})
	}
}

func TestATwoLockStubIsOpenedByItsClusterAlone(t *testing.T) {
	f := newFixture(t)
	file, digest := f.seal(stub{namespace: "payments", name: "api", values: map[string]string{"/data/key": "v"},
		targets: []sealing.LockTarget{{Target: sealing.Target{Kind: sealing.Cluster, Name: "prod-eu"}, Recipient: f.eu.identity.Recipient().String()}}})
	head := f.commit(map[string]string{"apps/payments/api.yaml": file,
		"placements/payments.yaml": placementFile("payments", "payments", "set/all")})
	_, result := f.eu.unseal(head, digest)
	if !result.Granted() {
		t.Fatalf("refused: %v", result.Refusal)
	}
	f.eu.open(file, "payments", "api", result)
	if _, result := f.us.unseal(head, digest); result.Refusal != keyservicev1.Refusal_REFUSAL_NOT_LOCKED {
		t.Errorf("the other cluster: %v, want NOT_LOCKED", result.Refusal)
	}
}

// TestADigestIsRefused holds the refusals that need no token: each leaves the
// token's count as it was.
// refusedDigest is a digest that one cluster may not have opened.
type refusedDigest struct {
	asker   *member
	stub    stub
	files   func(file string) map[string]string
	refusal keyservicev1.Refusal
}

func application(name, stubFile string) map[string]string {
	return map[string]string{
		"placements/" + name + ".yaml": placementFile(name, name, "cluster/prod-eu"),
		"apps/" + name + "/stub.yaml":  stubFile,
	}
}

// placedOtherwise are stubs that are sound, elsewhere.
func (f *fixture) placedOtherwise() map[string]refusedDigest {
	return map[string]refusedDigest{
		"a digest that only another cluster has": {asker: f.us, stub: stub{namespace: "a1", name: "s"},
			files:   func(file string) map[string]string { return application("a1", file) },
			refusal: keyservicev1.Refusal_REFUSAL_NOT_PLACED},
		"a digest nobody placed": {asker: f.eu, stub: stub{namespace: "a2", name: "s"},
			files:   func(file string) map[string]string { return map[string]string{"apps/a2/stub.yaml": file} },
			refusal: keyservicev1.Refusal_REFUSAL_NOT_PLACED},
		"a stub sealed for another namespace": {asker: f.eu, stub: stub{namespace: "a3", name: "s", builtNamespace: "payments"},
			files:   func(file string) map[string]string { return application("a3", file) },
			refusal: keyservicev1.Refusal_REFUSAL_INVALID},
		"a stub sealed for another name": {asker: f.eu, stub: stub{namespace: "a4", name: "s", builtName: "other"},
			files:   func(file string) map[string]string { return application("a4", file) },
			refusal: keyservicev1.Refusal_REFUSAL_INVALID},
		"a stub sealed for another fleet": {asker: f.eu, stub: stub{namespace: "a5", name: "s", fleet: strings.Repeat("0", 32)},
			files:   func(file string) map[string]string { return application("a5", file) },
			refusal: keyservicev1.Refusal_REFUSAL_INVALID},
		"a stub locked to a set that the cluster is not in": {asker: f.eu, stub: stub{namespace: "a6", name: "s",
			targets: []sealing.LockTarget{{Target: sealing.Target{Kind: sealing.Set, Name: "lab"}}}},
			files:   func(file string) map[string]string { return application("a6", file) },
			refusal: keyservicev1.Refusal_REFUSAL_NOT_LOCKED},
	}
}

// lockedOtherwise are stubs that are placed here, and whose locks are not to be opened.
func (f *fixture) lockedOtherwise() map[string]refusedDigest {
	old, err := softkey.Derive(api.SuiteHybrid, "a key that was retired")
	if err != nil {
		f.t.Fatal(err)
	}
	retired := old.Record("2025-01-a")
	active := retired
	retired.Status = api.KeyRetired
	return map[string]refusedDigest{
		"a lock of an unknown key": {asker: f.eu, stub: stub{namespace: "a7", name: "s",
			change: func(m *api.SealedManifest) { m.Spec.Blocks[0].Locks[0].Key = "1999-01-a" }},
			files:   func(file string) map[string]string { return application("a7", file) },
			refusal: keyservicev1.Refusal_REFUSAL_KEY},
		"a lock of a retired key": {asker: f.eu, stub: stub{namespace: "a8", name: "s", key: active},
			files: func(file string) map[string]string {
				files := application("a8", file)
				files["fleet.yaml"] = f.fleetFile(f.made.Key, retired)
				return files
			},
			refusal: keyservicev1.Refusal_REFUSAL_KEY},
		"a lock that is one byte short": {asker: f.eu, stub: stub{namespace: "a9", name: "s",
			change: func(m *api.SealedManifest) { cutLock(m, func(b []byte) []byte { return b[:len(b)-1] }) }},
			files:   func(file string) map[string]string { return application("a9", file) },
			refusal: keyservicev1.Refusal_REFUSAL_INVALID},
		"a lock whose point is not on the curve": {asker: f.eu, stub: stub{namespace: "a10", name: "s",
			change: func(m *api.SealedManifest) {
				cutLock(m, func(b []byte) []byte { b[1088+40] ^= 1; return b })
			}},
			files:   func(file string) map[string]string { return application("a10", file) },
			refusal: keyservicev1.Refusal_REFUSAL_INVALID},
		"a stub whose second block is bound elsewhere": {asker: f.eu, stub: stub{namespace: "a11", name: "s",
			change: func(m *api.SealedManifest) {
				other := f.sealedBlock("/data/second", "elsewhere", "s")
				m.Spec.Blocks = append(m.Spec.Blocks, other)
			}},
			files:   func(file string) map[string]string { return application("a11", file) },
			refusal: keyservicev1.Refusal_REFUSAL_INVALID},
	}
}

func TestADigestIsRefused(t *testing.T) {
	f := newFixture(t)
	cases := f.placedOtherwise()
	maps.Copy(cases, f.lockedOtherwise())
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if c.stub.values == nil {
				c.stub.values = map[string]string{"/data/key": "v"}
			}
			file, digest := f.seal(c.stub)
			head := f.commit(c.files(file))
			f.settle(head)
			before := f.operations()
			answers, result := c.asker.unseal(head, digest)
			if result.Refusal != c.refusal || answers.Head != head {
				t.Errorf("%v at %s, want %v at %s\n%s", result.Refusal, answers.Head, c.refusal, head, f.logs.tail())
			}
			if result.Stanzas != nil {
				t.Error("a refusal carries stanzas")
			}
			if after := f.operations(); after != before {
				t.Errorf("%d token operations for a refusal", after-before)
			}
		})
	}
	// Neighbours of refused stubs open.
	if _, result := f.eu.unseal(f.head, f.digest); !result.Granted() {
		t.Errorf("the good stub beside them: %v", result.Refusal)
	}
}

// TestAForgedLockCostsOneOperationAndSaysNothing: a lock that parses and does
// not open is the same code as every other bad binding.
func TestAForgedLockCostsOneOperationAndSaysNothing(t *testing.T) {
	f := newFixture(t)
	file, digest := f.seal(stub{namespace: "forged", name: "s", values: map[string]string{"/data/key": "v"},
		change: func(m *api.SealedManifest) {
			cutLock(m, func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
		}})
	head := f.commit(map[string]string{"placements/forged.yaml": placementFile("forged", "forged", "cluster/prod-eu"), "apps/forged/stub.yaml": file})
	f.settle(head)
	before := f.operations()
	answers, err := f.eu.client.Unseal(t.Context(), head, []string{digest, f.digest})
	if err != nil {
		t.Fatal(err)
	}
	if got := answers.Results[digest].Refusal; got != keyservicev1.Refusal_REFUSAL_INVALID {
		t.Errorf("forged lock: %v, want INVALID", got)
	}
	if !answers.Results[f.digest].Granted() {
		t.Error("its neighbour in the batch was refused")
	}
	if got := f.operations() - before; got != 3 {
		t.Errorf("%d operations, want one a block", got)
	}
}

func TestAClusterIsRefusedAsAWhole(t *testing.T) {
	f := newFixture(t)
	stranger := newMember(f.world, "prod-eu")
	cases := map[string]struct {
		file   string
		reason string
	}{
		"suspended":                {f.eu.file(func(c *api.Cluster) { c.Spec.Suspend = true }, "all"), keyservicev1.ReasonSuspended},
		"its file is gone":         {"", keyservicev1.ReasonNotInFleet},
		"its file has another key": {stranger.file(nil, "all"), keyservicev1.ReasonIdentity},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			head := f.commit(map[string]string{f.eu.path(): c.file})
			before := f.operations()
			_, err := f.eu.client.Unseal(t.Context(), head, []string{f.digest})
			var denied *client.DeniedError
			if !errors.As(err, &denied) || denied.Reason != c.reason {
				t.Fatalf("%v, want reason %s", err, c.reason)
			}
			if f.operations() != before {
				t.Error("the token was used")
			}
			if e := f.newest(1)[0]; e.Outcome != c.reason || e.Digest != f.digest {
				t.Errorf("the audit log has %+v; want outcome %s", e, c.reason)
			}
			// Over the connection that was refused, at once when it is undone.
			head = f.commit(map[string]string{f.eu.path(): f.eu.file(nil, "all")})
			if _, result := f.eu.unseal(head, f.digest); !result.Granted() {
				t.Errorf("after it was undone: %v", result.Refusal)
			}
		})
	}
}

func TestAStubInHistoryIsInert(t *testing.T) {
	f := newFixture(t)
	if _, result := f.eu.unseal(f.head, f.digest); !result.Granted() {
		t.Fatalf("before the revert: %v", result.Refusal)
	}
	head := f.commit(map[string]string{"placements/payments.yaml": ""})
	before := f.operations()
	// Asked at the new head, and at the old one that granted it.
	for _, revision := range []string{head, f.head} {
		answers, result := f.eu.unseal(revision, f.digest)
		if result.Refusal != keyservicev1.Refusal_REFUSAL_STALE_REVISION || answers.Head != head {
			t.Errorf("asked at %s: %v at %s, want STALE_REVISION at %s", revision, result.Refusal, answers.Head, head)
		}
	}
	if f.operations() != before {
		t.Error("the token was used")
	}
}

func TestADigestPlacedInHistoryIsStaleThoughNobodyAskedThen(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	f.eventually("the index is built ahead for an enrolled cluster", func() bool {
		was, err := f.rows.WasPlaced(t.Context(), f.fleet, "prod-eu", f.digest)
		return err == nil && was
	})
	head := f.commit(map[string]string{"placements/payments.yaml": ""})
	if _, result := f.eu.unseal(head, f.digest); result.Refusal != keyservicev1.Refusal_REFUSAL_STALE_REVISION {
		t.Errorf("%v, want STALE_REVISION", result.Refusal)
	}
}

func TestMalformedRequestsAreRefused(t *testing.T) {
	f := newFixture(t)
	for name, c := range map[string]struct {
		revision string
		digests  []string
	}{
		"a revision that is a branch": {"main", []string{f.digest}},
		"a digest twice":              {f.head, []string{f.digest, f.digest}},
		"a digest in capitals":        {f.head, []string{strings.ToUpper(f.digest)}},
		"no digest":                   {f.head, nil},
	} {
		_, err := f.eu.client.Unseal(t.Context(), c.revision, c.digests)
		var denied *client.DeniedError
		if !errors.As(err, &denied) || denied.Reason != keyservicev1.ReasonRequest {
			t.Errorf("%s: %v, want reason Request", name, err)
		}
	}
}

// settle makes the service accept head before something is counted. On a busy machine it
// builds longer than a request waits, which is then answered at the head before.
func (f *fixture) settle(head string) {
	f.t.Helper()
	f.eventually("the service is at "+head, func() bool {
		answers, err := f.eu.client.Unseal(f.t.Context(), head, []string{"sha256:" + strings.Repeat("0", 64)})
		if err != nil && (!errors.Is(err, client.ErrUnavailable) || client.IsRepositoryStale(err)) {
			f.t.Fatalf("%v\n%s", err, f.logs.tail())
		}
		return err == nil && answers.Head == head
	})
}

func cutLock(m *api.SealedManifest, change func([]byte) []byte) {
	lock := &m.Spec.Blocks[0].Locks[0]
	raw, err := base64.StdEncoding.DecodeString(lock.Ciphertext)
	if err != nil {
		panic(err)
	}
	lock.Ciphertext = base64.StdEncoding.EncodeToString(change(raw))
}

func (f *fixture) sealedBlock(pointer, namespace, name string) api.Block {
	f.t.Helper()
	file, _ := f.seal(stub{namespace: namespace, name: name, values: map[string]string{pointer: "v"}})
	manifest, err := api.ParseSealedManifest("stub.yaml", []byte(file))
	if err != nil {
		f.t.Fatal(err)
	}
	return manifest.Spec.Blocks[0]
}

func (b *logBuffer) tail() string {
	text := b.String()
	return text[max(0, len(text)-2000):]
}
