package client_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/bulla-dev/bulla/fixtures/auditlog"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1/keyservicev1connect"
)

var head = strings.Repeat("a", 40)

// service is a key service that decides nothing and records everything: it
// grants the first digest and refuses the second. A test makes it lie.
type service struct {
	keyservicev1connect.UnimplementedKeyServiceHandler
	t           testing.TB
	certificate tls.Certificate
	client      *client.Client
	memory      *memory

	mu    sync.Mutex
	log   *auditlog.Log
	asked int
	// enter and leave are called around the answer to question n, logOf says
	// which log it is of.
	enter, leave func(n int)
	logOf        func(n int) *auditlog.Log
	// edit changes what is recorded, tamper what is answered, prove what is
	// shown between two sizes.
	edit   func(*audit.Entry)
	tamper func(*keyservicev1.UnsealRequest, *keyservicev1.UnsealResponse)
	prove  func(*keyservicev1.ProveConsistencyRequest) (*keyservicev1.ProveConsistencyResponse, error)
	proved int
}

func newService(t testing.TB) *service {
	t.Helper()
	authority := newCA(t)
	s := &service{t: t, certificate: authority.client(), log: auditlog.New(t, fleet), memory: &memory{}}
	s.log.Record(audit.Entry{Time: time.Unix(1, 0), Kind: audit.Start, Outcome: "Done", Fleet: fleet})
	key := s.log.VerifierKey()
	s.client = client.New(authority.serve(muxOf(s), loopback), s.certificate, authority.certificate, client.NewLog(func() string { return key }, s.memory))
	t.Cleanup(s.client.Close)
	return s
}

func (s *service) ask() (*client.Answers, error) {
	return s.client.Unseal(s.t.Context(), head, digests)
}

// mustAsk asks while the service is honest.
func (s *service) mustAsk() {
	s.t.Helper()
	if _, err := s.ask(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *service) Unseal(_ context.Context, in *keyservicev1.UnsealRequest) (*keyservicev1.UnsealResponse, error) {
	s.mu.Lock()
	s.asked++
	n := s.asked
	s.mu.Unlock()
	if s.enter != nil {
		s.enter(n)
	}
	out := s.answer(n, in)
	if s.leave != nil {
		s.leave(n)
	}
	return out, nil
}

func (s *service) answer(n int, in *keyservicev1.UnsealRequest) *keyservicev1.UnsealResponse {
	s.mu.Lock()
	defer s.mu.Unlock()
	log := s.log
	if s.logOf != nil {
		log = s.logOf(n)
	}
	out := &keyservicev1.UnsealResponse{Fleet: fleet, Head: head, Nonce: in.GetNonce(), Results: []*keyservicev1.UnsealResult{
		{Digest: digests[0], Stanzas: []*keyservicev1.Stanza{{Type: "t", Args: []string{"a"}, Body: []byte("b")}}},
		{Digest: digests[1], Refusal: keyservicev1.Refusal_REFUSAL_NOT_PLACED},
	}}
	for _, result := range out.GetResults() {
		entry := s.entry(in, result)
		if s.edit != nil {
			s.edit(&entry)
		}
		index := log.Record(entry)
		result.Inclusion = &keyservicev1.Inclusion{Index: uint64(index), Entry: log.Leaf(index)}
	}
	s.show(in, out, log, log.Size())
	if s.tamper != nil {
		s.tamper(in, out)
	}
	return out
}

// entry is what an honest service records.
func (s *service) entry(in *keyservicev1.UnsealRequest, result *keyservicev1.UnsealResult) audit.Entry {
	leaf := s.certificate.Leaf
	return audit.Entry{
		Time: time.Unix(2, 0), Kind: audit.Unseal, Outcome: result.GetRefusal().Name(), Fleet: fleet, Request: client.RequestID(in.GetNonce()),
		Cluster: "prod-eu", Certificate: leaf.SerialNumber.Text(16), Identity: client.SPKIHash(leaf), Head: head, Revision: in.GetRevision(),
		Placement: "shop", Object: "shop/db", Digest: result.GetDigest(), Targets: []string{"set/all"}, Keys: []string{"k"}, Operations: 1,
	}
}

// show proves an answer in the first size entries of a log.
func (s *service) show(in *keyservicev1.UnsealRequest, out *keyservicev1.UnsealResponse, log *auditlog.Log, size int64) {
	out.Log = &keyservicev1.LogState{Checkpoint: log.Signed(size)}
	if from := int64(in.GetLogSize()); from <= size {
		out.Log.Consistency = log.Consistency(from, size)
	}
	for _, result := range out.GetResults() {
		if in := result.GetInclusion(); in != nil && int64(in.GetIndex()) < size {
			in.Proof = log.Inclusion(size, int64(in.GetIndex()))
		}
	}
}

func (s *service) ProveConsistency(_ context.Context, in *keyservicev1.ProveConsistencyRequest) (*keyservicev1.ProveConsistencyResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proved++
	if s.prove != nil {
		return s.prove(in)
	}
	log := s.log
	if log.Size() < int64(in.GetToSize()) {
		log = s.logOf(2) // the fork is the one that has as many
	}
	return &keyservicev1.ProveConsistencyResponse{Proof: log.Consistency(int64(in.GetFromSize()), int64(in.GetToSize()))}, nil
}

// memory keeps a checkpoint in memory and says what was remembered.
type memory struct {
	mu     sync.Mutex
	signed []byte
	writes int
	fail   error
}

func (m *memory) String() string { return "the memory of the test" }

func (m *memory) Last(context.Context) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.signed, nil
}

