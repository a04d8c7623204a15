package unseal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fluxcd/pkg/apis/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/keyservice/audit"
	keyservice "github.com/bulla-dev/bulla/keyservice/client"
)

func TestTheLogsStateOutlivesTheController(t *testing.T) {
	w := newUnsealWorld(t)
	process := func() *logMemory { return &logMemory{client: w.client, namespace: w.namespace} }
	memory := process()
	if signed, err := memory.Last(t.Context()); err != nil || signed != nil {
		t.Fatalf("at first: %q, %v", signed, err)
	}
	for i := range 3 {
		state := fmt.Appendf(nil, "state %d", i)
		if err := memory.Remember(t.Context(), state); err != nil {
			t.Fatal(err)
		}
		for name, m := range map[string]*logMemory{"the process": memory, "the next process": process()} {
			if signed, err := m.Last(t.Context()); err != nil || string(signed) != string(state) {
				t.Errorf("%s remembers %q, %v; want %q", name, signed, err, state)
			}
		}
	}

	t.Log("a controller that lost its lease does not write over what the next one saw")
	stale := process()
	if _, err := stale.Last(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := memory.Remember(t.Context(), []byte("state 3")); err != nil {
		t.Fatal(err)
	}
	if err := stale.Remember(t.Context(), []byte("of the old one")); err == nil {
		t.Error("it wrote")
	}
	if signed, err := stale.Last(t.Context()); err != nil || string(signed) != "state 3" {
		t.Errorf("it reads %q, %v", signed, err)
	}
}

// flakyWrites fails writes, before they happen or after.
type flakyWrites struct {
	client.Client
	before, after error
}

func (f *flakyWrites) Create(ctx context.Context, o client.Object, opts ...client.CreateOption) error {
	if f.before != nil {
		return f.before
	}
	return errors.Join(f.Client.Create(ctx, o, opts...), f.after)
}

func (f *flakyWrites) Update(ctx context.Context, o client.Object, opts ...client.UpdateOption) error {
	if f.before != nil {
		return f.before
	}
	return errors.Join(f.Client.Update(ctx, o, opts...), f.after)
}

func TestAStateThatIsNotWrittenIsNotRemembered(t *testing.T) {
	w := newUnsealWorld(t)
	flaky := &flakyWrites{Client: w.client}
	memory := &logMemory{client: flaky, namespace: w.namespace}
	for i, first := range []string{"created", "updated"} {
		flaky.before = errors.New("etcd is full")
		before, err := memory.Last(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var failed *loop.Error
		if err := memory.Remember(t.Context(), []byte("lost")); !errors.As(err, &failed) || failed.Reason != meta.FailedReason {
			t.Errorf("%s: %v, want a failure of our own API server", first, err)
		}
		if signed, err := memory.Last(t.Context()); err != nil || string(signed) != string(before) {
			t.Errorf("%s: remembers %q, %v; want %q", first, signed, err, before)
		}
		flaky.before, flaky.after = nil, errors.New("the connection broke")
		state := fmt.Sprintf("persisted %d", i)
		if err := memory.Remember(t.Context(), []byte(state)); err == nil {
			t.Errorf("%s: a write that failed and was persisted is a success", first)
		}
		flaky.after = nil
		if signed, err := memory.Last(t.Context()); err != nil || string(signed) != state {
			t.Errorf("%s: remembers %q, %v; want %q, which was persisted", first, signed, err, state)
		}
	}
}

func TestAnAnswerThatTheLogDoesNotBearOutIsNotUsed(t *testing.T) {
	w := newUnsealWorld(t)
	db := w.seal("db", map[string]string{"password": "p4ss"})
	process := w.process()
	messages := map[string]bool{}
	for _, cause := range []error{
		audit.ErrNoLogKey, audit.ErrCheckpoint, audit.ErrInclusion, audit.ErrConsistency, audit.ErrEntry, errors.New("the log has digest A, and the answer B"),
	} {
		w.service.err = &keyservice.LogError{Err: fmt.Errorf("size %d: %w", 7, cause)}
		values, err := process.Unseal(t.Context(), "payments", w.snapshot, w.sealed(db))
		var failed *loop.Error
		if values != nil || !errors.As(err, &failed) || failed.Reason != v1alpha1.AuditLogMismatchReason || !failed.Retryable() || failed.Stale {
			t.Fatalf("%v: %d values, error %v; want AuditLogMismatch, tried again", cause, len(values), err)
		}
		if !strings.Contains(failed.Message, "hint: ") || strings.Contains(failed.Message, "7") {
			t.Errorf("%v: message %q has no hint, or changes with every try", cause, failed.Message)
		}
		messages[failed.Message] = true
	}
	if len(messages) != 6 {
		t.Errorf("%d messages for six causes", len(messages))
	}
	if kept := w.kept(); len(kept) != 0 {
		t.Errorf("%d answers are kept", len(kept))
	}
	w.service.err = nil
	if _, err := process.Unseal(t.Context(), "payments", w.snapshot, w.sealed(db)); err != nil {
		t.Errorf("after the service was repaired: %v", err)
	}
}

// TestADamagedStateOfTheLogHoldsNewValues: to take it for none would let who
// damages it have a rewritten log believed.
func TestADamagedStateOfTheLogHoldsNewValues(t *testing.T) {
	w := newUnsealWorld(t)
	db := w.seal("db", map[string]string{"password": "p4ss"})
	process := w.process()
	cause := &keyservice.MemoryError{Where: "secret bulla-system/" + AuditLogSecret, Err: errors.New("malformed note of 7 bytes")}
	w.service.err = fmt.Errorf("ask key service: %w", cause)
	values, err := process.Unseal(t.Context(), "payments", w.snapshot, w.sealed(db))
	var failed *loop.Error
	if values != nil || !errors.As(err, &failed) || failed.Reason != v1alpha1.AuditLogMismatchReason || !failed.Retryable() || failed.Stale {
		t.Fatalf("%d values, error %v; want AuditLogMismatch, tried again", len(values), err)
	}
	if !strings.Contains(failed.Message, cause.Where+" is damaged") || !strings.Contains(failed.Message, "hint: ") || strings.Contains(failed.Message, "7") {
		t.Errorf("message %q", failed.Message)
	}

	memory := &logMemory{client: w.client, namespace: w.namespace}
	if err := memory.Remember(t.Context(), []byte("state")); err != nil {
		t.Fatal(err)
	}
	memory.secret.Data = nil
	if err := w.client.Update(t.Context(), memory.secret); err != nil {
		t.Fatal(err)
	}
	if signed, err := (&logMemory{client: w.client, namespace: w.namespace}).Last(t.Context()); err != nil || signed == nil || len(signed) != 0 {
		t.Errorf("a Secret without its checkpoint reads as %q, %v; want an empty one, which is damaged", signed, err)
	}
}
