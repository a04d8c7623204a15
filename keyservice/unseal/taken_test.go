package unseal

import (
	"context"
	"log/slog"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/grant"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// counted has no stub, and counts who asks for one.
type counted struct {
	Store

	asked int
}

func (c *counted) Stub(context.Context, string, string) ([]byte, error) {
	c.asked++
	return []byte("x"), nil
}

// gone has none either, and says so.
type gone struct{ Store }

func (gone) Stub(context.Context, string, string) ([]byte, error) { return nil, store.ErrNotFound }

// TestAnAnswerCarriesABoundedNumberOfBytes: what finds no room is not read, and is told to
// come again; a thousand references of 2 MiB are not one answer.
func TestAnAnswerCarriesABoundedNumberOfBytes(t *testing.T) {
	rows := &counted{}
	of := &api.SealedReference{}
	of.Spec.Stub.Size = api.MaxStoredStub
	g := &grounds{rows: rows, room: protocol.MaxStubBytes, log: slog.New(slog.DiscardHandler),
		index: &heads.Index{Stubs: map[string][]grant.Candidate{"d": {{Reference: of}}}}}
	most := protocol.MaxStubBytes / api.MaxStoredStub
	for n := range most + 5 {
		want := invalid // one byte is not the stub
		if n >= most {
			want = unavailable
		}
		if _, refusal := taken(t.Context(), g, decided{digest: "d"}); refusal != want {
			t.Errorf("stub %d: %v, want %v", n, refusal, want)
		}
	}
	if rows.asked != most {
		t.Errorf("%d stubs were read for an answer of %d", rows.asked, most)
	}
	g.rows, g.room = gone{}, protocol.MaxStubBytes
	_, refusal := taken(t.Context(), g, decided{digest: "d"})
	if refusal != keyservicev1.Refusal_REFUSAL_STUB_MISSING || g.room != protocol.MaxStubBytes {
		t.Errorf("one that is missing: %v, room for %d", refusal, g.room)
	}
}
