package keyservice

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"sync"

	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/journal"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/sealing"
)

// request is one Unseal: who asks, and the head that decides, both fixed once.
type request struct {
	id       string
	caller   authority.Cluster
	revision string
	// logSize is how much of the audit log the caller saw.
	logSize  uint64
	head     *head
	index    *index
	denyList *denyList
	rows     placedStore
	log      *slog.Logger
}

// Unseal decides on each digest, in the order of DESIGN §4: who asks, at which
// head, the steps, the token, the audit, the answer.
func (s *Server) Unseal(ctx context.Context, in *keyservicev1.UnsealRequest) (*keyservicev1.UnsealResponse, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, s.refuse(keyservicev1.ReasonCertificate, err)
	}
	if problem := checkUnseal(in); problem != "" {
		return nil, s.refuseRecorded(ctx, who.Entry(audit.Unseal, keyservicev1.ReasonRequest), errors.New(problem))
	}
	if err := s.limitDigests(ctx, who, len(in.GetDigests())); err != nil {
		return nil, err
	}
	// A log that lost entries which a cluster saw decides nothing more.
	if _, err := s.journal.Latest(ctx, in.GetLogSize()); err != nil {
		return nil, s.refuse(keyservicev1.ReasonUnavailable, err, "cluster", who.Name)
	}
	s.heads.know(ctx, in.GetRevision())
	spent := newSpending(len(in.GetDigests()))
	defer func() { s.owe(who.Entry(audit.Unseal, keyservicev1.ReasonUnavailable), spent.unrecordedTotal()) }()
	for range decideAttempts {
		out, err := s.unsealAt(ctx, who, in, spent)
		if !isMoved(err) {
			return out, err
		}
	}
	return nil, s.refuse(keyservicev1.ReasonUnavailable, errors.New("heads are accepted, or denied, faster than a request is decided"), "cluster", who.Name)
}

// isMoved: what the decision was made on is not in force any more.
func isMoved(err error) bool {
	return errors.Is(err, store.ErrHeadMoved) || errors.Is(err, store.ErrDenied)
}

// unsealAt decides at the head and the deny list that are in force. An error that
// isMoved means that another head was accepted meanwhile, or something denied,
// here or by another replica: nothing was released or recorded, and it is to be
// decided again. What the token was asked
// meanwhile stands in spent, for the entries of the next attempt.
func (s *Server) unsealAt(ctx context.Context, who authority.Cluster, in *keyservicev1.UnsealRequest, spent *spending) (*keyservicev1.UnsealResponse, error) {
	now, err := s.heads.openable(ctx)
	if err != nil {
		return nil, s.refuse(headReason(err), err, "cluster", who.Name)
	}
	q := &request{id: protocol.RequestID(in.GetNonce()), caller: who, revision: in.GetRevision(), logSize: in.GetLogSize(), head: now, rows: s.store}
	q.log = s.log.With("request", q.id, "cluster", who.Name, "head", now.hash)
	decisions := spent.decisions(in.GetDigests())
	if _, reason := clusterAtHead(who, now.model); reason != "" {
		return nil, s.deny(ctx, q, decisions, reason, spent)
	}
	if q.index, err = now.indexes.get(ctx, who.Name); err != nil {
		return nil, s.refuse(keyservicev1.ReasonUnavailable, err, "cluster", who.Name)
	}
	if q.denyList, err = s.readDenyList(ctx); err != nil {
		return nil, s.refuse(keyservicev1.ReasonUnavailable, err, "cluster", who.Name)
	}
	s.work(ctx, q, decisions)
	charge(ctx, spent.add(decisions))
	receipt, err := s.record(ctx, q, decisions)
	spent.settle(decisions, err == nil)
	if isMoved(err) {
		return nil, err
	}
	if err != nil {
		return nil, s.refuse(keyservicev1.ReasonUnavailable, err, "cluster", who.Name)
	}
	out, err := s.respond(ctx, q, receipt, decisions)
	if err != nil {
		return nil, s.refuse(keyservicev1.ReasonUnavailable, err, "cluster", who.Name)
	}
	for i := range decisions {
		s.metrics.unseals.WithLabelValues(decisions[i].refusal.Name()).Inc()
	}
	out.Nonce = in.GetNonce()
	return out, nil
}

func checkUnseal(in *keyservicev1.UnsealRequest) (problem string) {
	switch {
	case !hexid.IsCommit(in.GetRevision()):
		return "revision is not 40 or 64 hexadecimal digits"
	case len(in.GetNonce()) < protocol.MinNonce || len(in.GetNonce()) > protocol.MaxNonce:
		return "nonce is not 16 to 32 bytes"
	case in.GetLogSize() > math.MaxInt64:
		return "log_size is out of range"
	}
	return digestsProblem(in.GetDigests())
}

