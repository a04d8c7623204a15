package unseal

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	keyservice "github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/sealing"
)

func TestKeptAnswersHealWithTheKeyServiceDown(t *testing.T) {
	w := newUnsealWorld(t)
	values := map[string]string{"password": "p4ss", "user": "ada"}
	db := w.seal("db", values)
	objects := w.sealed(db)

	got, err := w.process().Unseal(t.Context(), "payments", w.snapshot, objects)
	if err != nil {
		t.Fatal(err)
	}
	w.expect(got, db, values)
	if len(got) != 1 || w.service.asked() != 1 {
		t.Errorf("%d objects have values after %d requests, want 1 after 1", len(got), w.service.asked())
	}

	t.Log("after a restart, with the key service down, nobody is asked")
	w.service.err = &keyservice.UnavailableError{Err: errors.New("connection refused")}
	if got, err = w.process().Unseal(t.Context(), "payments", w.snapshot, objects); err != nil {
		t.Fatal(err)
	}
	w.expect(got, db, values)

	t.Log("a stub of which only the locks changed asks nobody either")
	relocked := db.Stub.Manifest.DeepCopy()
	for i := range relocked.Spec.Blocks {
		relocked.Spec.Blocks[i].Locks = append(relocked.Spec.Blocks[i].Locks, api.Lock{Target: "set/other", Key: "k", Ciphertext: "AAAA"})
	}
	again := w.built("db", relocked)
	if got, err = w.process().Unseal(t.Context(), "payments", w.snapshot, w.sealed(again)); err != nil {
		t.Fatal(err)
	}
	w.expect(got, again, values)

	t.Log("another Delivery has no part in them")
	_, err = w.process().Unseal(t.Context(), "other", w.snapshot, objects)
	if failed := new(loop.Error); !errors.As(err, &failed) || failed.Reason != v1alpha1.KeyServiceUnavailableReason || !failed.Retryable() {
		t.Errorf("got %v, want KeyServiceUnavailable", err)
	}
	if w.service.asked() != 2 {
		t.Errorf("%d requests, want 2", w.service.asked())
	}

	t.Log("what is forgotten is asked for again, and leaves no Secret behind")
	content, err := sealing.ContentDigest(ownFleet, db.Stub.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.process().Forget(t.Context(), "payments", []string{content}); err != nil || len(w.kept()) != 1 {
		t.Errorf("keeping what stands dropped it: %v", err)
	}
	if err := w.process().Forget(t.Context(), "payments", nil); err != nil || len(w.kept()) != 0 {
		t.Errorf("%d secrets are left: %v", len(w.kept()), err)
	}
	if _, err = w.process().Unseal(t.Context(), "payments", w.snapshot, objects); err == nil {
		t.Error("a forgotten answer opened a stub")
	}
}

func TestKeptAnswersHoldNoValue(t *testing.T) {
	w := newUnsealWorld(t)
	const value = "a-value-to-look-for-0123456789"
	db := w.seal("db", map[string]string{"password": value})
	if _, err := w.process().Unseal(t.Context(), "payments", w.snapshot, w.sealed(db)); err != nil {
		t.Fatal(err)
	}
	secrets := w.kept()
	if len(secrets) != 1 || len(secrets[0].Data) != 1 || secrets[0].Name != "bulla-answers-payments" {
		t.Fatalf("answers are kept in %d secrets", len(secrets))
	}
	for key, answer := range secrets[0].Data {
		if strings.Contains(string(answer), value) || !strings.HasPrefix(key, "sha256-") {
			t.Errorf("key %q holds a value, or is no digest", key)
		}
	}
}

func TestASpoiledKeptAnswerIsAskedForAgain(t *testing.T) {
	w := newUnsealWorld(t)
	values := map[string]string{"password": "p4ss"}
	db := w.seal("db", values)
	u := w.process()
	if _, err := u.Unseal(t.Context(), "payments", w.snapshot, w.sealed(db)); err != nil {
		t.Fatal(err)
	}
	for _, spoiled := range []string{"not json", "[]", `[{"Type":"mlkem768x25519","Args":["AA"],"Body":"AA=="}]`} {
		secret := w.kept()[0]
		for key := range secret.Data {
			secret.Data[key] = []byte(spoiled)
		}
		if err := w.client.Update(t.Context(), &secret); err != nil {
			t.Fatal(err)
		}
		asked := w.service.asked()
		got, err := u.Unseal(t.Context(), "payments", w.snapshot, w.sealed(db))
		if err != nil || w.service.asked() != asked+1 {
			t.Errorf("kept answer %q: %v after %d more requests", spoiled, err, w.service.asked()-asked)
		}
		w.expect(got, db, values)
	}
}

func TestARefusalSaysWhatToDo(t *testing.T) {
	tests := []struct {
		name   string
		spoil  func(w *unsealWorld, o kustomize.Object)
		reason string
		stale  bool
		again  bool // Retryable
		says   string
	}{
		{"stale revision", refuse(keyservicev1.Refusal_REFUSAL_STALE_REVISION), v1alpha1.KeyServiceUnavailableReason, true, true, "StaleRevision"},
		{"token cannot answer", refuse(keyservicev1.Refusal_REFUSAL_UNAVAILABLE), v1alpha1.KeyServiceUnavailableReason, false, true, "Unavailable"},
		{"denied by an operator", refuse(keyservicev1.Refusal_REFUSAL_DENIED), v1alpha1.DeniedReason, false, false, "Denied"},
		{"not placed", refuse(keyservicev1.Refusal_REFUSAL_NOT_PLACED), v1alpha1.UnsealDeniedReason, false, false, "NotPlaced"},
		{"not locked", refuse(keyservicev1.Refusal_REFUSAL_NOT_LOCKED), v1alpha1.UnsealDeniedReason, false, false, "NotLocked"},
		{"invalid", refuse(keyservicev1.Refusal_REFUSAL_INVALID), v1alpha1.UnsealDeniedReason, false, false, "Invalid"},
		{"unknown key", refuse(keyservicev1.Refusal_REFUSAL_KEY), v1alpha1.UnsealDeniedReason, false, false, "Key"},
		{"network down", fail(&keyservice.UnavailableError{Err: errors.New("connection refused")}), v1alpha1.KeyServiceUnavailableReason, false, true, "does not answer"},
		{"a service that refuses the tip", fail(&keyservice.UnavailableError{Err: errors.New("unavailable"), Reason: keyservicev1.ReasonHeadRefused}), v1alpha1.KeyServiceUnavailableReason, false, true, "hint: mend the branch"},
		{"a service that does not see Git any more", fail(&keyservice.UnavailableError{Err: errors.New("unavailable"), Reason: keyservicev1.ReasonStale}), v1alpha1.KeyServiceUnavailableReason, false, true, "what runs is kept; hint: "},
		{"cluster suspended at the service", fail(&keyservice.DeniedError{Reason: keyservicev1.ReasonSuspended}), v1alpha1.NotInFleetReason, true, true, "Suspended"},
		{"identity refused", fail(&keyservice.DeniedError{Reason: keyservicev1.ReasonIdentity}), v1alpha1.UnsealDeniedReason, false, false, "IdentityMismatch"},
		{"another request's answer", fail(errors.New("read key service answer: it carries another request's nonce")), v1alpha1.UnsealFailedReason, false, false, "nonce"},
		{"another fleet", func(w *unsealWorld, _ kustomize.Object) { w.service.fleet = strings.Repeat("0", 32) }, v1alpha1.UnsealFailedReason, false, false, "fleet"},
		{"a head off our line", func(w *unsealWorld, _ kustomize.Object) { w.service.head = "elsewhere" }, v1alpha1.KeyServiceUnavailableReason, true, true, "elsewhere"},
		{"an answer for another cluster", func(w *unsealWorld, _ kustomize.Object) {
			other, err := NewIdentity()
			if err != nil {
				w.Fatal(err)
			}
			w.service.recipient = other.Recipient()
		}, v1alpha1.UnsealFailedReason, false, false, "does not open"},
		{"a stub built under another name", func(_ *unsealWorld, o kustomize.Object) { o.SetName("renamed") }, v1alpha1.UnsealFailedReason, false, false, "does not open"},
		{"a stub built into another namespace", func(_ *unsealWorld, o kustomize.Object) { o.SetNamespace("other") }, v1alpha1.UnsealFailedReason, false, false, "does not open"},
		{"the cluster suspended in Git", func(w *unsealWorld, _ kustomize.Object) {
			w.snapshot.ClusterSuspended, w.snapshot.NotInFleet = true, "suspended here"
		}, v1alpha1.NotInFleetReason, false, false, "suspended here"},
	}
	w := newUnsealWorld(t)
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := *w
			w.T, w.refetched = t, 0
			snapshot := *w.snapshot
			w.snapshot = &snapshot
			w.service = &softService{opener: w.service.opener, recipient: w.service.recipient, stubs: map[string]kustomize.Object{},
				refusals: map[string]keyservicev1.Refusal{}, fleet: ownFleet, head: "head"}
			o := w.seal("db-"+strconv.Itoa(i), map[string]string{"password": "hunter2"})
			test.spoil(&w, o)
			delivery := "case-" + strconv.Itoa(i)
			got, err := w.process().Unseal(t.Context(), delivery, w.snapshot, w.sealed(o))
			failed := new(loop.Error)
			if !errors.As(err, &failed) || got != nil {
				t.Fatalf("got %v, %v, want a loop.Error and no values", got, err)
			}
			if failed.Reason != test.reason || failed.Stale != test.stale || failed.Retryable() != test.again {
				t.Errorf("reason %s, stale %v, retryable %v: %v", failed.Reason, failed.Stale, failed.Retryable(), err)
			}
			if !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("message is %q, want it to say %s", err, test.says)
			}
			if (w.refetched > 0) != test.stale {
				t.Errorf("a look at the remote was asked for %d times", w.refetched)
			}
			for _, secret := range w.kept() {
				if secret.Labels[AnswersLabel] == delivery {
					t.Error("an answer was kept")
				}
			}
			if test.name == "the cluster suspended in Git" && w.service.asked() != 0 {
				t.Error("a suspended cluster asked the key service")
			}
		})
	}
}

