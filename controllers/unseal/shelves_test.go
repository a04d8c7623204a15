package unseal

import (
	"context"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/controllers/internal/own"
)

// counted is a process that counts the lists of Secrets that it asks for.
func (w *unsealWorld) counted() (*Unsealing, *atomic.Int32) {
	w.Helper()
	counting := &countingClient{Client: w.own}
	u := w.process()
	u.kept.client = counting
	return u, &counting.lists
}

type countingClient struct {
	client.Client
	lists atomic.Int32
}

func (c *countingClient) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	c.lists.Add(1)
	return c.Client.List(ctx, list, options...)
}

func TestWhatIsKnownOfKeptAnswersIsNotAskedFor(t *testing.T) {
	w := newUnsealWorld(t)
	u, asked := w.counted()
	objects := w.sealed(w.seal("a", map[string]string{"k": "1"}), w.seal("b", map[string]string{"k": "2"}))
	for _, delivery := range []string{"one", "two", "three"} {
		if _, err := u.Unseal(t.Context(), delivery, w.snapshot, objects); err != nil {
			t.Fatal(err)
		}
		if err := u.Forget(t.Context(), delivery, []string{objects[1].Content, objects[0].Content}); err != nil {
			t.Fatal(err)
		}
	}
	if asked.Load() != 1 || len(w.kept()) != 3 {
		t.Errorf("%d lists for three new Deliveries, want 1; %d secrets", asked.Load(), len(w.kept()))
	}

	t.Log("what is dropped is dropped, and what stays opens")
	if err := u.Forget(t.Context(), "one", []string{objects[0].Content}); err != nil {
		t.Fatal(err)
	}
	got, err := u.Kept(t.Context(), "one", w.snapshot, objects)
	if err != nil || len(got) != 1 {
		t.Errorf("%d values after one was dropped, want 1: %v", len(got), err)
	}

	t.Log("a process that comes later knows of all of them")
	later, asked := w.counted()
	before := w.service.asked()
	if _, err := later.Unseal(t.Context(), "two", w.snapshot, objects); err != nil || w.service.asked() != before {
		t.Errorf("kept answers were asked for again: %v", err)
	}
	if _, err := later.Unseal(t.Context(), "four", w.snapshot, objects); err != nil || asked.Load() != 2 {
		t.Errorf("%d lists, want one of names and one of answers: %v", asked.Load(), err)
	}
}

// TestAnswersThatSomebodyBroughtBackGoWithTheirDelivery: of a backup, which this process
// knows nothing of.
func TestAnswersThatSomebodyBroughtBackGoWithTheirDelivery(t *testing.T) {
	w := newUnsealWorld(t)
	u := w.process()
	objects := w.sealed(w.seal("a", map[string]string{"k": "1"}))
	if got, err := u.Kept(t.Context(), "payments", w.snapshot, objects); err != nil || len(got) != 0 {
		t.Fatalf("%d values, %v", len(got), err)
	}
	back := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: AnswersSecretPrefix + "payments",
		Labels: map[string]string{own.ManagedByLabel: own.ManagedBy, AnswersLabel: "payments"}},
		Data: map[string][]byte{answerKey(objects[0].Content): []byte("[]")}}
	if err := w.client.Create(t.Context(), back); err != nil {
		t.Fatal(err)
	}

	t.Log("a write that meets it fails once, and reads it then")
	if _, err := u.Unseal(t.Context(), "payments", w.snapshot, objects); err == nil {
		t.Error("an answer was written over what nobody had read")
	}
	if _, err := u.Unseal(t.Context(), "payments", w.snapshot, objects); err != nil {
		t.Error(err)
	}

	t.Log("and a removal takes what it did not know of")
	back.ResourceVersion, back.Name, back.Labels[AnswersLabel] = "", AnswersSecretPrefix+"other", "other"
	if err := w.client.Create(t.Context(), back); err != nil {
		t.Fatal(err)
	}
	for _, delivery := range []string{"payments", "other"} {
		if err := u.Forget(t.Context(), delivery, nil); err != nil {
			t.Error(err)
		}
	}
	if left := w.kept(); len(left) != 0 {
		t.Errorf("%d secrets are left", len(left))
	}
}
