package client_test

import (
	"context"
	"crypto/tls"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/fixtures/auditlog"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1/keyservicev1connect"
	"github.com/bulla-dev/bulla/keyservice/protocol"
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
	// forge changes what is shown of an accepted history.
	forge  func(*keyservicev1.ProveRewriteResponse)
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
		Time: time.Unix(2, 0), Kind: audit.Unseal, Outcome: result.GetRefusal().Name(), Fleet: fleet, Request: protocol.RequestID(in.GetNonce()),
		Cluster: "prod-eu", Certificate: leaf.SerialNumber.Text(16), Identity: protocol.SPKIHash(leaf), Head: head, Revision: in.GetRevision(),
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
