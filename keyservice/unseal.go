package keyservice

import (
	"context"
	"errors"
	"math"

	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/keyservice/turnstile"
)

// decideAgain says which errors mean that what a decision was made on is not in
// force any more: it is to be made again.
func decideAgain(err error) bool {
	return errors.Is(err, store.ErrHeadMoved) || errors.Is(err, store.ErrDenied)
}

// unsealing answers Unseal.
type unsealing struct {
	*clerk

	heads *heads.Heads
	token Token
	turns *turnstile.Turns
}

// Unseal decides on each digest, in the order of DESIGN §4: who asks, at which
// head, the steps, the token, the audit, the answer.
//
// What the token did stands in the entries of the attempt that is recorded. An
// attempt that is not, since another head was accepted meanwhile, leaves the
// number of its operations to the first entry of the next one. When none is
// recorded, the caller's next count of refusals has it.
func (s *unsealing) Unseal(ctx context.Context, in *keyservicev1.UnsealRequest) (*keyservicev1.UnsealResponse, error) {
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
	s.heads.Know(ctx, in.GetRevision())
	q := &question{id: protocol.RequestID(in.GetNonce()), who: who, revision: in.GetRevision(), nonce: in.GetNonce(),
		digests: in.GetDigests(), logSize: in.GetLogSize()}
	owed := 0
	defer func() { s.owe(who.Entry(audit.Unseal, keyservicev1.ReasonUnavailable), owed) }()
	let := make(allowance, len(q.digests))
	for range heads.DecideAttempts {
		var out *keyservicev1.UnsealResponse
		if out, owed, err = s.attempt(ctx, q, let, owed); !decideAgain(err) {
			return out, err
		}
	}
	return nil, s.refuse(keyservicev1.ReasonUnavailable,
		errors.New("heads are accepted, or denied, faster than a request is decided"), "cluster", who.Name)
}

// attempt decides at the head and the deny list that are in force. owes is how
// many token operations of attempts before stand in no entry, and unrecorded how
// many do so now. After an error that says [decideAgain] nothing was released.
func (s *unsealing) attempt(ctx context.Context, q *question, let allowance, owes int) (
	out *keyservicev1.UnsealResponse, unrecorded int, err error,
) {
	fail := func(reason string, unrecorded int, err error) (*keyservicev1.UnsealResponse, int, error) {
		return nil, unrecorded, s.refuse(reason, err, "cluster", q.who.Name)
	}
	g := &grounds{who: q.who, rows: s.store}
	if g.head, err = s.heads.Openable(ctx); err != nil {
		return fail(heads.Reason(err), owes, err)
	}
	g.log = s.log.With("request", q.id, "cluster", q.who.Name, "head", g.head.Hash)
	if _, reason := clusterAtHead(q.who, g.head.Model); reason != "" {
		return s.refuseAll(ctx, q, g, reason, owes)
	}
	if g.index, err = g.head.Index(ctx, q.who.Name); err != nil {
		return fail(keyservicev1.ReasonUnavailable, owes, err)
	}
	if g.denied, err = s.readDenyList(ctx); err != nil {
		return fail(keyservicev1.ReasonUnavailable, owes, err)
	}
	results := s.work(ctx, q, g)
	quotaOf(ctx).Charge(let.beyond(results))
	written, unrecorded, err := s.record(ctx, q, g, results, owes)
	if decideAgain(err) {
		return nil, unrecorded, err
	}
	if err != nil {
		return fail(keyservicev1.ReasonUnavailable, unrecorded, err)
	}
	if out, err = answer(ctx, q, g, results, written); err != nil {
		return fail(keyservicev1.ReasonUnavailable, unrecorded, err)
	}
	for i := range results {
		s.metrics.unseals.WithLabelValues(results[i].refusal.Name()).Inc()
	}
	return out, unrecorded, nil
}

// refuseAll refuses a whole request for who asks it, with one record a digest:
// what a suspended cluster still asks for is worth knowing.
func (s *unsealing) refuseAll(ctx context.Context, q *question, g *grounds, reason string, owes int) (
	*keyservicev1.UnsealResponse, int, error,
) {
	entries := make([]audit.Entry, len(q.digests))
	for i, digest := range q.digests {
		entries[i] = entryOf(q, g, &opened{decided: decided{digest: digest}}, reason)
	}
	entries[0].Operations += owes
	if err := s.recordDenials(ctx, entries...); err != nil {
		return nil, owes, s.refuse(keyservicev1.ReasonUnavailable, err, "cluster", q.who.Name)
	}
	s.metrics.unseals.WithLabelValues(reason).Add(float64(len(q.digests)))
	why := errors.New("the accepted head does not let this cluster unseal")
	return nil, 0, s.refuse(reason, why, "cluster", q.who.Name)
}

// allowance is what a request was let in for: one operation a digest, once, whatever
// becomes of it. It has, by digest, whether that one is used.
type allowance []bool

// beyond is what an attempt asked of the token beyond it. A digest that the first
// attempt did not come to still has its own.
func (a allowance) beyond(results []opened) (operations int) {
	for i := range results {
		n := results[i].operations
		if n > 0 && !a[i] {
			a[i] = true
			n--
		}
		operations += n
	}
	return operations
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

// answer is what leaves: the results, each with its place in the log.
func answer(ctx context.Context, q *question, g *grounds, results []opened, w written) (
	*keyservicev1.UnsealResponse, error,
) {
	out := &keyservicev1.UnsealResponse{Fleet: q.who.Fleet, Head: g.head.Hash, Nonce: q.nonce}
	var err error
	if out.Log, err = w.receipt.State(ctx, q.logSize); err != nil {
		return nil, err
	}
	for i := range results {
		result := &keyservicev1.UnsealResult{Digest: results[i].digest, Refusal: results[i].refusal}
		for _, stanza := range results[i].stanzas {
			result.Stanzas = append(result.Stanzas,
				&keyservicev1.Stanza{Type: stanza.Type, Args: stanza.Args, Body: stanza.Body})
		}
		if leaf := w.leaves[i]; leaf >= 0 {
			if result.Inclusion, err = w.receipt.Inclusion(leaf); err != nil {
				return nil, err
			}
		}
		out.Results = append(out.Results, result)
	}
	return out, nil
}