func digestsProblem(digests []string) string {
	if len(digests) == 0 || len(digests) > protocol.MaxDigests {
		return "not 1 to 1000 digests"
	}
	seen := make(map[string]bool, len(digests))
	for _, digest := range digests {
		if !hexid.IsDigest(digest) || seen[digest] {
			return "a digest is not sha256: and 64 hexadecimal digits, or stands twice"
		}
		seen[digest] = true
	}
	return ""
}

// deny refuses a whole request for who asks it, with one record a digest: what a
// suspended cluster still asks for is worth knowing.
func (s *Server) deny(ctx context.Context, q *request, decisions []decision, reason string, spent *spending) error {
	entries := make([]audit.Entry, len(decisions))
	for i := range decisions {
		entries[i] = s.entry(q, &decisions[i], reason)
	}
	if err := s.recordDenials(ctx, entries...); err != nil {
		return s.refuse(keyservicev1.ReasonUnavailable, err, "cluster", q.caller.Name)
	}
	spent.settle(decisions, true)
	s.metrics.unseals.WithLabelValues(reason).Add(float64(len(decisions)))
	return s.refuse(reason, errors.New("the accepted head does not let this cluster unseal"), "cluster", q.caller.Name)
}

// work decides on each digest and asks the token, one operation a block, as
// many blocks at a time as keep every session busy. The token opens the first
// blocks while the next digests are decided on. Blocks of all requests share
// the slots, one caller's after the other's.
func (s *Server) work(ctx context.Context, q *request, decisions []decision) {
	var group sync.WaitGroup
	defer group.Wait()
	for i := range decisions {
		d := &decisions[i]
		if q.decide(ctx, d); d.refusal == granted {
			s.open(ctx, q, d, &group)
		}
	}
}

// open starts the blocks of one digest and returns; group ends when they did.
func (s *Server) open(ctx context.Context, q *request, d *decision, group *sync.WaitGroup) {
	d.stanzas = make([]sealing.Stanza, len(d.blocks))
	refusals := make([]keyservicev1.Refusal, len(d.blocks))
	var blocks sync.WaitGroup
	for n := range d.blocks {
		if s.slots.Acquire(ctx, q.caller.Identity) != nil {
			refusals[n] = unavailable
			break
		}
		d.operations++
		blocks.Go(func() {
			defer s.slots.Release()
			d.stanzas[n], refusals[n] = s.unlock(ctx, q, d, n)
		})
	}
	group.Go(func() {
		blocks.Wait()
		d.settle(refusals)
	})
}

// settle refuses the digest when a block was refused: half a secret is no use.
func (d *decision) settle(refusals []keyservicev1.Refusal) {
	for _, refusal := range refusals {
		if refusal != granted {
			d.refusal, d.stanzas = refusal, nil
			return
		}
	}
}

func (s *Server) unlock(ctx context.Context, q *request, d *decision, n int) (sealing.Stanza, keyservicev1.Refusal) {
	b := d.blocks[n]
	stanza, err := b.prepared.Unlock(ctx, s.token, q.index.cluster.Spec.Recipient)
	var refused *sealing.Error
	switch {
	case err == nil:
		s.metrics.operations.WithLabelValues("opened").Inc()
		return stanza, granted
	case errors.As(err, &refused), errors.Is(err, sealing.ErrOpen):
		s.metrics.operations.WithLabelValues("refused").Inc()
		q.log.Info("block does not open", "digest", d.digest, "block", n)
		return sealing.Stanza{}, invalid
	}
	s.metrics.operations.WithLabelValues("failed").Inc()
	q.log.Error("token failed", "digest", d.digest, "block", n, "key", b.lock.Key, "error", err.Error())
	return sealing.Stanza{}, unavailable
}

func (s *Server) respond(ctx context.Context, q *request, r *journal.Receipt, decisions []decision) (*keyservicev1.UnsealResponse, error) {
	out := &keyservicev1.UnsealResponse{Fleet: q.caller.Fleet, Head: q.head.hash}
	var err error
	if out.Log, err = r.State(ctx, q.logSize); err != nil {
		return nil, err
	}
	for i := range decisions {
		d := &decisions[i]
		result := &keyservicev1.UnsealResult{Digest: d.digest, Refusal: d.refusal}
		for _, stanza := range d.stanzas {
			result.Stanzas = append(result.Stanzas, &keyservicev1.Stanza{Type: stanza.Type, Args: stanza.Args, Body: stanza.Body})
		}
		if d.leaf >= 0 {
			if result.Inclusion, err = r.Inclusion(d.leaf); err != nil {
				return nil, err
			}
		}
		out.Results = append(out.Results, result)
	}
	return out, nil
}
