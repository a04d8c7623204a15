package keyservice_test

import (
	"crypto/ecdh"
	"crypto/rand"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/turnstile"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

const batch = 100

// BenchmarkUnseal is the whole way of a batch of 100 stubs of one block:
// mutual TLS, decisions, the token's process, HPKE, wrapping to the cluster,
// audit rows on disk. Beside each batch the same token's bare ECDH runs 100
// times on as many sessions, so that both see the same machine: "of-raw" is
// the one rate in parts of the other. One operation is one batch.
func BenchmarkUnseal(b *testing.B) {
	for _, suite := range []api.Suite{api.SuiteHybrid, api.SuiteP256} {
		for _, sessions := range []int{1, 2} {
			for _, clients := range []int{1, 4} {
				b.Run(fmt.Sprintf("suite=%s/sessions=%d/clients=%d", suite, sessions, clients), func(b *testing.B) {
					benchmarkUnseal(b, suite, sessions, clients, 0)
				})
			}
		}
	}
	// SoftHSM computes on the same two processors that wrap and record; a real
	// token does not. A millisecond added to each operation stands for one.
	b.Run("token=1ms/sessions=1/clients=1", func(b *testing.B) {
		benchmarkUnseal(b, api.SuiteHybrid, 1, 1, time.Millisecond)
	})
	b.Run("token=1ms/sessions=1/clients=4", func(b *testing.B) {
		benchmarkUnseal(b, api.SuiteHybrid, 1, 4, time.Millisecond)
	})
}

// newBenchWorld does not turn its one cluster away for asking all the time.
func newBenchWorld(b *testing.B, suite api.Suite, sessions int) *world {
	return newWorldOf(b, suite, sessions, 0, func(w *world) {
		w.limits = turnstile.Limits{RequestsPerSecond: 1e6, RequestBurst: 1e6, DigestsPerSecond: 1e6, DigestBurst: 1e6, InFlight: 64}
	})
}

func benchmarkUnseal(b *testing.B, suite api.Suite, sessions, clients int, delay time.Duration) {
	w := newBenchWorld(b, suite, sessions)
	eu, head, digests := w.benchFleet()
	unseal := func() {
		answers, err := eu.client.Unseal(b.Context(), head, digests)
		if err != nil {
			b.Error(err)
			return
		}
		for _, digest := range digests {
			if !answers.Results[digest].Granted() {
				b.Errorf("refused: %v", answers.Results[digest].Refusal)
			}
		}
	}
	raw := newRawToken(b, w, sessions)
	unseal() // builds the index
	if delay > 0 {
		must(b, w.token.Fault("C_DeriveKey", 0, 1, delay))
	}
	raw.exchange(b, batch*clients)
	var bare, whole time.Duration
	before := w.operations()
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		start := time.Now()
		raw.exchange(b, batch*clients)
		bare += time.Since(start)
		b.StartTimer()
		start = time.Now()
		var group sync.WaitGroup
		for range clients {
			group.Go(unseal)
		}
		group.Wait()
		whole += time.Since(start)
	}
	b.StopTimer()
	n := float64(b.N * batch * clients)
	if used := w.operations() - before; float64(used) != 2*n {
		b.Errorf("%d operations in the token, want %.0f", used, 2*n)
	}
	b.ReportMetric(n/whole.Seconds(), "unseals/s")
	b.ReportMetric(n/bare.Seconds(), "raw-ecdh/s")
	b.ReportMetric(bare.Seconds()/whole.Seconds(), "of-raw")
}

// benchFleet is a cluster with a batch of stubs.
func (w *world) benchFleet() (eu *member, head string, digests []string) {
	eu = w.join("prod-eu")
	files := map[string]string{eu.path(): eu.file(nil, "all"), "placements/bench.yaml": placementFile("bench", "bench", "set/all")}
	digests = make([]string, batch)
	for i := range digests {
		name := fmt.Sprintf("s%03d", i)
		var file string
		file, digests[i] = w.seal(stub{namespace: "bench", name: name, values: map[string]string{"/data/key": "value"}})
		files["apps/bench/"+name+".yaml"] = file
	}
	return eu, w.commit(files), digests
}

// rawToken is the token with nothing between: the module in this process, one
// thread a session.
type rawToken struct {
	module   *pkcs11.Ctx
	sessions []pkcs11.SessionHandle
	key      pkcs11.ObjectHandle
	point    []byte
}

func newRawToken(b *testing.B, w *world, sessions int) *rawToken {
	b.Helper()
	for _, env := range w.token.Env {
		name, value, _ := strings.Cut(env, "=")
		b.Setenv(name, value)
	}
	peer, err := ecdh.P256().GenerateKey(rand.Reader)
	must(b, err)
	r := &rawToken{module: pkcs11.New(w.token.Module), point: peer.PublicKey().Bytes()}
	must(b, r.module.Initialize())
	b.Cleanup(func() { r.module.Finalize(); r.module.Destroy() })
	slots, err := r.module.GetSlotList(true)
	must(b, err)
	for _, slot := range slots {
		info, err := r.module.GetTokenInfo(slot)
		must(b, err)
		if info.Label != w.token.Label {
			continue
		}
		for range sessions {
			session, err := r.module.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
			must(b, err)
			r.sessions = append(r.sessions, session)
		}
	}
	must(b, r.module.Login(r.sessions[0], pkcs11.CKU_USER, w.token.PIN))
	must(b, r.module.FindObjectsInit(r.sessions[0], []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, hsm.SealingLabel(w.fleet, keyID))}))
	keys, _, err := r.module.FindObjects(r.sessions[0], 1)
	must(b, err)
	must(b, r.module.FindObjectsFinal(r.sessions[0]))
	r.key = keys[0]
	return r
}

// exchange does n key agreements over all sessions: derive, read, destroy.
func (r *rawToken) exchange(b *testing.B, n int) {
	var group sync.WaitGroup
	for i, session := range r.sessions {
		group.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for range (n + i) / len(r.sessions) {
				if err := r.one(session); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}

func (r *rawToken) one(session pkcs11.SessionHandle) error {
	mechanism := []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_ECDH1_DERIVE, pkcs11.NewECDH1DeriveParams(pkcs11.CKD_NULL, nil, r.point))}
	secret, err := r.module.DeriveKey(session, mechanism, r.key, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false), pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, false),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true), pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32)})
	if err != nil {
		return err
	}
	if _, err := r.module.GetAttributeValue(session, secret, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil)}); err != nil {
		return err
	}
	return r.module.DestroyObject(session, secret)
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