func (m *memory) Remember(_ context.Context, signed []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.signed, m.writes = slices.Clone(signed), m.writes+1
	return nil
}

func auditlogOf(t testing.TB) *client.Log {
	key := auditlog.New(t, fleet).VerifierKey()
	return client.NewLog(func() string { return key }, &memory{})
}

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
	s.tamper = func(_ *keyservicev1.UnsealRequest, out *keyservicev1.UnsealResponse) { out.Results[1].Inclusion = nil }
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
func TestNothingIsUsedThatTheLogDoesNotBearOut(t *testing.T) {
	type response = keyservicev1.UnsealResponse
	edits := map[string]func(*audit.Entry){
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
		"an entry of another request":         func(e *audit.Entry) { e.Request = client.RequestID(make([]byte, 32)) },
		"an entry that says nothing about it": func(e *audit.Entry) { *e = audit.Entry{Kind: audit.Start, Fleet: fleet} },
	}
	tampers := map[string]func(*service, *keyservicev1.UnsealRequest, *response){
		"no log":                func(_ *service, _ *keyservicev1.UnsealRequest, r *response) { r.Log = nil },
		"no checkpoint":         func(_ *service, _ *keyservicev1.UnsealRequest, r *response) { r.Log.Checkpoint = nil },
		"no entry":              func(_ *service, _ *keyservicev1.UnsealRequest, r *response) { r.Results[0].Inclusion = nil },
		"no proof of the entry": func(_ *service, _ *keyservicev1.UnsealRequest, r *response) { r.Results[0].Inclusion.Proof = nil },
		"no proof that it grew": func(_ *service, _ *keyservicev1.UnsealRequest, r *response) { r.Log.Consistency = nil },
		"a proof for another index": func(_ *service, _ *keyservicev1.UnsealRequest, r *response) {
			r.Results[0].Inclusion.Proof = r.Results[1].Inclusion.Proof
		},
		"another index": func(_ *service, _ *keyservicev1.UnsealRequest, r *response) { r.Results[0].Inclusion.Index++ },
		"an index past every log": func(_ *service, _ *keyservicev1.UnsealRequest, r *response) {
			r.Results[0].Inclusion.Index = math.MaxUint64
		},
		"an edited entry": func(_ *service, _ *keyservicev1.UnsealRequest, r *response) {
			in := r.Results[0].Inclusion
			in.Entry = []byte(strings.Replace(string(in.Entry), "shop/db", "shop/dc", 1))
		},
		"the entry of the answer's other stub": func(_ *service, _ *keyservicev1.UnsealRequest, r *response) {
			r.Results[0].Inclusion = r.Results[1].Inclusion
		},
		"a refusal that is recorded as something else": func(_ *service, _ *keyservicev1.UnsealRequest, r *response) {
			r.Results[1].Refusal = keyservicev1.Refusal_REFUSAL_KEY
		},
		"a leaf that is no entry": func(s *service, in *keyservicev1.UnsealRequest, r *response) {
			line := append(slices.Clone(r.Results[0].Inclusion.Entry), '\n')
			r.Results[0].Inclusion = &keyservicev1.Inclusion{Index: uint64(s.log.Append(line)), Entry: line}
			s.show(in, r, s.log, s.log.Size())
		},
		"a state without the entry": func(s *service, in *keyservicev1.UnsealRequest, r *response) {
			s.show(in, r, s.log, int64(r.Results[0].Inclusion.Index))
		},
		"a state before the one that was seen": func(s *service, in *keyservicev1.UnsealRequest, r *response) {
			s.show(in, r, s.log, int64(in.GetLogSize())-1)
		},
		"an entry that was there before": func(s *service, in *keyservicev1.UnsealRequest, r *response) {
			// As an earlier answer to this cluster has it, proven anew.
			r.Results[0].Inclusion = &keyservicev1.Inclusion{Index: 1, Entry: s.log.Leaf(1)}
			s.show(in, r, s.log, s.log.Size())
		},
		"a fork before what was seen": func(s *service, in *keyservicev1.UnsealRequest, r *response) {
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
		"another key": func(s *service, in *keyservicev1.UnsealRequest, r *response) {
			other := auditlog.New(s.t, fleet)
			for i := range s.log.Size() {
				other.Append(s.log.Leaf(i))
			}
			s.show(in, r, other, other.Size())
		},
		"another fleet's log under the same key": func(s *service, in *keyservicev1.UnsealRequest, r *response) {
			other := s.log.Fork(s.log.Size())
			other.Fleet = strings.Repeat("0", 32)
			s.show(in, r, other, other.Size())
		},
	}
	for name, edit := range edits {
		t.Run(name, func(t *testing.T) { s := newService(t); s.mustAsk(); s.edit = edit; s.refused(t) })
	}
	for name, tamper := range tampers {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			s.mustAsk()
			s.tamper = func(in *keyservicev1.UnsealRequest, out *response) { tamper(s, in, out) }
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
	var recorded *keyservicev1.UnsealResponse
	us.tamper = func(_ *keyservicev1.UnsealRequest, out *keyservicev1.UnsealResponse) { recorded = out }
	us.mustAsk()
	// The same log, another cluster's certificate, the nonce put right.
	eu := newService(t)
	eu.log = us.log
	key := us.log.VerifierKey()
	eu.relog(client.NewLog(func() string { return key }, eu.memory))
	eu.tamper = func(in *keyservicev1.UnsealRequest, out *keyservicev1.UnsealResponse) {
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
