package client_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/bulla-dev/bulla/fixtures/auditlog"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

func TestWhatTheLogBearsOutIsUsed(t *testing.T) {
	s := newService(t)
	for range 5 {
		s.mustAsk()
		if want := s.log.Signed(s.log.Size()); !sameCheckpoint(s, s.memory.signed, want) {
			t.Fatal("the log's state is not remembered")
		}
		s.log.Record(audit.Entry{Kind: audit.Head, Fleet: fleet, Outcome: "Done"}) // of somebody else
	}
	// A refusal that was counted with earlier ones has no entry of its own.
	s.tamper = func(_ *request, out *response) { out.Results[1].Inclusion = nil }
	s.mustAsk()
	if s.memory.writes != 6 || s.proved != 0 {
		t.Errorf("%d writes and %d proofs for six answers in a row", s.memory.writes, s.proved)
	}
}

func sameCheckpoint(s *service, a, b []byte) bool {
	one, err := audit.OpenCheckpoint(a, audit.Origin(fleet), s.log.Verifier())
	if err != nil {
		return false
	}
	two, err := audit.OpenCheckpoint(b, audit.Origin(fleet), s.log.Verifier())
	return err == nil && one == two
}

// Each lie is one. The service signs what it likes: it has the log's key.
type (
	request  = keyservicev1.UnsealRequest
	response = keyservicev1.UnsealResponse
)

// edits make of an entry one that does not bear the answer out.
var edits = map[string]func(*audit.Entry){
	"an entry for another cluster":        func(e *audit.Entry) { e.Cluster = "prod-us" },
	"an entry for another stub":           func(e *audit.Entry) { e.Digest = "sha256:" + strings.Repeat("3", 64) },
	"an entry at another head":            func(e *audit.Entry) { e.Head = strings.Repeat("b", 40) },
	"an entry for another revision":       func(e *audit.Entry) { e.Revision = strings.Repeat("b", 40) },
	"an entry of another fleet":           func(e *audit.Entry) { e.Fleet = strings.Repeat("0", 32) },
	"an entry for another certificate":    func(e *audit.Entry) { e.Certificate = "1" },
	"an entry for another key":            func(e *audit.Entry) { e.Identity = "sha256:" + strings.Repeat("0", 64) },
	"an entry for a person":               func(e *audit.Entry) { e.Person = "mallory" },
	"an entry of another kind":            func(e *audit.Entry) { e.Kind = audit.Renew },
	"an entry of another outcome":         func(e *audit.Entry) { e.Outcome = "Invalid" },
	"an entry of another request":         func(e *audit.Entry) { e.Request = protocol.RequestID(make([]byte, 32)) },
	"an entry that says nothing about it": func(e *audit.Entry) { *e = audit.Entry{Kind: audit.Start, Fleet: fleet} },
}