func refuse(code keyservicev1.Refusal) func(*unsealWorld, kustomize.Object) {
	return func(w *unsealWorld, o kustomize.Object) { w.service.refusals[o.Stub.Digest] = code }
}

func fail(err error) func(*unsealWorld, kustomize.Object) {
	return func(w *unsealWorld, _ kustomize.Object) { w.service.err = err }
}

func TestASuspendedClusterHealsWhatItHas(t *testing.T) {
	w := newUnsealWorld(t)
	old, fresh := w.seal("old", map[string]string{"a": "1"}), w.seal("fresh", map[string]string{"a": "2"})
	u := w.process()
	if _, err := u.Unseal(t.Context(), "payments", w.snapshot, w.sealed(old)); err != nil {
		t.Fatal(err)
	}
	w.snapshot.ClusterSuspended = true
	got, err := u.Unseal(t.Context(), "payments", w.snapshot, w.sealed(old))
	if err != nil {
		t.Fatal(err)
	}
	w.expect(got, old, map[string]string{"a": "1"})
	if _, err := u.Unseal(t.Context(), "payments", w.snapshot, w.sealed(old, fresh)); err == nil || w.service.asked() != 1 {
		t.Errorf("a new value: %v after %d requests, want a refusal after 1", err, w.service.asked())
	}
}

