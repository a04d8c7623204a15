package client_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"connectrpc.com/connect"

	"github.com/bulla-dev/bulla/fixtures/auditlog"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

func TestAnAnswerIsUsedOnlyOnceItsStateIsRemembered(t *testing.T) {
	s := newService(t)
	s.mustAsk()
	s.memory.fail = errors.New("disk full")
	answers, err := s.ask()
	if answers != nil || !errors.Is(err, s.memory.fail) || errors.As(err, new(*client.LogError)) {
		t.Errorf("answers %v, error %v; want the memory's error and no alarm", answers, err)
	}
	// It was written all the same, and the answer to the write was lost.
	s.memory.fail = nil
	s.memory.signed = s.log.Signed(s.log.Size())
	s.mustAsk()
	if s.memory.writes != 2 {
		t.Errorf("%d writes, want 2", s.memory.writes)
	}
}

func TestAnOlderMemoryIsHarmless(t *testing.T) {
	s := newService(t)
	s.mustAsk()
	backup := s.memory.signed
	s.mustAsk()
	for name, restored := range map[string][]byte{"an older checkpoint": backup, "none": nil} {
		s.memory.signed = restored
		if _, err := s.ask(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestADamagedMemoryIsNotTakenForNone: who damages it would have a log believed
// that was rewritten since.
func TestADamagedMemoryIsNotTakenForNone(t *testing.T) {
	s := newService(t)
	s.mustAsk()
	good := slices.Clone(s.memory.signed)
	flip := func(at int) []byte {
		bad := slices.Clone(good)
		bad[at] ^= 1
		return bad
	}
	forked := s.log.Fork(1) // rewritten, and shorter
	for name, damaged := range map[string][]byte{
		"another text":      []byte("?"),
		"an empty one":      {},
		"one cut off":       good[:len(good)-10],
		"another origin":    flip(3),
		"another root":      flip(bytes.IndexByte(good, '=') - 5),
		"another signature": flip(len(good) - 8),
		"a large one":       append(slices.Clone(good), make([]byte, audit.MaxCheckpoint)...),
	} {
		s.logOf = func(int) *auditlog.Log { return forked }
		s.memory.signed = damaged
		asked, writes := s.asked, s.memory.writes
		answers, err := s.ask()
		var memory *client.MemoryError
		if answers != nil || !errors.As(err, &memory) || memory.Where != "the memory of the test" || errors.Is(err, client.ErrUnavailable) {
			t.Errorf("%s: answers %v, error %v; want a MemoryError that says where", name, answers, err)
		}
		if s.asked != asked || s.memory.writes != writes {
			t.Errorf("%s: the service was asked, or it was written over", name)
		}
	}
	for at := range good { // a damaged hash of the key is not another key
		s.memory.signed = flip(at)
		if answers, err := s.ask(); answers != nil || err == nil {
			t.Errorf("byte %d (%q) is damaged: answers %v, error %v; want none of a log that was rewritten", at, good[at], answers, err)
		}
	}
	s.logOf, s.memory.signed = nil, good
	s.mustAsk()
}

// Another key starts another log: it stands in fleet.yaml under the root key.
func TestANewLogKeyStartsANewLog(t *testing.T) {
	s := newService(t)
	s.mustAsk()
	key := s.log.VerifierKey()
	s.relog(client.NewLog(func() string { return key }, s.memory))
	s.mustAsk()
	s.log = auditlog.New(t, fleet)
	if _, err := s.ask(); !errors.As(err, new(*client.LogError)) {
		t.Errorf("a log under a key that fleet.yaml does not name: %v", err)
	}
	key = s.log.VerifierKey()
	s.mustAsk()
	key = ""
	if _, err := s.ask(); !errors.Is(err, audit.ErrNoLogKey) {
		t.Errorf("a fleet without a log key: %v, want ErrNoLogKey", err)
	}
	s.relog(nil)
	if _, err := s.ask(); err == nil {
		t.Error("a client without a log uses answers")
	}
}

// A service that is away is not a service that lies.
func TestALogThatCannotBeAskedIsNoFork(t *testing.T) {
	s := newService(t)
	s.mustAsk()
	s.prove = func(*keyservicev1.ProveConsistencyRequest) (*keyservicev1.ProveConsistencyResponse, error) {
		return nil, connect.NewError(connect.CodeUnavailable, errors.New(keyservicev1.ReasonUnavailable))
	}
	used, last := s.race(false, true)
	if used != nil || !errors.Is(last, client.ErrUnavailable) || errors.As(last, new(*client.LogError)) {
		t.Errorf("errors %v and %v, want ErrUnavailable for the second", used, last)
	}
}
