package unseal

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	keyservice "github.com/bulla-dev/bulla/keyservice/client"
)

// keystore is a value as large as a Secret takes it, or nearly.
func keystore(t *testing.T) string {
	t.Helper()
	value := make([]byte, 900<<10)
	if _, err := rand.Read(value); err != nil {
		t.Fatal(err)
	}
	return string(value)
}

// parts are the Secrets with kept stubs.
func (w *unsealWorld) parts() (parts []corev1.Secret) {
	w.Helper()
	for _, secret := range w.kept() {
		if secret.Labels[StubLabel] != "" {
			parts = append(parts, secret)
		}
	}
	return parts
}

// heals says whether another process opens what is asked for with the service away.
func (w *unsealWorld) heals(delivery string, asked Sealed) bool {
	w.Helper()
	w.service.away(&keyservice.UnavailableError{Err: errors.New("away")})
	defer w.service.away(nil)
	got, err := w.process().Kept(w.Context(), delivery, w.snapshot, []Sealed{asked})
	if err != nil {
		w.Fatal(err)
	}
	return len(got) == 1
}

// TestAReferenceIsHealedWithTheServiceAway: its stub is kept beside the answer, over as
// many Secrets as it takes, and goes with it.
func TestAReferenceIsHealedWithTheServiceAway(t *testing.T) {
	w := newUnsealWorld(t)
	values := map[string]string{"keystore.jks": keystore(t), "user": "app"}
	db := w.seal("db", values)
	asked, file := w.refer(db)
	u := w.process()
	got, err := u.Unseal(t.Context(), "payments", w.snapshot, []Sealed{asked})
	if err != nil {
		t.Fatal(err)
	}
	w.expect(got, db, values)
	w.service.away(&keyservice.UnavailableError{Err: errors.New("away")})
	if got, err = w.process().Unseal(t.Context(), "payments", w.snapshot, []Sealed{asked}); err != nil {
		t.Fatalf("after a restart, with the service away: %v", err)
	}
	w.service.away(nil)
	w.expect(got, db, values)
	parts := w.parts()
	if len(parts) != 2 {
		t.Errorf("%d parts of a stub of %d bytes", len(parts), len(file))
	}
	needle := []byte(base64.StdEncoding.EncodeToString([]byte(values["keystore.jks"]))[:60])
	for _, part := range parts {
		if size := len(part.Data[stubField]); size > maxShard || bytes.Contains(part.Data[stubField], needle) {
			t.Errorf("part %s has %d bytes, or a value", part.Name, size)
		}
	}

	t.Log("a lock more is another stub of the same content: nobody is asked")
	relocked, _ := w.refer(db)
	relocked.Object.Stub.Reference.Spec.Stub.Digest = "sha256:" + strings.Repeat("0", 64)
	if !w.heals("payments", relocked) {
		t.Error("another lock loses what is kept")
	}

	t.Log("what is dropped is dropped whole, and what stays opens")
	other, _ := w.refer(w.seal("other", map[string]string{"k": "v"}))
	if _, err := u.Unseal(t.Context(), "payments", w.snapshot, []Sealed{other}); err != nil {
		t.Fatal(err)
	}
	if err := u.Forget(t.Context(), "payments", []string{other.Content}); err != nil || len(w.parts()) != 1 {
		t.Errorf("%d parts are left of the one that stays: %v", len(w.parts()), err)
	}
	if w.heals("payments", asked) || !w.heals("payments", other) {
		t.Error("the wrong one was dropped")
	}
	if err := w.process().Forget(t.Context(), "payments", nil); err != nil || len(w.kept()) != 0 {
		t.Errorf("%d Secrets are left of what was revoked: %v", len(w.kept()), err)
	}
}