func TestAHeadAheadOfOursIsAccepted(t *testing.T) {
	w := newUnsealWorld(t)
	w.service.head = "ahead"
	o := w.seal("db", map[string]string{"a": "1"})
	got, err := w.process().Unseal(t.Context(), "payments", w.snapshot, w.sealed(o))
	if err != nil {
		t.Fatal(err)
	}
	w.expect(got, o, map[string]string{"a": "1"})
}

func TestWhatIsGrantedIsKeptThoughANeighbourIsRefused(t *testing.T) {
	w := newUnsealWorld(t)
	good, bad := w.seal("good", map[string]string{"a": "1"}), w.seal("bad", map[string]string{"a": "2"})
	refuse(keyservicev1.Refusal_REFUSAL_NOT_LOCKED)(w, bad)
	u := w.process()
	if _, err := u.Unseal(t.Context(), "payments", w.snapshot, w.sealed(good, bad)); err == nil {
		t.Fatal("a refused stub has values")
	}
	delete(w.service.refusals, bad.Stub.Digest)
	if _, err := u.Unseal(t.Context(), "payments", w.snapshot, w.sealed(good, bad)); err != nil {
		t.Fatal(err)
	}
	if last := w.service.requests[len(w.service.requests)-1]; len(last) != 1 || last[0] != bad.Stub.Digest {
		t.Errorf("the second request names %d stubs, want the refused one alone", len(last))
	}
}