// tampers change an answer, or what it shows of the log.
var tampers = map[string]func(*service, *request, *response){
	"no log": func(_ *service, _ *request, r *response) { r.Log = nil },
	"no checkpoint": func(_ *service, _ *request, r *response) {
		r.Log.Checkpoint = nil
	},
	"no entry": func(_ *service, _ *request, r *response) {
		r.Results[0].Inclusion = nil
	},
	"no proof of the entry": func(_ *service, _ *request, r *response) {
		r.Results[0].Inclusion.Proof = nil
	},
	"no proof that it grew": func(_ *service, _ *request, r *response) {
		r.Log.Consistency = nil
	},
	"a proof for another index": func(_ *service, _ *request, r *response) {
		r.Results[0].Inclusion.Proof = r.Results[1].Inclusion.Proof
	},
	"another index": func(_ *service, _ *request, r *response) {
		r.Results[0].Inclusion.Index++
	},
	"an index past every log": func(_ *service, _ *request, r *response) {
		r.Results[0].Inclusion.Index = math.MaxUint64
	},
	"an edited entry": func(_ *service, _ *request, r *response) {
		in := r.Results[0].Inclusion
		in.Entry = []byte(strings.Replace(string(in.Entry), "shop/db", "shop/dc", 1))
	},
	"the entry of the answer's other stub": func(_ *service, _ *request, r *response) {
		r.Results[0].Inclusion = r.Results[1].Inclusion
	},
	"a refusal that is recorded as something else": func(_ *service, _ *request, r *response) {
		r.Results[1].Refusal = keyservicev1.Refusal_REFUSAL_KEY
	},
	"a leaf that is no entry": func(s *service, in *request, r *response) {
		line := append(slices.Clone(r.Results[0].Inclusion.Entry), '\n')
		r.Results[0].Inclusion = &keyservicev1.Inclusion{Index: uint64(s.log.Append(line)), Entry: line}
		s.show(in, r, s.log, s.log.Size())
	},
	"a state without the entry": func(s *service, in *request, r *response) {
		s.show(in, r, s.log, int64(r.Results[0].Inclusion.Index))
	},
	"a state before the one that was seen": func(s *service, in *request, r *response) {
		s.show(in, r, s.log, int64(in.GetLogSize())-1)
	},
	"an entry that was there before": func(s *service, in *request, r *response) {
		// As an earlier answer to this cluster has it, proven anew.
		r.Results[0].Inclusion = &keyservicev1.Inclusion{Index: 1, Entry: s.log.Leaf(1)}
		s.show(in, r, s.log, s.log.Size())
	},
	"a fork before what was seen": func(s *service, in *request, r *response) {
		fork := s.log.Fork(2)
		for i := int64(2); i < s.log.Size(); i++ {
			leaf := s.log.Leaf(i)
			if i == 2 {
				leaf = audit.Entry{Kind: audit.Start, Fleet: fleet}.Marshal()
			}
			fork.Append(leaf)
		}
		s.show(in, r, fork, fork.Size())
	},
	"another key": func(s *service, in *request, r *response) {
		other := auditlog.New(s.t, fleet)
		for i := range s.log.Size() {
			other.Append(s.log.Leaf(i))
		}
		s.show(in, r, other, other.Size())
	},
	"another fleet's log under the same key": func(s *service, in *request, r *response) {
		other := s.log.Fork(s.log.Size())
		other.Fleet = strings.Repeat("0", 32)
		s.show(in, r, other, other.Size())
	},
}

func TestNothingIsUsedThatTheLogDoesNotBearOut(t *testing.T) {
	for name, edit := range edits {
		t.Run(name, func(t *testing.T) { s := newService(t); s.mustAsk(); s.edit = edit; s.refused(t) })
	}
	for name, tamper := range tampers {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			s.mustAsk()
			s.tamper = func(in *request, out *response) { tamper(s, in, out) }
			s.refused(t)
		})
	}
}

// refused asks, and the answer is not used and not remembered. An honest service
// is believed again.
func (s *service) refused(t *testing.T) {
	t.Helper()
	seen, writes := s.memory.signed, s.memory.writes
	answers, err := s.ask()
	if answers != nil || !errors.As(err, new(*client.LogError)) {
		t.Errorf("answers %v, error %v, want a LogError", answers, err)
	}
	if s.memory.writes != writes || string(s.memory.signed) != string(seen) {
		t.Error("the state of the log in the answer was remembered")
	}
	s.edit, s.tamper = nil, nil
	if _, err := s.ask(); err != nil {
		t.Errorf("after the lie: %v", err)
	}
}

func TestALogThatIsAnotherAtTheSameSizeIsRefused(t *testing.T) {
	s := newService(t)
	s.mustAsk()
	honest := s.log
	s.log = honest.Fork(1) // the operator starts over, and comes to the same size
	s.refusedAtSize(t, honest.Size())
}

func (s *service) refusedAtSize(t *testing.T, size int64) {
	t.Helper()
	_, err := s.ask()
	if got := s.log.Size(); got != size {
		t.Fatalf("the fork has %d entries, want %d", got, size)
	}
	if !errors.As(err, new(*client.LogError)) || !errors.Is(err, audit.ErrConsistency) {
		t.Errorf("error %v, want a LogError over ErrConsistency", err)
	}
}