// TestHalfAStubIsNone: a part that is gone, cut, or another's, is asked for again, once.
func TestHalfAStubIsNone(t *testing.T) {
	w := newUnsealWorld(t)
	db := w.seal("db", map[string]string{"keystore.jks": keystore(t)})
	asked, _ := w.refer(db)
	u := w.process()
	if _, err := u.Unseal(t.Context(), "payments", w.snapshot, []Sealed{asked}); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(part *corev1.Secret) error{
		"gone": func(part *corev1.Secret) error { return w.client.Delete(t.Context(), part) },
		"cut": func(part *corev1.Secret) error {
			part.Data[stubField] = part.Data[stubField][1:]
			return w.client.Update(t.Context(), part)
		},
		"empty": func(part *corev1.Secret) error {
			part.Data = nil
			return w.client.Update(t.Context(), part)
		},
	} {
		for n := range 2 {
			part := w.parts()[n]
			if err := spoil(&part); err != nil {
				t.Fatal(err)
			}
			if w.heals("payments", asked) {
				t.Errorf("%s: half a stub opens", name)
			}
			before := w.service.asked()
			if _, err := u.Unseal(t.Context(), "payments", w.snapshot, []Sealed{asked}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if !w.heals("payments", asked) || w.service.asked() != before+1 || len(w.parts()) != 2 {
				t.Errorf("%s: part %d did not come again with one request", name, n)
			}
		}
	}
}

// breaking fails the write of one Secret.
type breaking struct {
	client.Client
	name string
}

func (b *breaking) Create(ctx context.Context, o client.Object, options ...client.CreateOption) error {
	if strings.HasSuffix(o.GetName(), b.name) {
		return errors.New("the API server ends here")
	}
	return b.Client.Create(ctx, o, options...)
}

// TestAValueIsNotGivenOutBeforeItsStubIsKept: what runs can always be healed; and what is
// left of the attempt goes one day.
func TestAValueIsNotGivenOutBeforeItsStubIsKept(t *testing.T) {
	w := newUnsealWorld(t)
	asked, _ := w.refer(w.seal("db", map[string]string{"keystore.jks": keystore(t)}))
	for _, name := range []string{".1", AnswersSecretPrefix + "payments"} {
		u := w.process()
		u.kept.client = &breaking{Client: w.own, name: name}
		if got, err := u.Unseal(t.Context(), "payments", w.snapshot, []Sealed{asked}); err == nil || len(got) > 0 {
			t.Errorf("%s is not written: %d values, %v", name, len(got), err)
		}
		if w.heals("payments", asked) {
			t.Errorf("%s is not written, and it opens", name)
		}
	}
	u := w.process()
	other, _ := w.refer(w.seal("other", map[string]string{"k": "v"}))
	if _, err := u.Unseal(t.Context(), "payments", w.snapshot, []Sealed{other}); err != nil {
		t.Fatal(err)
	}
	if err := u.Forget(t.Context(), "payments", []string{other.Content}); err != nil || len(w.parts()) != 1 {
		t.Errorf("%d parts, with what was left half way: %v", len(w.parts()), err)
	}
}

// TestMoreReferencesThanOneAnswerCarriesAllCome: by several requests of one call, each
// within the room; and where the service has less, by several calls.
func TestMoreReferencesThanOneAnswerCarriesAllCome(t *testing.T) {
	w := newUnsealWorld(t)
	value := keystore(t)
	var asked []Sealed
	var bytes int64
	for n := range 20 {
		of, file := w.refer(w.seal(fmt.Sprintf("db-%d", n), map[string]string{"keystore.jks": value}))
		asked, bytes = append(asked, of), bytes+int64(len(file))
	}
	w.service.room = 32 << 20
	if bytes <= w.service.room {
		t.Fatalf("%d bytes find room in one answer", bytes)
	}
	got, err := w.process().Unseal(t.Context(), "payments", w.snapshot, asked)
	if err != nil || len(got) != 20 || w.service.asked() != 2 {
		t.Errorf("%d values after %d requests: %v", len(got), w.service.asked(), err)
	}
	w.service.room, asked = 4<<20, asked[:6] // another version of the service
	u, calls := w.process(), 0
	for ; calls < 6; calls++ {
		got, err = u.Unseal(t.Context(), "another", w.snapshot, asked)
		if err == nil {
			break
		}
		if failed := new(loop.Error); !errors.As(err, &failed) || failed.Reason != v1alpha1.KeyServiceUnavailableReason ||
			!failed.Retryable() || len(got) > 0 {
			t.Fatalf("call %d: %d values, %v", calls, len(got), err)
		}
	}
	if len(got) != 6 || calls != 2 {
		t.Errorf("%d values after %d calls that brought some", len(got), calls)
	}
}

// TestWhatLeavesGitIsKept: a stub that was opened from Git and is a reference now heals
// with the service away, and nobody was asked.
func TestWhatLeavesGitIsKept(t *testing.T) {
	w := newUnsealWorld(t)
	values := map[string]string{"password": "p4ss"}
	db := w.seal("db", values)
	stood := w.sealed(db)
	asked, _ := w.refer(db)
	builds := 0
	carry := func(delivery string) {
		t.Helper()
		err := w.process().Carry(t.Context(), delivery, w.snapshot, []Sealed{asked}, func() ([]Sealed, error) {
			builds++
			return stood, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	carry("payments")
	if len(w.kept()) != 0 || builds != 0 {
		t.Errorf("a stub without an answer is kept, or was built for: %d", builds)
	}
	if _, err := w.process().Unseal(t.Context(), "payments", w.snapshot, stood); err != nil {
		t.Fatal(err)
	}
	if w.heals("payments", asked) {
		t.Error("it opens without its stub")
	}
	before := w.service.asked()
	carry("payments")
	carry("payments")
	if builds != 1 {
		t.Errorf("what stood was built %d times, for one stub that was not kept", builds)
	}
	if !w.heals("payments", asked) || w.service.asked() != before {
		t.Errorf("it does not heal, or %d requests were made", w.service.asked()-before)
	}
	if !w.heals("payments", stood[0]) {
		t.Error("back in Git it does not heal")
	}
}