// TestDeliveriesShareRequests has windows that never close by themselves, so
// that what leaves, leaves because a batch is full.
func TestDeliveriesShareRequests(t *testing.T) {
	w := newUnsealWorld(t)
	u := w.process()
	u.batches.window = 1 << 60
	var group sync.WaitGroup
	errs := make(chan error, maxBatch)
	for i := range maxBatch {
		o := w.seal(fmt.Sprintf("db-%d", i), map[string]string{"a": strconv.Itoa(i)})
		group.Go(func() {
			got, err := u.Unseal(t.Context(), fmt.Sprintf("delivery-%d", i), w.snapshot, w.sealed(o))
			if err == nil && len(got[o.ID()]) != 1 {
				err = errors.New("no value")
			}
			errs <- err
		})
	}
	group.Wait()
	for range maxBatch {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if w.service.asked() != 1 || len(w.service.requests[0]) != maxBatch {
		t.Errorf("%d requests for %d Deliveries, want 1", w.service.asked(), maxBatch)
	}
}

func TestAnswersOfOneDeliveryGoOverShards(t *testing.T) {
	w := newUnsealWorld(t)
	kept := &keptAnswers{client: w.client, namespace: w.namespace}
	digest := func(i int) string { return fmt.Sprintf("sha256:%064d", i) }
	stanza := sealing.Stanza{Type: "mlkem768x25519", Args: []string{strings.Repeat("A", 1494)}, Body: make([]byte, 32)}
	const answers = 700
	full, err := kept.load(t.Context(), "big")
	if err != nil {
		t.Fatal(err)
	}
	for i := range answers {
		full.put(digest(i), []sealing.Stanza{stanza})
	}
	if err := kept.save(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	if secrets := w.kept(); len(secrets) != 2 {
		t.Fatalf("%d secrets, want 2", len(secrets))
	}
	again, err := kept.load(t.Context(), "big")
	if err != nil {
		t.Fatal(err)
	}
	for i := range answers {
		if len(again.get(digest(i))) != 1 {
			t.Fatalf("answer %d is lost", i)
		}
	}
	again.keepOnly([]string{digest(answers - 1)})
	if err := kept.save(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	secrets := w.kept()
	if len(secrets) != 1 || len(secrets[0].Data) != 1 {
		t.Fatalf("%d secrets are left, want 1 with 1 answer", len(secrets))
	}
	last, err := kept.load(t.Context(), "big")
	if err != nil {
		t.Fatal(err)
	}
	for i := range answers {
		last.put(digest(i), []sealing.Stanza{stanza})
	}
	if err := kept.save(t.Context(), last); err != nil || len(w.kept()) != 2 {
		t.Errorf("%d secrets after filling up again: %v", len(w.kept()), err)
	}
	if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "bulla-answers-big"}, &secrets[0]); err != nil {
		t.Error(err)
	}
}
