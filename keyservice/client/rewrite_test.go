package client_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/fixtures/auditlog"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

var next = strings.Repeat("b", 40)

// ProveRewrite shows the newest entry of the log, as if it were the word asked for.
func (s *service) ProveRewrite(_ context.Context, in *keyservicev1.ProveRewriteRequest) (
	*keyservicev1.ProveRewriteResponse, error,
) {
	s.mu.Lock()
	defer s.mu.Unlock()
	log := s.log
	if s.logOf != nil {
		log = s.logOf(0)
	}
	out := &keyservicev1.ProveRewriteResponse{Log: &keyservicev1.LogState{Checkpoint: log.Signed(log.Size())}}
	if from := int64(in.GetLogSize()); from <= log.Size() {
		out.Log.Consistency = log.Consistency(from, log.Size())
	}
	if index := log.Size() - 1; index > 0 {
		out.Accepted = &keyservicev1.Inclusion{Index: uint64(index), Entry: log.Leaf(index),
			Proof: log.Inclusion(log.Size(), index)}
	}
	if s.forge != nil {
		s.forge(out)
	}
	return out, nil
}

// TestAnAcceptedHistoryIsTakenForExactlyOneStep: an entry about another step would lead
// a cluster back to what was revoked.
func TestAnAcceptedHistoryIsTakenForExactlyOneStep(t *testing.T) {
	s := newService(t)
	ask := func() (*client.Rewrite, error) { return s.client.AcceptedRewrite(t.Context(), head, "main") }
	if found, err := ask(); found != nil || err != nil {
		t.Fatalf("nobody's word: %v, %v", found, err)
	}
	word := audit.Entry{Time: time.Unix(2, 0), Kind: audit.History, Outcome: audit.Done, Fleet: fleet, Head: head,
		Revision: next, Ref: "refs/heads/main"}
	for what, change := range map[string]func(*audit.Entry){
		"another head that was left": func(e *audit.Entry) { e.Head = next },
		"another fleet":              func(e *audit.Entry) { e.Fleet = strings.Repeat("0", 32) },
		"another branch":             func(e *audit.Entry) { e.Ref = "canary" },
		"an entry of before":         func(e *audit.Entry) { e.Ref = "" },
		"another kind":               func(e *audit.Entry) { e.Kind = audit.Head },
		"a refusal":                  func(e *audit.Entry) { e.Outcome = "Role" },
		"no hash":                    func(e *audit.Entry) { e.Revision = "main" },
		"the head itself":            func(e *audit.Entry) { e.Revision = head },
	} {
		other := word
		change(&other)
		s.log.Record(other)
		found, err := ask()
		if mismatch := new(client.LogError); found != nil || !errors.As(err, &mismatch) {
			t.Errorf("%s: %v, %v", what, found, err)
		}
	}
	index := s.log.Record(word)
	for what, forge := range map[string]func(*keyservicev1.ProveRewriteResponse){
		"bytes that are not in the log": func(out *keyservicev1.ProveRewriteResponse) {
			out.Accepted.Entry = []byte(strings.Replace(string(out.Accepted.Entry), next, strings.Repeat("c", 40), 1))
		},
		"at another place": func(out *keyservicev1.ProveRewriteResponse) { out.Accepted.Index-- },
		"past every log":   func(out *keyservicev1.ProveRewriteResponse) { out.Accepted.Index = audit.MaxSize + 1 },
		"without a proof":  func(out *keyservicev1.ProveRewriteResponse) { out.Accepted.Proof = nil },
		"without a state":  func(out *keyservicev1.ProveRewriteResponse) { out.Log = nil },
		"a state that nobody signed": func(out *keyservicev1.ProveRewriteResponse) {
			out.Log.Checkpoint = []byte(strings.Replace(string(out.Log.Checkpoint), "\n— ", "\n— x", 1))
		},
	} {
		s.forge = forge
		found, err := ask()
		if mismatch := new(client.LogError); found != nil || !errors.As(err, &mismatch) {
			t.Errorf("%s: %v, %v", what, found, err)
		}
	}
	s.forge = nil
	found, err := ask()
	if want := (client.Rewrite{Index: index, From: head, To: next}); err != nil || found == nil || *found != want {
		t.Fatalf("got %v, %v; want %v", found, err, want)
	}
	fork := s.log.Fork(2)
	fork.Record(word, word)
	s.logOf = func(int) *auditlog.Log { return fork }
	if found, err := ask(); found != nil || err == nil {
		t.Errorf("a log that is not the one seen before: %v, %v", found, err)
	}
}