func TestAnAnswerToAnotherClusterIsNotUsed(t *testing.T) {
	us := newService(t)
	var recorded *response
	us.tamper = func(_ *request, out *response) { recorded = out }
	us.mustAsk()
	// The same log, another cluster's certificate, the nonce put right.
	eu := newService(t)
	eu.log = us.log
	key := us.log.VerifierKey()
	eu.relog(client.NewLog(func() string { return key }, eu.memory))
	eu.tamper = func(in *request, out *response) {
		out.Results, out.Log = recorded.Results, recorded.Log
	}
	eu.refused(t)
}

// relog gives the service a client with another log.
func (s *service) relog(log *client.Log) {
	authority := newCA(s.t)
	s.client = client.New(authority.serve(muxOf(s), loopback), s.certificate, authority.certificate, log)
	s.t.Cleanup(s.client.Close)
}

// Two answers that are under way together both prove that they grew from what
// was seen before them. Each may be of its own fork.
func TestTwoAnswersAtOnceAreOfOneLog(t *testing.T) {
	for name, c := range map[string]struct {
		fork bool
		lie  func(*service)
		ok   bool
	}{
		"one log":                         {ok: true},
		"two forks":                       {fork: true},
		"two forks and a refusal to show": {fork: true, lie: func(s *service) { s.prove = refuseToProve }},
		"one log that is not shown":       {lie: func(s *service) { s.prove = refuseToProve }},
		"one log and a wrong proof": {lie: func(s *service) {
			s.prove = func(in *keyservicev1.ProveConsistencyRequest) (*keyservicev1.ProveConsistencyResponse, error) {
				return &keyservicev1.ProveConsistencyResponse{Proof: [][]byte{make([]byte, 32)}}, nil
			}
		}},
	} {
		for _, order := range []string{"the newer one last", "the older one last"} {
			t.Run(name+", "+order, func(t *testing.T) {
				s := newService(t)
				s.mustAsk()
				if c.lie != nil {
					c.lie(s)
				}
				used, last := s.race(c.fork, order == "the older one last")
				if used != nil {
					t.Errorf("the first answer: %v", used)
				}
				if c.ok != (last == nil) || last != nil && !errors.As(last, new(*client.LogError)) {
					t.Errorf("the second answer: %v", last)
				}
				if c.ok && s.proved != 1 {
					t.Errorf("%d proofs, want one", s.proved)
				}
				remembered, err := audit.OpenCheckpoint(s.memory.signed, audit.Origin(fleet), s.log.Verifier())
				if err != nil || c.ok && remembered.Size != 7 {
					t.Errorf("remembered size %d, %v; want the newer one", remembered.Size, err)
				}
			})
		}
	}
}

func refuseToProve(*keyservicev1.ProveConsistencyRequest) (*keyservicev1.ProveConsistencyResponse, error) {
	return nil, connect.NewError(connect.CodeInvalidArgument, errors.New(keyservicev1.ReasonRequest))
}

// race asks twice from one state. The first question is held back, before it is
// answered or (older) after, until the second answer was used. With fork it is
// answered out of another log.
func (s *service) race(fork, older bool) (used, last error) {
	arrived, release := make(chan struct{}), make(chan struct{})
	hold := func(n int) {
		if n == 2 {
			close(arrived)
			<-release
		}
	}
	if older {
		s.leave = hold
	} else {
		s.enter = hold
	}
	if fork {
		other := s.log.Fork(s.log.Size())
		s.logOf = func(n int) *auditlog.Log {
			if n == 2 {
				return other
			}
			return s.log
		}
		longer := other
		if older {
			longer = s.log
		}
		longer.Record(audit.Entry{Kind: audit.Head, Fleet: fleet, Outcome: "Done"})
	}
	done := make(chan error)
	go func() { _, err := s.ask(); done <- err }()
	<-arrived
	_, used = s.ask()
	close(release)
	return used, <-done
}
